"""`amiko bench autoscaling`: more cameras make more replicas, their end takes them away, and no request is lost.

Simulated cameras ask the detector five times a second each, as real ones do: one picture under way, and the next one
only when that is answered. Their number goes up in steps and down again.
"""

import asyncio
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from json import dumps
from pathlib import Path
from typing import TypedDict

import matplotlib as mpl
import numpy as np
from ray import serve
from rich.console import Console
from skimage import data

from actors.cluster import leave, start_or_join, start_serve
from actors.networks import Networks
from amiko.environment import make_token
from benchmarks.learning_photos import throw_away_home
from deployments.application import application
from domain.records import Image
from domain.settings import Networks as NetworksSettings
from domain.settings import Scaling, ScalingOfNetworks
from vision.picture import resized

#: Cameras, and seconds for which there are so many.
STEPS = ((4, 15), (24, 30), (60, 45), (24, 20), (0, 45))
#: Shorter than in a shop, so that going up and down takes two minutes.
SCALING = Scaling(min_replicas=1, max_replicas=3, upscale_delay_s=3, downscale_delay_s=8)
#: Pictures a second of a camera, and seconds between two looks at the replicas.
FPS = 5
LOOK_S = 1.0
#: Seconds within which a picture must be answered; longer than a camera waits, since here none may be lost.
WITHIN_S = 60.0
PICTURE = Path(__file__).parents[1] / "docs" / "autoscaling.png"


class Results(TypedDict):
    """What `--json` prints."""

    requests: int
    lost: int
    replicas_least: int
    replicas_most: int
    #: After the last camera went.
    replicas_at_the_end: int
    #: Seconds from the first step that needs more until there are as many as there may be; None where it never came.
    up_s: float | None
    #: Seconds from the last camera's end to the least number of replicas again.
    down_s: float | None
    #: Milliseconds, over all requests.
    p50_ms: float
    p95_ms: float
    picture: str


@dataclass(slots=True)
class Seen:
    """Seconds from the beginning, and what there was."""

    at: list[float] = field(default_factory=list)
    cameras: list[int] = field(default_factory=list)
    replicas: list[int] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)


class Cameras:
    """As many simulated cameras as are wanted."""

    def __init__(self, networks: Networks, picture: Image) -> None:
        self._networks = networks
        self._picture = picture
        self._tasks: list[asyncio.Task[None]] = []
        self._asking: set[asyncio.Task[None]] = set()
        self.latencies_ms: list[float] = []
        self.asked = self.lost = 0

    async def be(self, count: int) -> None:
        while len(self._tasks) < count:
            self._tasks.append(asyncio.create_task(self._camera()))
        for task in self._tasks[count:]:
            task.cancel()
        self._tasks = self._tasks[:count]

    async def answered(self) -> None:
        """Return once nothing is under way."""
        await asyncio.gather(*self._asking)

    async def _camera(self) -> None:
        while True:
            begin = time.monotonic()
            # what was asked is waited for, even where its camera goes
            asking = asyncio.create_task(self._ask(begin))
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)
            await asyncio.shield(asking)
            await asyncio.sleep(max(0.0, begin + 1 / FPS - time.monotonic()))

    async def _ask(self, begin: float) -> None:
        self.asked += 1
        try:
            await self._networks.detect(self._picture, 0.5, within_s=WITHIN_S, again=True)
        except Exception:  # noqa: BLE001 - whatever it is, it is a lost request, which is what is counted
            self.lost += 1
        self.latencies_ms.append((time.monotonic() - begin) * 1000)


def run(*, json: bool) -> Results:
    """Measure on a Ray of our own, and draw docs/autoscaling.png; about three minutes."""
    make_token()
    # Ray tells of its actors on standard output, which belongs to the result
    with redirect_stdout(sys.stderr), throw_away_home():
        start_or_join(None)
        try:
            start_serve()
            scaling = ScalingOfNetworks(detector=SCALING)
            serve.run(application(NetworksSettings(scaling=scaling)), name="networks", route_prefix=None)
            results, seen = asyncio.run(_measure())
        finally:
            serve.shutdown()
            leave()
    _draw(seen, PICTURE)
    if json:
        print(dumps(results))
    else:
        Console().print(results)
    return results


async def _measure() -> tuple[Results, Seen]:
    photograph: Image = data.astronaut()
    networks = Networks()
    picture = resized(np.ascontiguousarray(photograph[..., ::-1]), (416, 256))
    await networks.detect(picture, 0.5, within_s=WITHIN_S, again=True)
    cameras, seen = Cameras(networks, picture), Seen()
    begin = time.monotonic()
    for count, seconds in STEPS:
        await cameras.be(count)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            seen.at.append(time.monotonic() - begin)
            seen.cameras.append(count)
            seen.replicas.append(await asyncio.to_thread(_replicas))
            seen.answered.append(len(cameras.latencies_ms))
            await asyncio.sleep(LOOK_S)
    await cameras.answered()
    most = max(seen.replicas)
    grew = STEPS[0][1]
    gone = sum(seconds for _, seconds in STEPS[:-1])
    return Results(
        requests=cameras.asked,
        lost=cameras.lost,
        replicas_least=min(seen.replicas),
        replicas_most=most,
        replicas_at_the_end=seen.replicas[-1],
        up_s=_first(seen, grew, SCALING.max_replicas),
        down_s=_first(seen, gone, SCALING.min_replicas),
        p50_ms=round(float(np.percentile(cameras.latencies_ms, 50)), 1),
        p95_ms=round(float(np.percentile(cameras.latencies_ms, 95)), 1),
        picture=str(PICTURE),
    ), seen


def _replicas() -> int:
    """Running replicas of the detector."""
    status = serve.status().applications["networks"].deployments["PersonDetector"]
    return sum(count for state, count in status.replica_states.items() if state == "RUNNING")


def _first(seen: Seen, after_s: float, replicas: int) -> float | None:
    """Seconds from `after_s` to the first look that saw so many replicas."""
    for at, count in zip(seen.at, seen.replicas, strict=True):
        if at >= after_s and count == replicas:
            return round(at - after_s, 1)
    return None


def _draw(seen: Seen, path: Path) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after its backend is chosen

    figure, (above, below) = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
    above.step(seen.at, seen.cameras, where="post", color="tab:gray")
    above.set_ylabel("cameras (5 pictures/s each)")
    rates = np.diff(seen.answered) / np.maximum(np.diff(seen.at), 1e-9)
    right = above.twinx()
    right.plot(seen.at[1:], rates, color="tab:blue", linewidth=1)
    right.set_ylabel("answers a second", color="tab:blue")
    below.step(seen.at, seen.replicas, where="post", color="tab:red")
    below.set_ylabel("replicas of PersonDetector")
    below.set_yticks(range(SCALING.max_replicas + 2))
    below.set_xlabel("seconds")
    for axes in (above, right, below):
        axes.set_ylim(bottom=0)
    figure.savefig(path, dpi=110)
    plt.close(figure)
