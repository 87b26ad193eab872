"""The whole system beside the bare network: frames a second that cameras get through, on two cores.

A recording is read as fast as it goes, each of its frames is looked at, and the detector is that of the deployment:
tracks are made and visitors announced. Beside it, two loops of the bare network, one to a core. Rounds take turns.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from itertools import cycle
from statistics import median
from typing import Any, Literal, NamedTuple, TypedDict

import cv2
import psutil
import ray
import torch
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from actors.announcing import LeasedAnnouncer
from actors.clients import RegistryClient, TrainerClient
from actors.networks import Networks
from actors.watching import CameraWorker
from benchmarks.printing import printed
from benchmarks.speed_shop import STORE, Usage, listed, recording, shop
from domain import settings
from domain.places import JOURNAL, home
from domain.priority import SEEING
from domain.settings import Camera, Scaling, ScalingOfNetworks, Store
from networks.detector import load_detector
from vision.picture import Picture, letterbox
from vision.source import open_source

Size = Literal[416, 640]

SIZES: tuple[Size, ...] = (416, 640)
CORES = 2
CAMERAS = 4
#: Pairs of rounds, and seconds of each round.
ROUNDS, ROUND_S = 5, 6.0
#: Of the recording, for the bare loops.
FRAMES = 64
#: What a camera is told of its store.
TOLD = Store(id=STORE, name=STORE, departments=["-"])


class System(TypedDict):
    """One input size; medians of the pairs of rounds."""

    size: int
    frames_per_s: float
    bare_per_s: float
    #: The system's frames as a share of the bare loops', and the least and the largest of the pairs.
    ratio: float
    spread: tuple[float, float]
    #: What the ratio were if there was nothing but decoding and the network.
    ceiling: float
    #: The network alone, and decoding alone: milliseconds of a core for a frame.
    bare_ms: float
    decode_ms: float
    #: Milliseconds of processor time for each frame, by who took them.
    cpu_ms: dict[str, float]
    #: Visits that were announced meanwhile.
    visits: int


class Played(NamedTuple):
    """What one camera played."""

    frames_per_s: float
    #: All of them, with those before and after the seconds that count.
    frames: int
    visits: int


class Player:
    """A camera of the running system that plays its recording at once, and looks at each frame."""

    async def __init__(self, number: int, size: Size, source: str) -> None:  # type: ignore[misc]  # Ray awaits it
        # as a CameraActor is
        os.nice(SEEING)
        camera = Camera(id=f"{number}", role="entrance", source=SecretStr(source), size=size, fps=30)
        self._announcer = LeasedAnnouncer(
            RegistryClient(), store=STORE, camera=camera.id, journal=home() / JOURNAL, lost=lambda: os._exit(1)
        )
        self._announcer.start()
        self._worker = CameraWorker(
            store=TOLD,
            camera=camera,
            networks=Networks(),
            announcer=self._announcer,
            collector=TrainerClient(),
            run="bench",
            paced=False,
            loop=True,
            gated=False,
        )

    async def play(self, seconds: float) -> Played:
        """The start of the recording is not counted as time."""
        before = await self._worker.status()
        self._worker.start()
        while (begun := await self._worker.status())["detections"] == before["detections"]:  # noqa: ASYNC110 - once
            await asyncio.sleep(0.01)
        begin = time.monotonic()
        await asyncio.sleep(seconds)
        seen = await self._worker.status()
        lasted = time.monotonic() - begin
        await self._worker.stop()
        after = await self._worker.status()
        return Played(
            frames_per_s=(seen["detections"] - begun["detections"]) / lasted,
            frames=after["detections"] - before["detections"],
            visits=after["visits"] - before["visits"],
        )


class Bare:
    """The network alone, pinned to a core."""

    def __init__(self, core: int, size: Size, source: str) -> None:
        allowed = sorted(psutil.Process().cpu_affinity())
        psutil.Process().cpu_affinity([allowed[core % len(allowed)]])
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        self._detector = load_detector()
        self._source = source
        self._pictures = _pictures(size, source)

    def run(self, seconds: float) -> tuple[float, float]:
        """Pictures a second, and milliseconds of the processor for each."""
        begin, used, done = time.monotonic(), time.process_time(), 0
        for picture in cycle(self._pictures):
            self._detector.detect([picture.image], 0.25)
            done += 1
            if time.monotonic() - begin > seconds:
                break
        return done / (time.monotonic() - begin), 1000 * (time.process_time() - used) / done

    def decoding(self) -> float:
        """Milliseconds of the processor to decode a frame, once all is warm."""
        reader = open_source(self._source)
        # of this thread, which decodes; and no frame is kept, as a camera keeps none: fresh memory for each took four
        # times as long as decoding
        began = time.thread_time()
        done = sum(reader.read() is not None for _ in range(FRAMES))
        used = time.thread_time() - began
        reader.close()
        return 1000 * used / done


def _pictures(size: Size, source: str) -> list[Picture]:
    """The recording's first frames for the detector."""
    reader = open_source(source)
    frames = [got[0] for _ in range(FRAMES) if (got := reader.read()) is not None]
    reader.close()
    height, width = frames[0].shape[:2]
    return [letterbox(frame, (0, 0, width, height), size) for frame in frames]


def run(*, json: bool) -> list[System]:
    """Measure and print; see `measure`."""
    return printed(measure, _show, json=json)


def measure(sizes: Sequence[Size] = SIZES) -> list[System]:
    """About three minutes. Raises InputError where the recording is missing."""
    scaling = ScalingOfNetworks(detector=Scaling(min_replicas=CORES, max_replicas=CORES))
    source = str(recording())
    with shop([], settings.Networks(scaling=scaling), paced=False):
        return [asyncio.run(_of_size(size, source)) for size in sizes]


async def _of_size(size: Size, source: str) -> System:
    remote: Any = {made_of: ray.remote(made_of).options(num_cpus=0) for made_of in (Player, Bare)}
    players = [remote[Player].remote(number, size, source) for number in range(CAMERAS)]
    bare = [remote[Bare].remote(core, size, source) for core in range(CORES)]
    # connections are opened, and all are warm
    await asyncio.gather(*(player.play.remote(1) for player in players))
    await asyncio.gather(*(one.run.remote(1) for one in bare))
    usage = Usage()
    pairs, bare_ms, cpu_ms, visits = [], [], [], 0
    for _ in range(ROUNDS):
        alone = await asyncio.gather(*(one.run.remote(ROUND_S) for one in bare))
        usage.mark()
        played = await asyncio.gather(*(player.play.remote(ROUND_S) for player in players))
        frames = sum(one.frames for one in played)
        pairs.append((sum(rate for rate, _ in alone), sum(one.frames_per_s for one in played)))
        bare_ms += [ms for _, ms in alone]
        cpu_ms.append({who: 1000 * seconds / frames for who, seconds in usage.since().items()})
        visits += sum(one.visits for one in played)
    decode_ms = median(await asyncio.gather(*(one.decoding.remote() for one in bare)))
    for actor in (*players, *bare):
        ray.kill(actor)
    ratios = [system / alone for alone, system in pairs]
    return System(
        size=size,
        frames_per_s=round(median(system for _, system in pairs), 1),
        bare_per_s=round(median(alone for alone, _ in pairs), 1),
        ratio=round(median(ratios), 3),
        spread=(round(min(ratios), 3), round(max(ratios), 3)),
        ceiling=round(median(bare_ms) / (median(bare_ms) + decode_ms), 3),
        bare_ms=round(median(bare_ms), 2),
        decode_ms=round(decode_ms, 2),
        cpu_ms={who: round(median(one.get(who, 0.0) for one in cpu_ms), 2) for who in cpu_ms[0]},
        visits=visits,
    )


def _show(results: list[System]) -> None:
    table = Table("input", "system, frames/s", "bare, frames/s", "ratio", "from .. to", "ceiling", "CPU ms a frame")
    for one in results:
        low, high = one["spread"]
        table.add_row(
            str(one["size"]),
            f"{one['frames_per_s']:.0f}",
            f"{one['bare_per_s']:.0f}",
            f"{one['ratio']:.2f}",
            f"{low} .. {high}",
            f"{one['ceiling']:.2f}",
            listed(one["cpu_ms"]),
        )
    Console().print(table)
