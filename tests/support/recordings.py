"""Recordings made at run time, for tests that need a video without needing footage."""

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from domain.records import Image


def footage(name: str) -> Path:
    """The recording of one folder of the footage; skips the test where it is missing."""
    root = Path(os.environ.get("AMIKO_FOOTAGE") or Path(__file__).parents[3] / "shared" / "footage")
    for path in sorted((root / name).glob("*")):
        if path.suffix in {".mp4", ".mpg"}:
            return path
    pytest.skip(f"no footage {name!r} in {root}; set AMIKO_FOOTAGE")


def moving_pictures(count: int, width: int = 160, height: int = 96) -> list[Image]:
    """Pictures in which a bright block moves by two pixels a frame; the top left pixels tell the frame's number."""
    pictures = []
    for number in range(count):
        picture = np.full((height, width, 3), 60, dtype=np.uint8)
        left = 10 + 2 * number % max(1, width - 40)
        picture[height // 3 : height // 2, left : left + 20] = 230
        pictures.append(picture)
    return pictures


def write_video(path: Path, pictures: Iterable[Image], fps: int = 10, codec: str = "h264") -> Path:
    """Write BGR pictures with even sides as a video."""
    with av.open(str(path), "w") as container:
        stream = None
        for number, picture in enumerate(pictures):
            if stream is None:
                stream = container.add_stream(codec, rate=fps)
                stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
                stream.gop_size = fps
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode())
    return path
