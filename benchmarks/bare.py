"""`amiko bench bare`: the embedded networks in a bare loop, without Ray, by torch and by ONNX Runtime."""

import json as json_module
import time
from collections.abc import Callable
from statistics import median
from typing import Literal, TypedDict

import numpy as np
import torch

from domain.records import Image
from domain.settings import DETECTOR, ENCODER, Network
from networks.detector import load_detector
from networks.encoder import load_encoder

Runtime = Literal["torch", "onnxruntime"]
RUNTIMES: tuple[Runtime, ...] = ("torch", "onnxruntime")
BATCHES = (1, 8)
#: Passes that are measured, after two that are not.
ROUNDS = 30


class Bare(TypedDict):
    """Milliseconds a picture by each runtime, the medians of ROUNDS passes, one thread; and torch's by the other's."""

    torch: float
    onnxruntime: float
    ratio: float


def detectors(*, width: int = 416, height: int = 256, batch: int = 1) -> Bare:
    """A frame: batch, network and suppression; no JPEG."""
    pictures = [_noise(height, width, seed) for seed in range(batch)]

    def passes(runtime: Runtime) -> Callable[[], object]:
        detector = load_detector(_with(DETECTOR, runtime))
        return lambda: detector.detect(pictures, 0.5)

    return _compared(passes, batch)


def encoders(*, batch: int = 1) -> Bare:
    """A crop of 200x80 pixels: resizing and network; no JPEG."""
    crops = [_noise(200, 80, seed) for seed in range(batch)]

    def passes(runtime: Runtime) -> Callable[[], object]:
        encoder = load_encoder(_with(ENCODER, runtime))
        return lambda: encoder.embed(crops)

    return _compared(passes, batch)


def _with(network: Network, runtime: Runtime) -> Network:
    return network.model_copy(update={"runtime": runtime, "device": "cpu"})


def _noise(height: int, width: int, seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _compared(passes: Callable[[Runtime], Callable[[], object]], batch: int) -> Bare:
    """By turns, so that what else runs on the machine weighs on both alike. Sets torch to one thread."""
    torch.set_num_threads(1)
    calls = {runtime: passes(runtime) for runtime in RUNTIMES}
    times: dict[Runtime, list[float]] = {runtime: [] for runtime in RUNTIMES}
    for _ in range(2 + ROUNDS):
        for runtime, call in calls.items():
            began = time.perf_counter()
            call()
            times[runtime].append((time.perf_counter() - began) * 1000 / batch)
    slow, fast = (median(times[runtime][2:]) for runtime in RUNTIMES)
    return Bare(torch=round(slow, 2), onnxruntime=round(fast, 2), ratio=round(slow / fast, 2))


def run(*, json: bool) -> None:
    """`amiko bench bare`."""
    found = {
        "detector, 416x256": [detectors(batch=batch) for batch in BATCHES],
        "detector, 640x384": [detectors(width=640, height=384, batch=batch) for batch in BATCHES],
        "encoder": [encoders(batch=batch) for batch in BATCHES],
    }
    if json:
        print(
            json_module.dumps({name: dict(zip(map(str, BATCHES), rows, strict=True)) for name, rows in found.items()})
        )
        return
    print(f"{'network':20} {'batch':>5} {'torch, ms':>10} {'onnxruntime, ms':>16} {'ratio':>6}")
    for name, rows in found.items():
        for batch, one in zip(BATCHES, rows, strict=True):
            print(f"{name:20} {batch:>5} {one['torch']:>10} {one['onnxruntime']:>16} {one['ratio']:>6}")
