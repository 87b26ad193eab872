"""What the camera sees, drawn for people: boxes, ids, the door's line, counts."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av
import cv2
import numpy as np

from domain.errors import InputError
from domain.records import Image
from domain.settings import Camera
from vision.door import DoorLine
from vision.watcher import Watcher

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_GREEN, _RED, _YELLOW, _GREY = (80, 200, 80), (60, 60, 230), (60, 220, 240), (160, 160, 160)
#: Small pictures are enlarged to about this long side, pixels, so that the text can be read; larger ones are reduced.
_LONGEST = 1280

_Colour = tuple[int, int, int]


def draw_setting(image: Image, camera: Camera) -> Image:
    """A copy of a frame with the region, the door's line and an arrow to its inner side; enlarged if it is small."""
    return _Sheet(image).setting(camera).picture


def draw_watch(image: Image, camera: Camera, watcher: Watcher, at: float) -> Image:
    """The same, with the people who are followed and the counts so far."""
    sheet = _Sheet(image).setting(camera)
    for track in watcher.tracks:
        if at - track.last_at <= 1:
            x_min, y_min, x_max, y_max = track.box
            sheet.box((x_min, y_min), (x_max, y_max), _YELLOW)
            sheet.text(f"{track.id}  {track.score:.2f}", (x_min, y_min - 3), _YELLOW)
    counts = f"in {watcher.entries}  out {watcher.exits}  " if camera.door else ""
    sheet.text(f"{counts}visits {watcher.visits}", (4, image.shape[0] - 6), _YELLOW)
    return sheet.picture


class _Sheet:
    """A copy of a frame to draw on, in the frame's own pixels."""

    def __init__(self, image: Image) -> None:
        height, width = image.shape[:2]
        self._scale = max(1, _LONGEST // max(height, width))
        size = (width * self._scale, height * self._scale)
        self.picture: Image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
        self._line = max(1, max(size) // 500)

    def setting(self, camera: Camera) -> Self:
        if camera.region:
            self.box(camera.region[:2], camera.region[2:], _GREY)
        if camera.door:
            x1, y1, x2, y2 = camera.door.line
            middle = ((x1 + x2) / 2, (y1 + y2) / 2)
            tip = DoorLine(camera.door).inwards(middle, 0.25 * float(np.hypot(x2 - x1, y2 - y1)))
            cv2.line(self.picture, self._at((x1, y1)), self._at((x2, y2)), _RED, 2 * self._line, cv2.LINE_AA)
            cv2.arrowedLine(
                self.picture, self._at(middle), self._at(tip), _GREEN, 2 * self._line, cv2.LINE_AA, tipLength=0.3
            )
            self.text("inside", (tip[0] + 3, tip[1]), _GREEN)
        return self

    def box(self, low: tuple[float, float], high: tuple[float, float], colour: _Colour) -> None:
        cv2.rectangle(self.picture, self._at(low), self._at(high), colour, self._line)

    def text(self, text: str, place: tuple[float, float], colour: _Colour) -> None:
        x, y = self._at(place)
        size = max(self.picture.shape[:2]) / 1600
        for tint, thickness in (((0, 0, 0), 4), (colour, 1)):
            cv2.putText(
                self.picture, text, (x, max(y, 12)), cv2.FONT_HERSHEY_SIMPLEX, size, tint, thickness, cv2.LINE_AA
            )

    def _at(self, point: tuple[float, float]) -> tuple[int, int]:
        return round(point[0] * self._scale), round(point[1] * self._scale)


class VideoWriter:
    """Writes an H.264 video that browsers and phones play. A context manager."""

    def __init__(self, path: Path, fps: float) -> None:
        """Raises InputError where no video can be written there."""
        try:
            path.open("wb").close()
        except OSError as error:
            raise InputError(f"{path}: can't be written: {error.strerror}; choose another place") from None
        self._container = av.open(str(path), "w", format="mp4")
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
