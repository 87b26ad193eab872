"""`amiko bench networks`: what the way through Ray Serve costs, beside the same network in a bare loop.

A bare loop gets decoded pictures, one after the other; the deployment gets the same ones as JPEG from many callers.
Rounds of both take turns, so that whatever else the machine does falls on both.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from json import dumps
from statistics import median
from typing import Any, Literal, TypedDict

import cv2
import numpy as np
import ray
import torch
from ray import serve
from rich.console import Console
from rich.table import Table
from skimage import data

from actors.cluster import leave, start_or_join, start_serve
from actors.networks import handle
from amiko.environment import make_token
from benchmarks.learning_photos import throw_away_home
from benchmarks.speed_shop import Usage
from deployments.application import deployment
from deployments.detector import PersonDetector
from deployments.encoder import VisitorEncoder
from domain.records import Image
from domain.settings import DETECTOR, ENCODER, Network, Scaling
from networks import jpeg
from networks.detector import load_detector
from networks.encoder import load_encoder
from vision.picture import resized

Runtime = Literal["onnxruntime", "torch"]
Kind = Literal["detector", "encoder"]

RUNTIMES: tuple[Runtime, ...] = ("onnxruntime", "torch")
REPLICAS = (1, 2)
#: Pairs of rounds, and seconds of each round.
ROUNDS = 5
ROUND_S = 2.0
#: Calls under way for each replica: a camera has one, and at five pictures a second twice as many cameras fill a
#: replica.
CALLS = 24
SCORE = 0.25


class Measured(TypedDict):
    """Milliseconds a picture, all replicas together; medians of the rounds."""

    runtime: Runtime
    replicas: int
    bare_ms: float
    deployment_ms: float
    #: The deployment's throughput as a share of the bare loops', the median of the pairs of rounds.
    ratio: float
    #: The least and the largest of the pairs.
    spread: tuple[float, float]
    #: Milliseconds of processor time a picture: the network alone, the replica with it, and whoever asks.
    cpu_bare_ms: float
    cpu_replica_ms: float
    cpu_caller_ms: float


class OfNetwork(TypedDict):
    """One deployment beside its bare network."""

    #: One replica beside one bare loop, by the runtime that is used by default.
    ratio: float
    #: Two beside two. On two cores the callers, and all else of Ray, share them with the replicas.
    ratio_of_two: float
    rows: list[Measured]


class Results(TypedDict):
    """What `--json` prints."""

    detector: OfNetwork
    encoder: OfNetwork


class Bare:
    """The network alone, in a process of its own as a replica is."""

    def __init__(self, kind: Kind, runtime: Runtime, picture: Image) -> None:
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        network = _network(kind, runtime)
        self._detector = load_detector(network) if kind == "detector" else None
        self._encoder = load_encoder(network) if kind == "encoder" else None
        self._picture = picture

    def run(self, seconds: float) -> tuple[float, float]:
        """Pictures a second, and milliseconds of processor time for each."""
        begin, used, done = time.monotonic(), time.process_time(), 0
        while time.monotonic() - begin < seconds:
            if self._detector:
                self._detector.detect([self._picture], SCORE)
            if self._encoder:
                self._encoder.embed([self._picture])
            done += 1
        return done / (time.monotonic() - begin), 1000 * (time.process_time() - used) / done


def run(*, json: bool) -> Results:
    """Measure on a Ray of our own; about four minutes."""
    make_token()
    # Ray tells of its actors on standard output, which belongs to the result
    with redirect_stdout(sys.stderr), throw_away_home():
        start_or_join(None)
        try:
            start_serve()
            results = asyncio.run(_measure())
        finally:
            serve.shutdown()
            leave()
    if json:
        print(dumps(results))
    else:
        _show(results)
    return results


async def _measure() -> Results:
    photograph: Image = data.astronaut()
    astronaut = np.ascontiguousarray(photograph[..., ::-1])
    # a wide camera's picture, and a person's crop
    wide, crop = resized(astronaut, (416, 256)), resized(astronaut[:, 80:400], (120, 260))
    of: dict[Kind, OfNetwork] = {}
    pictures: dict[Kind, Image] = {"detector": wide, "encoder": crop}
    for kind, picture in pictures.items():
        rows = [await _compare(kind, runtime, picture, replicas) for runtime in RUNTIMES for replicas in REPLICAS]
        of[kind] = OfNetwork(ratio=rows[0]["ratio"], ratio_of_two=rows[1]["ratio"], rows=rows)
    return Results(detector=of["detector"], encoder=of["encoder"])


async def _compare(kind: Kind, runtime: Runtime, picture: Image, replicas: int) -> Measured:
    remote: Any = ray.remote(Bare)
    bare = [remote.options(num_cpus=0).remote(kind, runtime, picture) for _ in range(replicas)]
    scaling = Scaling(min_replicas=replicas, max_replicas=replicas)
    made_of = {"detector": PersonDetector, "encoder": VisitorEncoder}[kind]
    bound = deployment(made_of, made_of.__name__, scaling).bind(_network(kind, runtime), scaling)
    await asyncio.to_thread(serve.run, bound, name="bench", route_prefix=None)
    asked: Any = handle(made_of.__name__, "bench")
    call = asked.detect if kind == "detector" else asked.embed
    arguments = (jpeg.encode(picture), SCORE)[: 2 if kind == "detector" else 1]
    # connections are opened, and both are warm
    await _load(call, arguments, replicas * CALLS, 1)
    await asyncio.gather(*(one.run.remote(1) for one in bare))
    pairs, cpu_ms, usage = [], [], Usage()
    for _ in range(ROUNDS):
        alone = await asyncio.gather(*(one.run.remote(ROUND_S) for one in bare))
        usage.mark()
        served, answers = await _load(call, arguments, replicas * CALLS, ROUND_S)
        used = usage.since()
        pairs.append((sum(rate for rate, _ in alone), served))
        cpu_bare = sum(ms for _, ms in alone) / replicas
        cpu_ms.append((cpu_bare, *(1000 * used[who] / answers for who in (kind, "this process"))))
    for one in bare:
        ray.kill(one)
    await asyncio.to_thread(serve.delete, "bench")
    ratios = [served / alone for alone, served in pairs]
    return Measured(
        runtime=runtime,
        replicas=replicas,
        bare_ms=round(1000 / median(alone for alone, _ in pairs), 2),
        deployment_ms=round(1000 / median(served for _, served in pairs), 2),
        ratio=round(median(ratios), 3),
        spread=(round(min(ratios), 3), round(max(ratios), 3)),
        cpu_bare_ms=round(median(bare for bare, _, _ in cpu_ms), 2),
        cpu_replica_ms=round(median(replica for _, replica, _ in cpu_ms), 2),
        cpu_caller_ms=round(median(caller for _, _, caller in cpu_ms), 2),
    )


async def _load(call: Any, arguments: Sequence[object], calls: int, seconds: float) -> tuple[float, int]:
    """Answers a second with so many calls under way; and all answers, those of calls under way at the end included."""
    begin, done, all_done = time.monotonic(), 0, 0

    async def ask() -> None:
        nonlocal done, all_done
        while time.monotonic() - begin < seconds:
            await call.remote(*arguments)
            all_done += 1
            done += time.monotonic() - begin < seconds

    await asyncio.gather(*(ask() for _ in range(calls)))
    return done / seconds, all_done


def _network(kind: Kind, runtime: Runtime) -> Network:
    checkpoint = (DETECTOR if kind == "detector" else ENCODER).checkpoint
    return Network(checkpoint=checkpoint, runtime=runtime, device="cpu")


def _show(results: Results) -> None:
    table = Table(
        "network",
        "runtime",
        "replicas",
        "bare, ms",
        "deployment, ms",
        "share of the bare",
        "from .. to",
        "CPU ms: bare, replica, caller",
    )
    rows = [("detector", row) for row in results["detector"]["rows"]]
    rows += [("encoder", row) for row in results["encoder"]["rows"]]
    for name, row in rows:
        low, high = row["spread"]
        times = (f"{row['bare_ms']:.2f}", f"{row['deployment_ms']:.2f}")
        cpu = f"{row['cpu_bare_ms']:.2f}, {row['cpu_replica_ms']:.2f}, {row['cpu_caller_ms']:.2f}"
        table.add_row(
            name, row["runtime"], str(row["replicas"]), *times, f"{row['ratio']:.2f}", f"{low} .. {high}", cpu
        )
    Console().print(table)
