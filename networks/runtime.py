"""Runs a network: by torch, or by ONNX Runtime, which takes half of torch's time on a CPU."""

import io
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from domain.errors import NetworksError
from domain.places import cache
from domain.settings import Network
from networks import weights

_LOGGER = logging.getLogger(__name__)

Floats = NDArray[np.float32]
#: A batch of uint8 or float32 in (some networks take more than one array), float32 out; rows belong together.
Run = Callable[..., Floats]
Arrays = tuple[NDArray[Any], ...]

#: Goes up when what is exported changes, so that graphs exported before are not used.
EXPORT = 1
#: The operators that the graph may use; ONNX Runtime has known these since 1.15.
OPSET = 17
#: Bytes of weights beyond which a network is exported only if the settings ask for it: CLIP ViT-L takes 7.6 GB while
#: it is exported, four times torch's memory, and half of torch's time a crop afterwards.
LARGE = 500_000_000


def runner(
    model: nn.Module,
    network: Network,
    identity: str,
    *,
    probe: Arrays,
    dynamic: tuple[int, ...],
    tolerance: Floats,
) -> Run:
    """The model, ready to run as the settings say.

    `probe`: a batch of two that the model takes, on which both runtimes must agree to within `tolerance` (it is
    broadcast over the last axis). `dynamic`: the axes of the input that may have other lengths; the
    others never have.
    Raises NetworksError for a GPU that is not there and for too little memory.
    """
    device = device_of(network)
    size = sum(values.numel() * values.element_size() for values in model.parameters())
    wanted = network.runtime == "onnxruntime" or (network.runtime == "auto" and size <= LARGE)
    if device.type == "cpu" and wanted:
        try:
            return _onnx(model, identity, probe, dynamic, tolerance)
        except ImportError:
            reason = "onnxruntime is not installed; install it: pip install onnxruntime"
        except Exception as error:  # noqa: BLE001 - whatever the exporter or the runtime stumbles over, torch runs it
            reason = (str(error).splitlines() or [type(error).__name__])[0]
        _LOGGER.warning("%s is run by torch, which is slower here: %s", identity, reason)
    return torch_runner(model, network)


def torch_runner(model: nn.Module, network: Network) -> Run:
    """The model run by torch, where ONNX Runtime can't: half precision on a GPU. Raises NetworksError as `runner`."""
    device = device_of(network)
    return by_torch(model, device, half=network.half and device.type == "cuda", compiled=network.compile)


def device_of(network: Network) -> torch.device:
    """Raises NetworksError for a GPU that is not there, unless the settings leave the choice."""
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if network.device == "auto":
        return torch.device("cuda" if there else "cpu")
    device = torch.device(network.device)
    if device.type == "cuda" and (device.index or 0) >= there:
        raise NetworksError(
            f"{network.checkpoint}: the settings ask for the device {network.device}, but torch finds"
            f" {there or 'no'} GPU here; set device: auto (or cpu), give the network a share of it (num_gpus in"
            " networks.scaling), or see to the driver: nvidia-smi"
        )
    return device


def by_torch(model: nn.Module, device: torch.device, *, half: bool = False, compiled: bool = False) -> Run:
    """Channels last where there are pictures: faster on a CPU, and on a GPU in half precision."""
    # torch's annotations lack memory_format alone
    model = model.eval().to(device, torch.float16 if half else torch.float32)
    model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # see above
    run: Callable[..., Tensor] = torch.compile(model) if compiled else model
    dtype = torch.float16 if half else torch.float32

    def call(*arrays: NDArray[Any]) -> Floats:
        batch = [torch.from_numpy(array).to(device) for array in arrays]
        with torch.inference_mode():
            outputs = run(*(part.to(dtype) if part.is_floating_point() else part for part in batch))
            floats: Floats = outputs.float().cpu().numpy()
        return floats

    return call


def _onnx(model: nn.Module, identity: str, probe: Arrays, dynamic: tuple[int, ...], tolerance: Floats) -> Run:
    import onnxruntime  # noqa: PLC0415 - 0.2 s that torch alone does not need

    expected = by_torch(model, torch.device("cpu"))(*probe)
    path = graph_path(identity)
    try:
        # by its path: of bytes, ONNX Runtime keeps a copy
        run = _session(onnxruntime, str(path))
        agrees = _agree(run(*probe), expected, tolerance)
    except Exception as error:  # noqa: BLE001 - not there yet, or damaged: it is exported anew
        _LOGGER.debug("%s: %s", path, error)
        agrees = False
    if not agrees:
        graph = _export(model, torch.from_numpy(probe[0]), dynamic)
        run = _session(onnxruntime, graph)
        if not _agree(run(*probe), expected, tolerance):
            raise NetworksError("ONNX Runtime's answers differ from torch's")
        try:
            weights.write_whole(path, graph)
            run = _session(onnxruntime, str(path))
        except NetworksError as error:
            _LOGGER.warning("%s; it will be exported again at each start", error)
    return run


def graph_path(identity: str) -> Path:
    """Where a network's exported graph lies; the identity holds the hash of its weights."""
    return cache() / "onnx" / f"{identity.replace('/', '--')}-{EXPORT}-torch-{torch.__version__}.onnx"


def _session(onnxruntime: ModuleType, graph: str | bytes) -> Run:
    options = onnxruntime.SessionOptions()
    # one thread a replica: two replicas with two threads each are in each other's way
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def call(inputs: NDArray[Any]) -> Floats:
        outputs: Floats = session.run(["outputs"], {"inputs": inputs})[0]
        return outputs

    return call


def _export(model: nn.Module, example: Tensor, dynamic: tuple[int, ...]) -> bytes:
    """The exporter that traces: its successor needs a package more and leaves the shapes fixed here."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        # that it is the older one, and what tracing can't see; the probe tells whether the graph is right
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (example,),
            file,  # type: ignore[arg-type]  # the tracing exporter writes into files, whatever the annotation says
            input_names=["inputs"],
            output_names=["outputs"],
            dynamic_axes={"inputs": {axis: f"axis{axis}" for axis in dynamic}, "outputs": {0: "axis0"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return file.getvalue()


def _agree(found: Floats, expected: Floats, tolerance: Floats) -> bool:
    # written so that NaN does not agree
    return found.shape == expected.shape and bool((np.abs(found - expected) <= tolerance).all())
