"""What the camera sees, drawn for people: boxes, ids, the door's line, counts."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from domain.errors import InputError
from domain.records import Image
from domain.settings import Camera
from vision.door import DoorLine
from vision.tracking import Track
from vision.watcher import Watcher

_GREEN, _RED, _YELLOW, _GREY = (80, 200, 80), (60, 60, 230), (60, 220, 240), (160, 160, 160)
#: Long side of an annotated picture at most, pixels.
_LONGEST = 1280


def draw_setting(image: Image, camera: Camera) -> Image:
    """A copy of a frame with the region, the door's line and an arrow to its inner side."""
    picture = image.copy()
    thickness = max(1, max(picture.shape[:2]) // 400)
    if camera.region:
        cv2.rectangle(picture, camera.region[:2], camera.region[2:], _GREY, thickness)
    if camera.door:
        x1, y1, x2, y2 = camera.door.line
        cv2.line(picture, (x1, y1), (x2, y2), _RED, 2 * thickness)
        middle = ((x1 + x2) // 2, (y1 + y2) // 2)
        tip = DoorLine(camera.door).inwards(middle, 0.25 * float(np.hypot(x2 - x1, y2 - y1)))
        cv2.arrowedLine(picture, middle, tip, _GREEN, 2 * thickness, tipLength=0.3)
        _write(picture, "inside", (tip[0] + 4, tip[1]), _GREEN)
    return picture


def draw_watch(image: Image, camera: Camera, watcher: Watcher, at: float) -> Image:
    """A copy of a frame with the people who are followed and the counts so far."""
    picture = draw_setting(image, camera)
    thickness = max(1, max(picture.shape[:2]) // 400)
    for track in watcher.tracks:
        if at - track.last_at <= 1:
            _draw_track(picture, track, thickness)
    counts = f"in {watcher.entries}  out {watcher.exits}  " if camera.door else ""
    _write(picture, f"{counts}visits {watcher.visits}", (6, 6 + 16 * max(1, thickness)), _YELLOW)
    return picture


def _draw_track(picture: Image, track: Track, thickness: int) -> None:
    x_min, y_min, x_max, y_max = (round(value) for value in track.box)
    cv2.rectangle(picture, (x_min, y_min), (x_max, y_max), _YELLOW, thickness)
    cv2.circle(picture, ((x_min + x_max) // 2, y_max), 2 * thickness, _RED, -1)
    _write(picture, f"{track.id}  {track.score:.2f}", (x_min, max(12, y_min - 4)), _YELLOW)


def _write(picture: Image, text: str, place: tuple[int, int], colour: tuple[int, int, int]) -> None:
    scale = max(0.4, max(picture.shape[:2]) / 1600)
    for tint, thickness in (((0, 0, 0), 3), (colour, 1)):
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, tint, thickness, cv2.LINE_AA)


class VideoWriter:
    """Writes an H.264 video that browsers and phones play. A context manager."""

    def __init__(self, path: Path, fps: float) -> None:
        """Raises InputError where no video can be written there."""
        try:
            self._container = av.open(str(path), "w", format="mp4")
        except (OSError, av.error.FFmpegError) as error:
            raise InputError(f"{path}: can't be written: {error.strerror or error}; choose another place") from None
        self._fps = Fraction(fps).limit_denominator(1000)
        self._stream: VideoStream | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def write(self, image: Image) -> None:
        """Add a frame; all become the size of the first."""
        if self._stream is None:
            height, width = image.shape[:2]
            scale = min(1.0, _LONGEST / max(height, width))
            self._stream = self._container.add_stream("h264", rate=self._fps)
            # The format wants even sides.
            self._stream.width, self._stream.height = (max(2, round(side * scale / 2) * 2) for side in (width, height))
            self._stream.pix_fmt = "yuv420p"
        size = (self._stream.width, self._stream.height)
        if image.shape[1::-1] != size:
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        frame = av.VideoFrame.from_ndarray(image, format="bgr24")
        frame.pts, frame.time_base = self._count, 1 / self._fps
        self._count += 1
        self._container.mux(self._stream.encode(frame))
