"""Any person detector of transformers' `AutoModelForObjectDetection`: RT-DETR, D-FINE, YOLOS, DETR, and what comes."""

import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from domain.errors import NetworksError
from domain.records import Detection, Image
from domain.settings import Network
from networks import hub
from networks.batches import WHOLE, alike
from networks.hub import Checkpoint
from networks.runtime import Run, torch_runner

_LOGGER = logging.getLogger(__name__)

PERSON = "person"


def people(checkpoint: Checkpoint) -> frozenset[int]:
    """The numbers of the class "person" by the checkpoint's own labels.

    Raises NetworksError for what is no detector, and for one that does not know people.
    """
    architectures = checkpoint.config.get("architectures") or []
    if not any(str(name).endswith("ForObjectDetection") for name in architectures):
        told = ", ".join(map(str, architectures)) or checkpoint.family
        raise NetworksError(
            f"{checkpoint.name}: is no detector ({told}); one says …ForObjectDetection in its config.json,"
            " for example PekingU/rtdetr_v2_r18vd"
        )
    labels = checkpoint.config.get("id2label")
    labels = labels if isinstance(labels, dict) else {}
    found = frozenset(int(number) for number, label in labels.items() if str(label).strip().casefold() == PERSON)
    if not found:
        some = ", ".join(map(str, list(labels.values())[:5])) or "none"
        raise NetworksError(f"{checkpoint.name}: does not know the class {PERSON!r}; its classes begin with: {some}")
    return found


class _Boxes(nn.Module):
    """Pixels `(B, 3, H, W)` to `(B, queries, classes + 4)`: logits, then boxes as shares of the picture."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        found = self.model(pixel_values=pixels)
        return torch.cat((found.logits, found.pred_boxes), -1)


class HubDetector:
    """A checkpoint as a `networks.detector.Detector`."""

    def __init__(self, run: Run, processor: Any, identity: str, person: frozenset[int]) -> None:
        self._run = run
        self._processor = processor
        self._person = person
        self.identity = identity

    def detect(self, pictures: Sequence[Image], score: float) -> list[list[Detection]]:
        """See `networks.detector.Detector`."""
        found: list[list[Detection]] = [[] for _ in pictures]
        # no processor has to pad then, and boxes are shares of the picture itself
        for numbers in alike(pictures, WHOLE):
            shape = pictures[numbers[0]].shape
            outputs = torch.from_numpy(self._run(pixels(self._processor, [pictures[number] for number in numbers])))
            answers = self._processor.post_process_object_detection(
                SimpleNamespace(logits=outputs[..., :-4], pred_boxes=outputs[..., -4:]),
                threshold=score,
                target_sizes=[shape[:2]] * len(numbers),
            )
            for number, answer in zip(numbers, answers, strict=True):
                found[number] = self._detections(answer, shape)
        return found

    def _detections(self, answer: dict[str, Tensor], shape: tuple[int, ...]) -> list[Detection]:
        height, width = shape[:2]
        detections = []
        for score, label, box in zip(answer["scores"], answer["labels"], answer["boxes"], strict=True):
            if int(label) not in self._person:
                continue
            x_min, y_min, x_max, y_max = (float(value) for value in box)
            detections.append(
                Detection(box=(max(x_min, 0), max(y_min, 0), min(x_max, width), min(y_max, height)), score=float(score))
            )
        return sorted(detections, key=lambda one: -one.score)


def pixels(processor: Any, pictures: Sequence[Image]) -> Any:
    """BGR pictures of one shape as the network takes them: `(B, 3, H, W)` float32."""
    rgb = [cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) for picture in pictures]
    return processor(images=rgb, return_tensors="np", input_data_format="channels_last")["pixel_values"]


def load_hub_detector(network: Network) -> HubDetector:
    """Raises NetworksError for whatever is wrong with the checkpoint or the device."""
    checkpoint = hub.find(network)
    person = people(checkpoint)
    processor = checkpoint.tool("AutoImageProcessor")
    model = checkpoint.load("AutoModelForObjectDetection")
    identity = checkpoint.identity()
    if network.runtime == "onnxruntime":
        # RT-DETR and D-FINE answered otherwise when exported, and the others take pictures of many sizes
        _LOGGER.warning("%s is run by torch: detectors of this kind are not exported", identity)
    with hub.explained(network.checkpoint):
        run = torch_runner(_Boxes(model), network)
        # so that what does not fit is told at the start
        run(pixels(processor, [np.zeros((256, 416, 3), np.uint8)] * 2))
    return HubDetector(run, processor, identity, person)
