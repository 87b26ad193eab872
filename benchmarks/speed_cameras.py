"""How many cameras a core takes, at five detections a second with the gate on, before anything is late or lost."""

import os
import time
from collections.abc import Sequence
from typing import TypedDict

import psutil
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from benchmarks.printing import printed
from benchmarks.speed_shop import Shop, Usage, listed, recording, shop, wait_until
from domain.settings import Camera, Networks
from vision.source import open_source

#: Cameras in each step.
STEPS = (4, 16, 28, 40, 52, 64)
FPS = 5
#: Seconds until a step's new cameras are warm, and seconds of its measurement.
WARM_S, MEASURED_S = 8.0, 25.0
#: Seconds for a step's cameras to have had an answer.
START_S = 120.0
#: Frames that came, of those that were due: below it cameras fall behind.
IN_TIME = 0.97
#: More than visitors in a minute: each camera sees six in 139 s.
ASSISTANTS = 200
#: Megabytes that a camera's process may take; a step that would not fit is not made.
CAMERA_MB = 150


class Step(TypedDict):
    """So many cameras at once, for a while."""

    cameras: int
    #: Of one core, all processes together, the system's without a camera included.
    cores: float
    #: By who they are.
    cores_of: dict[str, float]
    #: Frames that came, of those that were due.
    in_time: float
    #: p95 of a detection's whole call, the slowest camera's.
    detect_p95_ms: float
    #: Detections that were given up; visits; and those of them that nobody was told of, or without a department.
    late: int
    visits: int
    lost: int


class Cameras(TypedDict):
    """What `--json` prints."""

    #: The most of a step in which nothing was late or lost, by the machine's cores.
    per_core: float
    #: By processor time alone: cores that each further camera takes, from the first step to the last good one.
    cores_per_camera: float
    steps: list[Step]


def run(*, json: bool) -> Cameras:
    """Measure and print; see `measure`."""
    return printed(measure, _show, json=json)


def measure(steps: Sequence[int] = STEPS) -> Cameras:
    """Up to six minutes; fewer on a machine that is full sooner. Raises InputError where the recording is missing."""
    cores = len(os.sched_getaffinity(0))
    done: list[Step] = []
    with shop([], Networks(), assistants=ASSISTANTS) as running:
        for count in steps:
            more = count - (done[-1]["cameras"] if done else 0)
            if psutil.virtual_memory().available < more * CAMERA_MB * 1e6:
                break
            done.append(_step(running, count))
            if not _good(done[-1]):
                break
    good = [step for step in done if _good(step)]
    first, last = (good or done)[0], (good or done)[-1]
    more = last["cameras"] - first["cameras"]
    return Cameras(
        per_core=(last["cameras"] if good else 0) / cores,
        cores_per_camera=round((last["cores"] - first["cores"]) / more, 4) if more else 0.0,
        steps=done,
    )


def _good(step: Step) -> bool:
    return step["in_time"] >= IN_TIME and step["late"] == 0 and step["lost"] == 0


def _step(running: Shop, count: int) -> Step:
    source = SecretStr(str(recording()))
    running.have([Camera(id=f"{number}", role="entrance", source=source, fps=FPS) for number in range(count)])
    _wait_until_all_see(running, count)
    time.sleep(WARM_S)
    usage, begin = Usage(), time.time()
    before, _ = _counts(running)
    usage.mark()
    time.sleep(MEASURED_S)
    used = usage.since()
    (came, late), slowest = _counts(running)
    seconds = time.time() - begin
    told = [visit for visit in running.visits() if begin < visit.at < begin + MEASURED_S - 2]
    fps = _fps()
    return Step(
        cameras=count,
        cores=round(sum(used.values()) / MEASURED_S, 3),
        cores_of={who: round(one / MEASURED_S, 3) for who, one in sorted(used.items())},
        in_time=round((came - before[0]) / (count * fps * seconds), 3),
        detect_p95_ms=slowest,
        late=late - before[1],
        visits=len(told),
        lost=sum(visit.sent_at is None or not visit.described for visit in told),
    )


def _wait_until_all_see(running: Shop, count: int) -> None:
    """Raises TimeoutError."""

    def all_see() -> bool:
        return sum(bool(one and one["detections"]) for one in running.cameras().values()) == count

    wait_until(all_see, f"an answer for each of {count} cameras", START_S)


def _counts(running: Shop) -> tuple[tuple[int, int], float]:
    """Frames that came, and late ones; and the slowest camera's p95 of a detection."""
    status = [one for one in running.cameras().values() if one]
    slowest = max((one["stages_ms"].get("detect", {}).get("p95", 0.0) for one in status), default=0.0)
    return (sum(one["frames"] for one in status), sum(one["late"] for one in status)), slowest


def _fps() -> float:
    reader = open_source(str(recording()))
    reader.close()
    return reader.fps


def _show(cameras: Cameras) -> None:
    table = Table("cameras", "cores", "frames in time", "detection p95, ms", "late", "visits", "lost", "cores of")
    for step in cameras["steps"]:
        table.add_row(
            str(step["cameras"]),
            f"{step['cores']:.2f}",
            f"{step['in_time']:.3f}",
            f"{step['detect_p95_ms']:.0f}",
            str(step["late"]),
            str(step["visits"]),
            str(step["lost"]),
            listed(step["cores_of"]),
        )
    console = Console()
    console.print(table)
    more = cameras["cores_per_camera"]
    console.print(f"{cameras['per_core']:.1f} cameras a core in time; each further one takes {more:.3f} of a core")
