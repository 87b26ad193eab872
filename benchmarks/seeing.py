"""How right and how dear seeing is: visits against the labels, CPU and detections with and without the motion gate."""

import csv
import json as json_module
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from domain.errors import InputError
from domain.records import Frame
from domain.settings import Camera
from networks.detector import Detector, load_detector
from vision.capture import Capture, SourceEndedError
from vision.watcher import Watcher

DOOR = {"line": [213, 148, 328, 148], "inside": [270, 100]}
REGION = [150, 50, 384, 250]
#: Frames a second of the simulated empty room, and its length.
ROOM_FPS = 10
ROOM_S = 3600


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One recording, how it is looked at, and what is known of it by eye."""

    name: str
    file: str
    camera: dict[str, object]
    visits: int | None = None
    entries: int | None = None
    exits: int | None = None


SHOPFRONT: dict[str, object] = {"door": DOOR, "region": REGION, "size": 640}
RECORDINGS = [
    Recording(name="one_by_one", file="one_by_one/*.mp4", camera={}, visits=6),
    # The visits of the shop's front: who comes in, save one who had gone out less than a minute before.
    Recording(
        name="shopfront_enter_exit", file="shopfront_enter_exit/*.mpg", camera=SHOPFRONT, visits=1, entries=1, exits=1
    ),
    Recording(
        name="shopfront_one_leaves", file="shopfront_one_leaves/*.mpg", camera=SHOPFRONT, visits=0, entries=0, exits=1
    ),
    Recording(
        name="shopfront_reenters", file="shopfront_reenters/*.mpg", camera=SHOPFRONT, visits=0, entries=1, exits=1
    ),
    Recording(name="cars_no_people", file="cars_no_people/*.mp4", camera={}, visits=0),
    *(
        Recording(name=name, file=f"indoor_shorts/{name}.gif", camera={}, visits=visits)
        for name, visits in (
            ("people-detection", 2),
            ("face-demographics-walking", 2),
            ("face-demographics-walking-and-pause", 3),
            ("classroom", 4),
            ("worker-zone-detection", 1),
        )
    ),
]


class Measured(TypedDict):
    """One recording. CPU is of the whole process: decoding, gate, detector and tracking, on one core."""

    visits: int
    entries: int
    exits: int
    #: What the labels say; None where they say nothing.
    expected: dict[str, int | None]
    #: Frames between each labelled crossing and the one found, the largest; None without crossings.
    crossing_off_frames: int | None
    cpu_s_per_min: float
    cpu_s_per_min_ungated: float
    detector_calls: int
    detector_calls_ungated: int
    dropped: int


class Room(TypedDict):
    """An hour of an empty room, decoding left out."""

    cpu_share: float
    detector_calls: int
    visits: int


class Results(TypedDict):
    """What `--json` prints."""

    recordings: dict[str, Measured]
    empty_room_hour: Room


@dataclass(frozen=True)
class _Pass:
    watcher: Watcher
    crossings: list[tuple[str, int]]
    cpu_s_per_min: float
    calls: int
    dropped: int


def run(*, json: bool) -> Results:
    """Measure all recordings in the folder AMIKO_FOOTAGE. Raises InputError where it is missing."""
    root = Path(os.environ.get("AMIKO_FOOTAGE") or Path(__file__).parents[2] / "shared" / "footage")
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; set AMIKO_FOOTAGE to the folder of the recordings")
    cv2.setNumThreads(1)
    detector = load_detector()
    results = Results(recordings={}, empty_room_hour=_empty_room(root, detector))
    for recording in RECORDINGS:
        results["recordings"][recording.name] = _measure(root, recording, detector)
    if json:
        print(json_module.dumps(results))
    else:
        _show(results)
    return results


def _measure(root: Path, recording: Recording, detector: Detector) -> Measured:
    paths = sorted(root.glob(recording.file))
    if not paths:
        raise InputError(
            f"{root / recording.file}: no such recording; set AMIKO_FOOTAGE to the folder of the recordings"
        )
    camera = Camera.model_validate({"id": "bench", "role": "entrance", "source": str(paths[0]), **recording.camera})
    gated = _watch(paths[0], Watcher(camera), detector)
    ungated = _watch(paths[0], Watcher(camera, gated=False), detector)
    return Measured(
        visits=gated.watcher.visits,
        entries=gated.watcher.entries,
        exits=gated.watcher.exits,
        expected={"visits": recording.visits, "entries": recording.entries, "exits": recording.exits},
        crossing_off_frames=_off(paths[0].parent / "events.csv", gated.crossings),
        cpu_s_per_min=round(gated.cpu_s_per_min, 2),
        cpu_s_per_min_ungated=round(ungated.cpu_s_per_min, 2),
        detector_calls=gated.calls,
        detector_calls_ungated=ungated.calls,
        dropped=gated.dropped,
    )


def _watch(path: Path, watcher: Watcher, detector: Detector) -> _Pass:
    begin, calls, last = time.process_time(), 0, 0.0
    events = []
    with Capture(str(path), paced=False) as capture:
        while True:
            try:
                frame = capture.read(60)
            except SourceEndedError:
                break
            if frame is None:
                continue
            last = frame.at
            picture = watcher.look(frame)
            if picture is not None:
                calls += 1
                events += watcher.see(frame, picture, detector.detect([picture.image], watcher.score)[0])
        events += watcher.finish()
        seconds = last + 1 / capture.fps
    cpu = time.process_time() - begin
    crossings = [(seen.kind.value, seen.frame) for seen in events if seen.kind in {"entry", "exit"}]
    return _Pass(watcher, crossings, cpu / seconds * 60, calls, capture.dropped)


def _off(labels: Path, crossings: list[tuple[str, int]]) -> int | None:
    if not labels.exists() or not crossings:
        return None
    with labels.open(newline="") as file:
        rows = [({"enter": "entry", "leave": "exit"}[row["event"]], int(row["frame0"])) for row in csv.DictReader(file)]
    offs = [
        min((abs(found - frame) for kind_found, found in crossings if kind_found == kind), default=-1)
        for kind, frame in rows
    ]
    return max(offs)


def _empty_room(root: Path, detector: Detector) -> Room:
    """An hour made of a recording's empty first picture and a camera's noise."""
    paths = sorted(root.glob("one_by_one/*.mp4"))
    if not paths:
        raise InputError(f"{root}/one_by_one: no such recording; set AMIKO_FOOTAGE to the folder of the recordings")
    with Capture(str(paths[0]), paced=False) as capture:
        first = capture.read(60)
    assert first is not None
    noise = np.random.default_rng(1)
    pictures = [
        np.clip(first.image + noise.normal(0, 4, first.image.shape), 0, 255).astype(np.uint8) for _ in range(23)
    ]
    watcher = Watcher(Camera.model_validate({"id": "room", "role": "entrance", "source": "room"}))
    begin, calls = time.process_time(), 0
    for number in range(ROOM_S * ROOM_FPS):
        frame = Frame(index=number, at=number / ROOM_FPS, image=pictures[number % len(pictures)])
        picture = watcher.look(frame)
        if picture is not None:
            calls += 1
            watcher.see(frame, picture, detector.detect([picture.image], watcher.score)[0])
    return Room(cpu_share=round((time.process_time() - begin) / ROOM_S, 4), detector_calls=calls, visits=watcher.visits)


def _show(results: Results) -> None:
    table = Table("recording", "visits", "in", "out", "off, frames", "CPU s/min", "ungated", "detections", "ungated")
    for name, row in results["recordings"].items():
        counts = [
            f"{found}" if expected is None else f"{found} of {expected}"
            for found, expected in (
                (row["visits"], row["expected"]["visits"]),
                (row["entries"], row["expected"]["entries"]),
                (row["exits"], row["expected"]["exits"]),
            )
        ]
        off = "" if row["crossing_off_frames"] is None else str(row["crossing_off_frames"])
        cpu = (f"{row['cpu_s_per_min']:.1f}", f"{row['cpu_s_per_min_ungated']:.1f}")
        table.add_row(name, *counts, off, *cpu, str(row["detector_calls"]), str(row["detector_calls_ungated"]))
    room = results["empty_room_hour"]
    console = Console()
    console.print(table)
    console.print(
        f"an hour of an empty room: {room['cpu_share']:.1%} of a core beyond decoding,"
        f" {room['detector_calls']} detections, {room['visits']} visits"
    )
