"""Ultralytics' networks (YOLOv5u, YOLOv8, YOLO11 and later) as the person detector: the extra `amiko[ultralytics]`.

The library and its weights are under AGPL-3.0, which asks whoever offers a service with them to offer its source code,
or for Ultralytics' licence. Nothing else of Amiko needs or imports it.
"""

import hashlib
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from domain.errors import NetworksError
from domain.places import cache
from domain.settings import Network
from networks import hub
from networks.batches import WHOLE
from networks.embedded import YoloDetector
from networks.runtime import torch_runner

_LOGGER = logging.getLogger(__name__)

LICENCE = (
    "this detector is Ultralytics', under AGPL-3.0: who offers a service with it must offer the source code, or have"
    " Ultralytics' licence (https://www.ultralytics.com/license)"
)
INSTALL = "install it: pip install 'amiko[ultralytics]' (AGPL-3.0; it brings torchvision)"
#: Where Ultralytics keeps its weights.
ASSETS = "https://github.com/ultralytics/assets/releases"


def find(network: Network) -> Path:
    """The file, as it is named or in AMIKO_CACHE. Raises NetworksError."""
    name = network.checkpoint
    for path in (Path(name).expanduser(), cache() / name):
        if path.is_file():
            return path
    raise NetworksError(
        f"{name}: no such file, nor in {cache()}; take it from {ASSETS} and name its place in stores.yaml"
    )


class _People(nn.Module):
    """`(B, H, W, 3)` uint8 BGR to `(B, N, 5)`: centre and size in pixels, and how surely that is a person."""

    def __init__(self, model: Any, person: int) -> None:
        super().__init__()
        self.model = model
        self.person = person

    def forward(self, pictures: Tensor) -> Tensor:
        dtype = next(self.model.parameters()).dtype
        found = self.model(pictures.flip(-1).permute(0, 3, 1, 2).to(dtype) / 255)
        # trained ones give their maps as well
        boxes = found[0] if isinstance(found, tuple | list) else found
        people: Tensor = torch.cat((boxes[:, :4], boxes[:, 4 + self.person : 5 + self.person]), 1).transpose(1, 2)
        return people


def load_ultralytics(network: Network) -> YoloDetector:
    """Raises NetworksError for whatever is wrong with the file or the device."""
    path = find(network)
    model = _load(network, path)
    names = getattr(model, "names", None) or {}
    person = next((number for number, name in names.items() if str(name).strip().casefold() == "person"), None)
    if getattr(model, "task", None) != "detect":
        raise NetworksError(f"{network.checkpoint}: is no detector (its task is {getattr(model, 'task', 'unknown')})")
    if person is None:
        some = ", ".join(map(str, list(names.values())[:5])) or "none"
        raise NetworksError(f"{network.checkpoint}: does not know the class 'person'; its classes begin with: {some}")
    _LOGGER.warning("%s: %s", network.checkpoint, LICENCE)
    with path.open("rb") as file:
        identity = f"{path.stem}@{hashlib.file_digest(file, 'sha256').hexdigest()[:8]}"
    with hub.explained(network.checkpoint):
        run = torch_runner(_People(model, int(person)), network)
        # so that what does not fit is told at the start
        run(np.zeros((1, 256, 416, 3), np.uint8))
    return YoloDetector(run, identity, together=WHOLE)


def _load(network: Network, path: Path) -> Any:
    # read when the library is imported: it installs packages, asks its servers and unpickles unless told not to
    os.environ.setdefault("YOLO_OFFLINE", "true")
    os.environ.setdefault("YOLO_AUTOINSTALL", "false")
    os.environ.setdefault("YOLO_VERBOSE", "false")
    with hub.explained(network.checkpoint):
        try:
            from ultralytics.nn import tasks
        except ImportError as error:
            raise NetworksError(f"{network.checkpoint}: needs ultralytics; {INSTALL}") from error

        # only classes of its own and of torch are made out of the file, unless the settings trust it
        tasks.SAFE_LOAD = not network.allow_pickle
        model, _ = tasks.load_checkpoint(path)
        head = model.model[-1]
        if getattr(head, "end2end", False):
            # its heads that need no suppression answer in another form
            head.end2end = False
        return model.fuse(verbose=False).eval()
