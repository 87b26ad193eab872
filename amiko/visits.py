"""`amiko visits`: who comes and goes in a recording, without a cluster."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal, Protocol, TypedDict

import cv2
import typer
from pydantic import ValidationError
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from amiko.console import JsonOption, err, out, print_json
from domain.errors import InputError
from domain.records import Detection, Frame, Image
from domain.settings import Camera
from networks.detector import load_detector
from vision.capture import Capture, SourceEndedError
from vision.drawing import VideoWriter, draw_setting, draw_watch
from vision.source import LIVE, kind_of, redact
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
    """What `--json` prints."""

    frames: int
    visits: list[VisitLine]
    entries: int
    exits: int


class Finder(Protocol):
    """The person detector."""

    def detect(self, pictures: list[Image], score: float) -> list[list[Detection]]: ...


def visits(
    video: Annotated[str, typer.Argument(help="A recording, an animated gif or a folder of pictures.")],
    door: Annotated[str | None, typer.Option(metavar="X1,Y1,X2,Y2", help="The door's line, in pixels.")] = None,
    inside: Annotated[str | None, typer.Option(metavar="X,Y", help="A point on the door's inner side.")] = None,
    region: Annotated[
        str | None, typer.Option(metavar="X1,Y1,X2,Y2", help="The part of the picture to look at.")
    ] = None,
    size: Annotated[int, typer.Option(help="The detector's input size: 416, or 640 for small people.")] = 416,
    fps: Annotated[float, typer.Option(help="Detections a second.")] = 5,
    annotate: Annotated[
        Path | None, typer.Option(metavar="OUT.mp4", help="Write a video with boxes, line and counts.")
    ] = None,
    preview: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Write the first picture with the line, and stop.")
    ] = None,
    *,
    json: JsonOption = False,
) -> None:
    """Who comes and goes in a recording; nothing is stored and no cluster is needed.

    Examples: `amiko visits shop.mp4`;
    `amiko visits shop.mp4 --door 213,148,328,148 --inside 270,100 --annotate seen.mp4`
    """
    camera = camera_of(video, door, inside, region, size, fps)
    if preview is not None:
        write_preview(video, camera, preview)
        if annotate is None:
            err.print(f"the picture with the line: {preview}")
            return
    report = watch(video, camera, load_detector(), annotate)
    if json:
        print_json(report)
        return
    for line in report["visits"]:
        what = {"in": "came in", "out": "went out", None: "was there"}[line["direction"]]
        crossed = f", crossed the line at frame {line['crossed_frame']}" if line["crossed_frame"] is not None else ""
        out.print(f"frames {line['first_frame']} to {line['last_frame']}: somebody {what}{crossed}")
    counts = f"{report['entries']} in, {report['exits']} out" if camera.door else f"{len(report['visits'])} visits"
    out.print(f"{counts} in {report['frames']} frames")
    if annotate is not None:
        err.print(f"the annotated video: {annotate}")


def camera_of(video: str, door: str | None, inside: str | None, region: str | None, size: int, fps: float) -> Camera:
    """The camera that the options describe. Raises InputError naming the option that can't be."""
    if kind_of(video) in LIVE:
        raise InputError(
            f"{redact(video)}: a camera has no end; record a while and give the file, or put it in stores.yaml"
        )
    if (door is None) != (inside is None):
        raise InputError("--door and --inside belong together: the door's line, and a point on its inner side")
    settings: dict[str, object] = {"id": "video", "role": "entrance", "source": video, "size": size, "fps": fps}
    if door is not None and inside is not None:
        settings["door"] = {"line": _numbers(door, 4, "--door"), "inside": _numbers(inside, 2, "--inside")}
    if region is not None:
        settings["region"] = _numbers(region, 4, "--region")
    try:
        return Camera.model_validate(settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        option = str(first["loc"][0]) if first["loc"] else "door"
        given = {"door": f"{door} --inside {inside}", "region": region, "size": size, "fps": fps}[option]
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"--{option} {given}: {message[0].lower()}{message[1:]}") from None


def _numbers(text: str, count: int, option: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != count or not all(part.isascii() and part.isdecimal() for part in parts):
        example = ",".join(["213", "148", "328", "160"][:count])
        raise InputError(f"{option} {text}: expected {count} whole numbers with commas between, such as {example}")
    return [int(part) for part in parts]


def frames_of(capture: Capture) -> Iterator[Frame]:
    """All frames of a recording. Raises SourceUnreadableError if it has none."""
    while True:
        try:
            frame = capture.read(PATIENCE_S)
        except SourceEndedError:
            return
        if frame is not None:
            yield frame


def write_preview(video: str, camera: Camera, target: Path) -> None:
    """Write the recording's first picture with the door's line and the region on it."""
    with Capture(video, paced=False) as capture:
        frame = next(frames_of(capture))
    # A line outside the picture is told here too.
    Watcher(camera).look(frame)
    if target.suffix.lower() not in {".png", ".jpg", ".jpeg"}:
        raise InputError(f"--preview {target}: expected a name that ends in .png or .jpg")
    _, encoded = cv2.imencode(target.suffix, draw_setting(frame.image, camera))
    try:
        target.write_bytes(encoded.tobytes())
    except OSError as error:
        raise InputError(f"--preview {target}: can't be written: {error.strerror}; choose another place") from None


def watch(video: str, camera: Camera, detector: Finder, annotate: Path | None = None) -> Report:
    """Look through the recording as fast as it goes. Raises SourceError and InputError."""
    watcher = Watcher(camera)
    events: list[Seen] = []
    frames = 0
    with ExitStack() as stack:
        capture = stack.enter_context(Capture(video, paced=False))
        progress = stack.enter_context(_progress())
        # How many frames there are, no file is believed; so the bar tells the time that was seen.
        task = progress.add_task(Path(video).name, total=None, seen="0:00")
        writer: VideoWriter | None = None
        for frame in frames_of(capture):
            frames += 1
            picture = watcher.look(frame)
            if picture is not None:
                (found,) = detector.detect([picture.image], watcher.score)
                events += watcher.see(frame, picture, found)
            if annotate is not None:
                writer = writer or stack.enter_context(VideoWriter(annotate, capture.fps))
                writer.write(draw_watch(frame.image, camera, watcher, frame.at))
            progress.update(task, seen=f"{int(frame.at) // 60}:{int(frame.at) % 60:02}")
    events += watcher.finish()
    return Report(frames=frames, visits=lines_of(events), entries=watcher.entries, exits=watcher.exits)


def _progress() -> Progress:
    """On a terminal only; standard output stays free for the result."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[seen]} seen"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=err, transient=True, disable=not err.is_terminal)


def lines_of(events: list[Seen]) -> list[VisitLine]:
    """The report's lines: with a door one for each crossing, otherwise one for each visit."""
    last = {seen.track: seen.last_frame for seen in events if seen.kind is SeenKind.GONE}
    announced = {(seen.track, seen.frame) for seen in events if seen.kind is SeenKind.VISIT}
    told = [
        seen
        for seen in events
        if seen.kind in {SeenKind.ENTRY, SeenKind.EXIT} or (seen.kind is SeenKind.VISIT and not seen.crossed)
    ]
    return [
        VisitLine(
            first_frame=seen.first_frame,
            last_frame=last.get(seen.track, seen.last_frame),
            direction=_DIRECTIONS[seen.kind],
            crossed_frame=seen.frame if seen.crossed else None,
            announced=(seen.track, seen.frame) in announced,
        )
        for seen in sorted(told, key=lambda seen: (seen.frame, seen.track))
    ]


_DIRECTIONS: dict[SeenKind, Literal["in", "out"] | None] = {
    SeenKind.ENTRY: "in",
    SeenKind.EXIT: "out",
    SeenKind.VISIT: None,
}
