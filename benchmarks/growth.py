"""`amiko bench growth`: what one more camera costs, from 1 to 32, and how soon a system is up.

The pictures are a strip that the detector is done with in a millisecond, so that what cameras cost is measured and not
the network: real CameraActors, each with a recording that is played for ever, and a real deployment.
"""

import gc
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, TypedDict

import cv2
import matplotlib as mpl
import numpy as np
import psutil
import ray
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from actors.clients import find
from amiko.running import System, started
from benchmarks.growth_registry import Registry, measure_registry
from benchmarks.growth_start import Imports, measure_imports
from benchmarks.learning_photos import throw_away_home
from benchmarks.printing import printed
from benchmarks.speed_shop import TOKEN, Usage, wait_until
from bot.sandbox import Sandbox
from domain.names import STORES
from domain.settings import Camera, Networks, Scaling, ScalingOfNetworks, Settings, Store, Telegram

SIZES = (1, 2, 4, 8, 16, 32)
#: Seconds that each size runs before it is measured, and is measured in equal parts.
WARM_S, PART_S, PARTS = 6.0, 5.0, 4
#: Seconds for new cameras to have seen something.
LIMIT_S = 240.0
#: Of the strip: width and height, and frames a second.
STRIP, FPS, FRAMES = (416, 32), 5, 100
PICTURE = Path(__file__).parents[1] / "docs" / "growth.png"


class Cameras(TypedDict):
    """So many cameras; CPU in milliseconds of a core for each frame that a camera had looked at."""

    detections_per_s: float
    #: Of the camera's process; the median of the parts, and the least and the largest.
    camera_ms: float
    spread: tuple[float, float]
    #: Of the detector's replica.
    detector_ms: float
    #: Of Ray itself (raylet, GCS, dashboard, agents, Serve's controller): its share of a core, and what each camera
    #: adds to that of one camera, in per cent of a core.
    ray_percent: float
    ray_percent_per_camera: float
    #: Memory of a camera's process alone and with its part of what is shared, megabytes; medians.
    uss_mb: float
    pss_mb: float
    #: Of Ray itself, in all.
    ray_pss_mb: float


class Start(TypedDict):
    """Seconds from the beginning until then, with one camera."""

    ray: float
    networks: float
    actors: float
    first_frame: float


class Results(TypedDict):
    """What `--json` prints."""

    cameras: dict[str, Cameras]
    #: The largest cost of a camera's frame as a multiple of the least, over all sizes; and that of its memory.
    camera_ms_ratio: float
    pss_ratio: float
    #: Memory (PSS) by kind of process, megabytes, with one camera.
    pss_mb: dict[str, float]
    start_s: Start
    registry: Registry
    imports: Imports
    picture: str


def run(*, json: bool) -> Results:
    """Measure on a Ray of our own, and draw docs/growth.png; about six minutes."""
    return printed(measure, _show, json=json)


def measure(sizes: Sequence[int] = SIZES) -> Results:
    """As `run`, without a word."""
    imports = measure_imports()
    cameras, start, pss_mb = _cameras(sizes)
    registry = measure_registry()
    _draw(cameras, PICTURE)
    return Results(
        cameras=cameras,
        camera_ms_ratio=_ratio([one["camera_ms"] for one in cameras.values()]),
        pss_ratio=_ratio([one["pss_mb"] for one in cameras.values()]),
        pss_mb=pss_mb,
        start_s=start,
        registry=registry,
        imports=imports,
        picture=str(PICTURE),
    )


def _ratio(values: list[float]) -> float:
    return round(max(values) / min(values), 3)


def _cameras(sizes: Sequence[int]) -> tuple[dict[str, Cameras], Start, dict[str, float]]:
    sandbox = Sandbox(TOKEN)
    sandbox.start()
    marks: list[float] = []
    found: dict[str, Cameras] = {}
    try:
        with throw_away_home() as data, tempfile.TemporaryDirectory(prefix="amiko-growth-") as folder:
            clip = _strip(Path(folder) / "strip.mp4")
            begin = time.monotonic()
            settings = _settings(sandbox, clip, sizes[0])
            with started(settings, data, loop=True, say=lambda _: marks.append(time.monotonic() - begin)) as system:
                up = time.monotonic() - begin
                _wait(sizes[0])
                first = time.monotonic() - begin
                start = Start(
                    ray=round(marks[1], 1),
                    networks=round(marks[2], 1),
                    actors=round(up, 1),
                    first_frame=round(first, 1),
                )
                kinds = {kind: round(sum(_memory(kind, "pss")), 1) for kind in _KINDS}
                base = 0.0
                for size in sizes:
                    found[str(size)] = one = _of_size(size, system, _settings(sandbox, clip, size), base)
                    base = base or one["ray_percent"]
            return found, start, kinds
    finally:
        sandbox.stop()


def _settings(sandbox: Sandbox, clip: Path, cameras: int) -> Settings:
    one = Scaling(min_replicas=1, max_replicas=1)
    return Settings(
        telegram=Telegram(token=SecretStr(TOKEN), api_url=sandbox.url),
        networks=Networks(scaling=ScalingOfNetworks(detector=one, encoder=one, classifier=one)),
        stores=[
            Store(
                id="shop",
                name="shop",
                departments=["-"],
                cameras=[
                    Camera(id=f"door-{number}", role="entrance", source=SecretStr(str(clip)), fps=FPS)
                    for number in range(cameras)
                ],
            )
        ],
    )


def _strip(path: Path) -> Path:
    """Something moves in it, and it is nobody: the gate lets it through, and the detector finds nothing."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), FPS, STRIP)
    for number in range(FRAMES):
        frame = np.full((STRIP[1], STRIP[0], 3), 90, np.uint8)
        left = 4 * number % (STRIP[0] - 20)
        frame[8:24, left : left + 20] = 200
        writer.write(frame)
    writer.release()
    return path


def _of_size(size: int, system: System, settings: Settings, base: float) -> Cameras:
    system.apply(settings)
    _wait(size)
    time.sleep(WARM_S)
    # what this process has left behind is not to be cleared away while it is measured
    gc.collect()
    usage, parts = Usage(), []
    for _ in range(PARTS):
        usage.mark()
        before, begin = _detections(), time.monotonic()
        time.sleep(PART_S)
        seconds = time.monotonic() - begin
        used, frames = usage.since(), _detections() - before
        parts.append((frames / seconds, used["cameras"] / frames, used["detector"] / frames, used["Ray"] / seconds))
    rates, camera, detector, rays = zip(*parts, strict=True)
    percent = 100 * median(rays)
    return Cameras(
        detections_per_s=round(median(rates), 1),
        camera_ms=round(1000 * median(camera), 2),
        spread=(round(1000 * min(camera), 2), round(1000 * max(camera), 2)),
        detector_ms=round(1000 * median(detector), 2),
        ray_percent=round(percent, 1),
        ray_percent_per_camera=round((percent - base) / (size - 1), 2) if size > 1 else 0.0,
        uss_mb=round(median(_memory("cameras", "uss")), 1),
        pss_mb=round(median(_memory("cameras", "pss")), 1),
        ray_pss_mb=round(sum(_memory("Ray", "pss")), 1),
    )


def _status() -> dict[str, Any]:
    status: dict[str, Any] = ray.get(find(STORES).status.remote())["cameras"]
    return status


def _detections() -> int:
    return sum(one["detections"] for one in _status().values() if one)


def _wait(cameras: int) -> None:
    """Return once so many cameras have had an answer. Raises TimeoutError."""

    def all_see() -> bool:
        return sum(bool(one and one["detections"]) for one in _status().values()) >= cameras

    wait_until(all_see, f"an answer for each of {cameras} cameras", LIMIT_S)


#: Ray's workers by what they are called; whatever else is below this process is Ray itself.
_KINDS = {
    "cameras": r"ray::CameraActor",
    "registry": r"ray::RegistryActor",
    "dispatcher": r"ray::DispatcherActor",
    "trainer": r"ray::TrainerActor",
    "stores": r"ray::StoresActor",
    "detector": r"ServeReplica:\S*PersonDetector",
    "encoder": r"ServeReplica:\S*VisitorEncoder",
    "classifier": r"ServeReplica:\S*DepartmentClassifier",
    "Ray": r"^(?!ray::(\w+Actor\b|ServeReplica))",
}


def _memory(kind: str, what: str) -> list[float]:
    """Of each process of a kind, megabytes."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if re.search(_KINDS[kind], " ".join(process.cmdline())):
                found.append(getattr(process.memory_full_info(), what) / 1e6)
        except psutil.Error:
            # ended meanwhile
            continue
    return found


def _draw(cameras: dict[str, Cameras], path: Path) -> None:
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - after its backend is chosen

    sizes = [int(size) for size in cameras]
    ones = list(cameras.values())
    figure, (above, below) = plt.subplots(2, 1, figsize=(7, 5), sharex=True, layout="constrained")
    middle = [one["camera_ms"] for one in ones]
    reach = [
        [one["camera_ms"] - one["spread"][0] for one in ones],
        [one["spread"][1] - one["camera_ms"] for one in ones],
    ]
    above.errorbar(sizes, middle, yerr=reach, marker="o", capsize=3, label="the camera's process")
    above.plot(sizes, [one["detector_ms"] for one in ones], marker="s", label="the detector's replica")
    shares = [10 * one["ray_percent"] / one["detections_per_s"] for one in ones]
    above.plot(sizes, shares, marker="^", color="tab:gray", label="Ray itself, shared out")
    above.set_ylabel("CPU of a frame, ms")
    below.plot(sizes, [one["pss_mb"] for one in ones], marker="o", label="PSS")
    below.plot(sizes, [one["uss_mb"] for one in ones], marker="o", linestyle=":", label="its own alone")
    below.set_ylabel("memory of a camera, MB")
    below.set_xlabel("cameras")
    below.set_xscale("log", base=2)
    below.set_xticks(sizes, [str(size) for size in sizes])
    below.set_ylim(0, 1.3 * max(one["pss_mb"] for one in ones))
    above.set_ylim(bottom=0)
    for axes in (above, below):
        axes.legend(fontsize=8)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _show(results: Results) -> None:
    console = Console()
    table = Table("cameras", *Cameras.__annotations__)
    for size, one in results["cameras"].items():
        table.add_row(size, *(str(value) for value in one.values()))
    console.print(table)
    console.print({key: value for key, value in results.items() if key != "cameras"})
