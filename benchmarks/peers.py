"""`amiko bench peers`: the same recording by what people would use instead, and by Amiko; by turns, in one run.

All but Ultralytics have the same detector by the same runtime. Each is a process of its own, but for the whole system,
which is all of its processes. Ultralytics is left out where AMIKO_ULTRALYTICS does not name the Python of an
environment that has the library (AGPL-3.0, and another torch).
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from json import loads
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, TypedDict

import cv2
import ray
import torch
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from actors.announcing import LeasedAnnouncer
from actors.clients import RegistryClient, TrainerClient
from actors.networks import Networks
from actors.watching import CameraWorker
from benchmarks.original_loop import Counting, camera_alone, classifier_of_noise, original
from benchmarks.printing import printed
from benchmarks.speed_shop import STORE, Shop, Usage, recording, shop
from domain import settings
from domain.places import JOURNAL, home
from domain.settings import Camera, Scaling, ScalingOfNetworks, Store
from networks.detector import load_detector
from networks.embedded import YoloDetector
from networks.encoder import load_encoder
from networks.runtime import graph_path
from vision.source import open_source

#: Rounds of all, by turns.
ROUNDS = 5
#: Who comes in, by the recording's labels.
VISITORS = 6
#: Of the recording, for Ultralytics: each frame costs the same.
ULTRALYTICS_S = 20.0
#: Those who wait: each is told of one visitor.
ASSISTANTS = 12
#: Seconds for a visit's message to be sent.
SENT_S = 30.0


class Round(TypedDict):
    """One reading of the recording."""

    cpu_s_per_min: float
    detector_calls: int
    messages: int | None


class Peer(TypedDict):
    """CPU in seconds of one core for a minute of video, decoding included."""

    #: The median of the rounds, and the least and the largest.
    cpu_s_per_min: float
    spread: tuple[float, float]
    #: As a multiple of the whole system's, of the same rounds.
    times: float
    #: Of the last round.
    detector_calls: int
    #: Of six visitors, the least and the most of the rounds; None where the network has no weights.
    messages: tuple[int, int] | None


class Results(TypedDict):
    """What `--json` prints."""

    peers: dict[str, Peer]
    #: What was left out, and why.
    left_out: dict[str, str]


def run(*, json: bool) -> Results:
    """Measure on one_by_one in the folder AMIKO_FOOTAGE; about six minutes. Raises InputError where it is missing."""
    return printed(measure, _show, json=json)


def measure() -> Results:
    """As `run`, without a word."""
    path, left_out = recording(), {}
    detector = load_detector()
    assert isinstance(detector, YoloDetector)
    graph, minutes = graph_path(detector.identity), _minutes(path)
    python = os.environ.get("AMIKO_ULTRALYTICS")
    with _system(path, minutes) as system:
        peers: dict[str, Callable[[], Round]] = {
            "Amiko, the whole system": system,
            "Amiko's camera alone": lambda: _in_a_process(_camera, path, minutes),
            "plain OpenCV and ONNX Runtime": lambda: _script(sys.executable, "plain_loop", str(path), str(graph)),
            "the original's loop": lambda: _in_a_process(_original, path, minutes),
        }
        if python:
            peers["Ultralytics track, YOLO11n"] = lambda: _script(
                python, "ultralytics_loop", str(path), str(ULTRALYTICS_S)
            )
        else:
            left_out["Ultralytics track, YOLO11n"] = "AMIKO_ULTRALYTICS names no Python that has the library"
        rounds: dict[str, list[Round]] = {name: [] for name in peers}
        for _ in range(ROUNDS):
            for name, peer in peers.items():
                rounds[name].append(peer())
    own = [one["cpu_s_per_min"] for one in rounds["Amiko, the whole system"]]
    return Results(peers={name: _peer(ones, own) for name, ones in rounds.items()}, left_out=left_out)


def _peer(rounds: list[Round], own: list[float]) -> Peer:
    cpu = [one["cpu_s_per_min"] for one in rounds]
    messages = [one["messages"] for one in rounds if one["messages"] is not None]
    return Peer(
        cpu_s_per_min=round(median(cpu), 2),
        spread=(round(min(cpu), 2), round(max(cpu), 2)),
        times=round(median(theirs / ours for theirs, ours in zip(cpu, own, strict=True)), 2),
        detector_calls=rounds[-1]["detector_calls"],
        messages=(min(messages), max(messages)) if messages else None,
    )


def _minutes(path: Path) -> float:
    reader, frames = open_source(str(path)), 0
    while reader.grab() is not None:
        frames += 1
    reader.close()
    return frames / reader.fps / 60


def _script(python: str, name: str, *arguments: str) -> Round:
    script = Path(__file__).with_name(f"{name}.py")
    done = subprocess.run([python, str(script), *arguments], stdout=subprocess.PIPE, text=True, check=True)
    told = loads(done.stdout.splitlines()[-1])
    return Round(
        cpu_s_per_min=told["cpu_s"] / told["minutes"],
        detector_calls=told["detector_calls"],
        messages=told["messages"],
    )


def _in_a_process(work: Callable[[Path, float], Round], path: Path, minutes: float) -> Round:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(work, path, minutes).result()


def _original(path: Path, minutes: float) -> Round:
    counting = _networks()
    used = time.process_time()
    original(path, counting)
    return _round(counting, time.process_time() - used, minutes)


def _camera(path: Path, minutes: float) -> Round:
    counting = _networks()
    used = time.process_time()
    asyncio.run(camera_alone(path, counting))
    return _round(counting, time.process_time() - used, minutes)


def _networks() -> Counting:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    encoder = load_encoder()
    return Counting(load_detector(), encoder, classifier_of_noise(encoder))


def _round(counting: Counting, seconds: float, minutes: float) -> Round:
    counted = counting.counted
    return Round(cpu_s_per_min=seconds / minutes, detector_calls=counted.detector_calls, messages=counted.messages)


class Player:
    """A camera of the running system that plays its recording once, as fast as it is asked for."""

    async def __init__(self, path: str) -> None:  # type: ignore[misc]  # Ray awaits it
        self._camera = Camera(id="door", role="entrance", source=SecretStr(path))
        self._announcer = LeasedAnnouncer(
            RegistryClient(), store=STORE, camera="door", journal=home() / JOURNAL, lost=lambda: os._exit(1)
        )
        self._announcer.start()

    async def watch(self, run: str) -> int:
        """Returns how often the detector was asked."""
        worker = CameraWorker(
            store=Store(id=STORE, name=STORE, departments=["-"]),
            camera=self._camera,
            networks=Networks(),
            announcer=self._announcer,
            collector=TrainerClient(),
            run=run,
            paced=False,
            loop=False,
        )
        worker.start()
        await worker.finished()
        return (await worker.status())["detections"]


@dataclass(slots=True)
class _System:
    """One round of the whole system: all that it has, but for this process, where Telegram is played."""

    player: Any
    shop: Shop
    usage: Usage
    minutes: float
    rounds: int = 0

    def __call__(self) -> Round:
        self.rounds += 1
        before = self._told()
        self.usage.mark()
        calls: int = ray.get(self.player.watch.remote(f"round {self.rounds}"))
        until = time.monotonic() + SENT_S
        while self._told() < before + VISITORS and time.monotonic() < until:
            time.sleep(0.05)
        used = self.usage.since()
        return Round(
            cpu_s_per_min=sum(used[who] for who in used if who != "this process") / self.minutes,
            detector_calls=calls,
            messages=self._told() - before,
        )

    def _told(self) -> int:
        return sum(visit.sent_at is not None for visit in self.shop.visits())


@contextmanager
def _system(path: Path, minutes: float) -> Iterator[_System]:
    one = Scaling(min_replicas=1, max_replicas=1)
    scaling = ScalingOfNetworks(detector=one, encoder=one, classifier=one)
    with shop([], settings.Networks(scaling=scaling), assistants=ASSISTANTS, paced=False) as opened:
        remote: Any = ray.remote(Player).options(num_cpus=0)
        system = _System(player=remote.remote(str(path)), shop=opened, usage=Usage(), minutes=minutes)
        # connections are opened, and all is warm
        system()
        yield system


def _show(results: Results) -> None:
    table = Table("", "CPU, s/min", "from .. to", "times Amiko's", "detections", f"messages (of {VISITORS} visitors)")
    for name, one in results["peers"].items():
        low, high = one["spread"]
        told = "–" if one["messages"] is None else " .. ".join(map(str, sorted(set(one["messages"]))))
        numbers = (f"{one['cpu_s_per_min']:.2f}", f"{low} .. {high}", f"{one['times']:.1f}")
        table.add_row(name, *numbers, str(one["detector_calls"]), told)
    for name, why in results["left_out"].items():
        table.add_row(name, f"left out: {why}")
    Console().print(table)
