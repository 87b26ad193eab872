"""`amiko visits`: who comes and goes in a recording, without a cluster."""

from pathlib import Path
from typing import Annotated, Literal, TypedDict

import typer
from pydantic import ValidationError

from amiko.console import JsonOption, out, print_json
from domain.errors import InputError
from domain.settings import Camera
from networks.detector import load_detector
from vision.capture import Capture, SourceEndedError
from vision.watcher import Seen, SeenKind, Watcher

#: Seconds that a recording may take for one frame, on a disk that is asleep or far away.
PATIENCE_S = 60.0


class VisitLine(TypedDict):
    """One coming or going. `direction` and `crossed_frame` are null without a door."""

    first_frame: int
    last_frame: int
    direction: Literal["in", "out"] | None
    crossed_frame: int | None
    #: Whether an assistant would have heard of it.
    announced: bool


class Report(TypedDict):
    frames: int
    visits: list[VisitLine]
    entries: int
    exits: int


def visits(
    video: Annotated[Path, typer.Argument(help="A recording, an animated gif or a folder of pictures.")],
    door: Annotated[str | None, typer.Option(metavar="X1,Y1,X2,Y2", help="The door's line, pixels.")] = None,
    inside: Annotated[str | None, typer.Option(metavar="X,Y", help="A point on the door's inner side.")] = None,
    region: Annotated[
        str | None, typer.Option(metavar="X1,Y1,X2,Y2", help="The part of the picture to look at.")
    ] = None,
    size: Annotated[int, typer.Option(help="The detector's input size, 416 or 640 pixels.")] = 416,
    fps: Annotated[float, typer.Option(help="Detections a second.")] = 5,
    json: JsonOption = False,
) -> None:
    """Who comes and goes in a recording, without a cluster."""
    report = watch(video, camera_of(video, door, inside, region, size, fps))
    if json:
        print_json(report)
        return
    for line in report["visits"]:
        out.print(f"frames {line['first_frame']}-{line['last_frame']}: {line['direction'] or 'present'}")
    out.print(f"{len(report['visits'])} visits, {report['entries']} in, {report['exits']} out")


def camera_of(video: Path, door: str | None, inside: str | None, region: str | None, size: int, fps: float) -> Camera:
    """The camera that the options describe. Raises InputError naming the option that can't be."""
    if (door is None) != (inside is None):
        raise InputError("--door and --inside belong together: the door's line, and a point on its inner side")
    settings: dict[str, object] = {"id": "video", "role": "entrance", "source": str(video), "size": size, "fps": fps}
    if door is not None and inside is not None:
        settings["door"] = {"line": _numbers(door, 4, "--door"), "inside": _numbers(inside, 2, "--inside")}
    if region is not None:
        settings["region"] = _numbers(region, 4, "--region")
    try:
        return Camera.model_validate(settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "camera"
        raise InputError(f"--{name}: {first['msg'].removeprefix('Value error, ')}") from None


def _numbers(text: str, count: int, option: str) -> list[int]:
    parts = text.split(",")
    if len(parts) != count or not all(part.strip().isdecimal() for part in parts):
        raise InputError(f"{option} {text}: expected {count} whole numbers with commas between, such as 10,20")
    return [int(part) for part in parts]


def watch(video: Path, camera: Camera) -> Report:
    """Look through the recording as fast as it goes. Raises SourceError, InputError and NetworksError."""
    watcher = Watcher(camera)
    events: list[Seen] = []
    frames = 0
    with Capture(str(video), paced=False) as capture:
        detector = load_detector()
        while True:
            try:
                frame = capture.read(PATIENCE_S)
            except SourceEndedError:
                break
            if frame is None:
                continue
            frames += 1
            picture = watcher.look(frame)
            if picture is not None:
                (found,) = detector.detect([picture.image], watcher.score)
                events += watcher.see(frame, picture, found)
    events += watcher.finish()
    return Report(frames=frames, visits=lines_of(events), entries=watcher.entries, exits=watcher.exits)


def lines_of(events: list[Seen]) -> list[VisitLine]:
    """The report's lines: with a door a line for each crossing, otherwise one for each visit."""
    last = {seen.track: seen.last_frame for seen in events if seen.kind is SeenKind.GONE}
    announced = {(seen.track, seen.frame) for seen in events if seen.kind is SeenKind.VISIT}
    crossings = [seen for seen in events if seen.kind in {SeenKind.ENTRY, SeenKind.EXIT}]
    present = [seen for seen in events if seen.kind is SeenKind.VISIT and not seen.crossed]
    lines = []
    for seen in sorted(crossings + present, key=lambda seen: (seen.frame, seen.track)):
        direction: Literal["in", "out"] | None = None
        if seen.crossed:
            direction = "in" if seen.kind is SeenKind.ENTRY else "out"
        lines.append(
            VisitLine(
                first_frame=seen.first_frame,
                last_frame=last.get(seen.track, seen.last_frame),
                direction=direction,
                crossed_frame=seen.frame if seen.crossed else None,
                announced=(seen.track, seen.frame) in announced,
            )
        )
    return lines
