"""What a camera's source is, and how it is opened; every way in which that fails has its own error."""

import os
import re
import time
import warnings
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
import PIL.Image

from domain.errors import (
    SourceError,
    SourceNotFoundError,
    SourceRefusedError,
    SourceTimeoutError,
    SourceUnauthorizedError,
    SourceUnreadableError,
)
from domain.records import Image

# RTSP over UDP loses packets, and pictures with them. FFmpeg's own messages may repeat an address, so it says nothing.
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
# OpenCV warns of every source that can't be opened; here that is an error with a text of its own.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)

#: Milliseconds until FFmpeg gives up opening or reading a live source.
OPEN_TIMEOUT_MS = 5000
READ_TIMEOUT_MS = 5000
#: Frames a second of a folder of pictures, and of a file that tells no rate that can be.
DEFAULT_FPS = 25.0
PICTURES_PER_S = 10.0
#: FFmpeg's threads: two take a quarter more of the processor, and hold each frame back until the next one is there.
_THREADS = [cv2.CAP_PROP_N_THREADS, 1]
PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})

#: Of a frame, twice what the largest cameras have (8K): a file of a few bytes can say that it needs gigabytes.
MOST_PIXELS = 2**26

#: Up to the last @, since people write passwords with / and @ as they are.
_CREDENTIALS = re.compile(r"(?<=://).*@")
#: Cameras and recorders also take the password among the parameters or in the path of the address.
_SECRET_PARAMETERS = re.compile(
    r"(?i)(?<=[?&/_;])((?:user(?:name)?|login|pass(?:word|wd)?|pwd|auth|token|key|secret)=)[^&\s#]+"
)


class SourceKind(StrEnum):
    """How an address is read."""

    FILE = "file"
    FOLDER = "folder"
    DEVICE = "device"
    RTSP = "rtsp"
    HTTP = "http"


LIVE = frozenset({SourceKind.DEVICE, SourceKind.RTSP, SourceKind.HTTP})


def redact(address: str) -> str:
    """The address without user name, password and secret parameters, fit to be shown."""
    return _SECRET_PARAMETERS.sub(r"\1***", _CREDENTIALS.sub("***@", address))


def kind_of(source: str) -> SourceKind:
    """What the source is, from its address alone, save that a folder is looked up."""
    if source.isdigit():
        return SourceKind.DEVICE
    scheme = source.partition("://")[0].lower() if "://" in source else ""
    if scheme in {"rtsp", "rtsps"}:
        return SourceKind.RTSP
    if scheme in {"http", "https"}:
        return SourceKind.HTTP
    return SourceKind.FOLDER if Path(source).is_dir() else SourceKind.FILE


class Reader:
    """An open source: `read()`, or `grab()` with `picture()`, until it returns None, then `close()`."""

    #: Frames a second as far as it is known; only believed for times that the source does not give.
    fps: float

    def grab(self) -> float | None:
        """Go on to the next frame: its time in seconds from the beginning; None at the end or on a failure."""
        raise NotImplementedError

    def picture(self) -> Image | None:
        """The frame that was grabbed, as a picture; None if it can't be decoded. A fifth of a frame's price."""
        raise NotImplementedError

    def read(self) -> tuple[Image, float] | None:
        """The next picture that can be decoded, and its time."""
        while (at := self.grab()) is not None:
            if (image := self.picture()) is not None:
                return image, at
        return None

    def close(self) -> None:
        """Let the source go."""
        raise NotImplementedError


class VideoReader(Reader):
    """Whatever OpenCV's FFmpeg reads."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        told = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = told if 1 <= told <= 240 else DEFAULT_FPS
        self._at: float | None = None

    def grab(self) -> float | None:
        if not self._capture.grab():
            return None
        told = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        if self._at is None:
            self._at = 0.0
            self._offset = told
        else:
            # Times that stand still or run back (MPEG-1's last frames) are made up from the rate.
            told -= self._offset
            later = self._at < told <= self._at + MAX_STEP_S
            self._at = told if later else self._at + 1 / self.fps
        return self._at

    def picture(self) -> Image | None:
        good, picture = self._capture.retrieve()
        return as_bgr(np.asarray(picture)) if good and picture is not None else None

    def close(self) -> None:
        self._capture.release()


#: A longer step between two frames of a file is a broken time stamp.
MAX_STEP_S = 60.0


class FolderReader(Reader):
    """The pictures of a folder in the order of their names."""

    fps = PICTURES_PER_S

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths
        self._number = -1

    def grab(self) -> float | None:
        self._number += 1
        return self._number / self.fps if self._number < len(self._paths) else None

    def picture(self) -> Image | None:
        if not _is_sane(self._paths[self._number]):
            return None
        picture = cv2.imread(str(self._paths[self._number]), cv2.IMREAD_COLOR)
        return as_bgr(np.asarray(picture)) if picture is not None else None

    def close(self) -> None:
        self._number = len(self._paths)


def _is_sane(path: Path) -> bool:
    """Whether it is a picture of a size that can be; OpenCV would raise, or take gigabytes."""
    try:
        with warnings.catch_warnings(action="ignore"), PIL.Image.open(path) as head:
            return head.width * head.height <= MOST_PIXELS
    except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError):
        return False


def as_bgr(picture: np.ndarray) -> Image:
    """Three channels of eight bits, whatever the source gave."""
    image = picture if picture.dtype == np.uint8 else cv2.convertScaleAbs(picture)
    if image.ndim == 2:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    if image.shape[2] == 4:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2BGR), dtype=np.uint8)
    return np.asarray(image, dtype=np.uint8)


def open_source(source: str) -> Reader:
    """Open a source of any kind.

    Raises the SourceError that says why it can't be: not found, refused, unauthorized, time-out, unreadable.
    """
    kind = kind_of(source)
    if kind is SourceKind.FOLDER:
        return _open_folder(Path(source))
    if kind is SourceKind.FILE:
        return _open_file(Path(source))
    if kind is SourceKind.DEVICE:
        return _open_device(int(source))
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS]
    limits += _THREADS
    start = time.monotonic()
    capture = cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
    if capture.isOpened():
        return _checked(capture, source)
    capture.release()
    if time.monotonic() - start >= OPEN_TIMEOUT_MS / 1000:
        raise SourceTimeoutError(_late(source))
    raise diagnose(source)


def _checked(capture: cv2.VideoCapture, source: str) -> VideoReader:
    """Raises SourceUnreadableError for pictures of a size that can't be."""
    width, height = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)), int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if width * height > MOST_PIXELS:
        capture.release()
        raise SourceUnreadableError(
            f"{redact(source)}: its pictures are {width}x{height}, too large for a camera; convert it to a smaller size"
        )
    return VideoReader(capture)


def _late(address: str) -> str:
    return f"{redact(address)}: no answer in {OPEN_TIMEOUT_MS / 1000:g} s; restart the camera"


def _open_folder(folder: Path) -> Reader:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise SourceUnreadableError(f"{folder}: no pictures in that folder; it needs .jpg or .png files")
    return FolderReader(paths)


def _open_file(path: Path) -> Reader:
    if not path.exists():
        raise SourceNotFoundError(f"{path}: no such file; check the path")
    if not os.access(path, os.R_OK):
        raise SourceUnreadableError(f"{path}: may not be read; give this user the right to read it")
    if path.stat().st_size == 0:
        raise SourceUnreadableError(f"{path}: is empty (0 bytes); copy the recording again")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, _THREADS)
    if not capture.isOpened():
        capture.release()
        raise SourceUnreadableError(
            f"{path}: is no video that can be read, or it is cut off; copy it again or convert it to H.264 (.mp4)"
        )
    return _checked(capture, str(path))


def _open_device(number: int) -> Reader:
    capture = cv2.VideoCapture(number, cv2.CAP_ANY)
    if capture.isOpened():
        return VideoReader(capture)
    capture.release()
    path = Path(f"/dev/video{number}")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise SourceUnauthorizedError(f"device {number}: {path} may not be used; add this user to the group video")
    if path.exists():
        raise SourceUnreadableError(f"device {number}: gives no picture; end the program that uses the camera")
    raise SourceNotFoundError(f"device {number}: no such camera; plug it in, or see `ls /dev/video*`")


def diagnose(address: str) -> SourceError:
    """Why a network camera could not be opened. OpenCV does not say, so PyAV asks once more and does."""
    # Loaded only where something fails: it brings an FFmpeg of its own.
    import av  # noqa: PLC0415 - see above
    import av.error as kinds  # noqa: PLC0415 - see above

    remedies: list[tuple[tuple[type[Exception], ...], type[SourceError], str]] = [
        (
            (kinds.HTTPUnauthorizedError, kinds.HTTPForbiddenError),
            SourceUnauthorizedError,
            "wrong user name or password; set them in the camera's address",
        ),
        (
            (kinds.HTTPNotFoundError, kinds.HTTPBadRequestError),
            SourceNotFoundError,
            "the camera has no stream there; check the path of the address",
        ),
        (
            (kinds.ConnectionRefusedError,),
            SourceRefusedError,
            "nothing listens there; check the port and that the camera is on",
        ),
        (
            (OSError,),
            SourceNotFoundError,
            "can't be reached; check the host's name or number and the network",
        ),
    ]
    options = {"rtsp_transport": "tcp"} if kind_of(address) is SourceKind.RTSP else {}
    failure: Exception | None = None
    try:
        with av.open(address, options=options, timeout=(OPEN_TIMEOUT_MS / 1000, READ_TIMEOUT_MS / 1000)):
            pass
    except kinds.FFmpegError as error:
        failure = error
    if isinstance(failure, kinds.TimeoutError | kinds.ExitError):
        return SourceTimeoutError(_late(address))
    for errors, kind, remedy in remedies:
        if isinstance(failure, errors):
            return kind(f"{redact(address)}: {remedy}")
    return SourceUnreadableError(f"{redact(address)}: sends no video that can be read; choose H.264 in the camera")
