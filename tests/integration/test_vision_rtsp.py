"""Cameras over RTSP and HTTP, with real servers on loopback that are killed, say nothing or send garbage.

GStreamer's RTSP server comes from Debian: gir1.2-gst-rtsp-server-1.0, python3-gi, gstreamer1.0-plugins-base, -good and
-bad. AMIKO_CUTS sets how often the server is killed (3 in the suite, 20 for the measurement).
"""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
from support.mjpeg import MjpegCamera
from support.recordings import moving_pictures, write_video

from domain.errors import SourceNotFoundError, SourceUnauthorizedError
from vision.capture import Capture
from vision.connection import CaptureState
from vision.source import open_source

CUTS = int(os.environ.get("AMIKO_CUTS", "3"))
SYSTEM_PYTHON = "/usr/bin/python3"
SERVER = Path(__file__).parents[1] / "support" / "rtsp_server.py"
CHECK = """
import gi
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
assert all(Gst.ElementFactory.find(name) for name in ("qtdemux", "h264parse", "rtph264pay"))
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def rtsp() -> None:
    """Skips where GStreamer's RTSP server is missing."""
    command = [SYSTEM_PYTHON, "-c", CHECK]
    if not Path(SYSTEM_PYTHON).exists() or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no GStreamer RTSP server: apt-get install gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-bad")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three minutes, so that no server comes to its end within a test."""
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_pictures(1800), fps=10)


@contextmanager
def serving(port: int, clip: Path, *login: str) -> Iterator[subprocess.Popen[str]]:
    server = subprocess.Popen(
        [SYSTEM_PYTHON, str(SERVER), str(port), str(clip), *login], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield server
    finally:
        server.kill()
        server.communicate()


def until(condition: Callable[[], bool], limit_s: float) -> float:
    """Seconds until it came true."""
    begin = time.monotonic()
    while not condition():
        assert time.monotonic() - begin < limit_s, f"did not come true in {limit_s} s"
        time.sleep(0.02)
    return time.monotonic() - begin


def own_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("capture", "reader"))]


@pytest.mark.usefixtures("rtsp")
@pytest.mark.timeout(900)
def test_a_server_that_is_killed_again_and_again(clip: Path) -> None:
    port, process = free_port(), psutil.Process()
    back, memory = [], []
    with Capture(f"rtsp://127.0.0.1:{port}/door") as capture:
        until(lambda: capture.state.state is CaptureState.LOST, 30)
        assert "nothing listens" in capture.state.reason
        for _ in range(CUTS):
            with serving(port, clip):
                back.append(until(lambda: capture.state.state is CaptureState.STREAMING, 60))
                frame = capture.read(30)
                assert frame is not None
                assert frame.image.shape == (96, 160, 3)
                assert frame.at == pytest.approx(time.time(), abs=60)
            until(lambda: capture.state.state is not CaptureState.STREAMING, 60)
            memory.append(process.memory_info().rss / 1e6)
    print("seconds until the camera was back:", [round(seconds, 1) for seconds in back])  # noqa: T201 - the measurement
    print("resident MB after each cut:", [round(megabytes, 1) for megabytes in memory])  # noqa: T201 - the measurement
    until(lambda: own_threads() == [], 30)
    if CUTS >= 20:
        assert memory[19] <= memory[4] * 1.05


@pytest.mark.usefixtures("rtsp")
def test_passwords_and_paths(clip: Path) -> None:
    port = free_port()
    with serving(port, clip, "anna:geheim"):
        reader = open_source(f"rtsp://anna:geheim@127.0.0.1:{port}/door")
        assert reader.read() is not None
        reader.close()
        with pytest.raises(SourceUnauthorizedError) as caught:
            open_source(f"rtsp://anna:falsch@127.0.0.1:{port}/door")
        assert "falsch" not in str(caught.value)
        with pytest.raises(SourceUnauthorizedError):
            open_source(f"rtsp://127.0.0.1:{port}/door")
    with serving(port, clip), pytest.raises(SourceNotFoundError):
        open_source(f"rtsp://127.0.0.1:{port}/elsewhere")


#: 96 rows of 160, in all greys.
PICTURES = [cv2.imencode(".jpg", np.full((96, 160, 3), grey, np.uint8))[1].tobytes() for grey in range(200)]
GARBAGE = [np.random.default_rng(0).bytes(700)]


@pytest.fixture
def camera() -> Iterator[MjpegCamera]:
    made = MjpegCamera(PICTURES, fps=20)
    yield made
    made.close()


def test_http_mjpeg_that_falls_silent_is_stalled_and_comes_back(camera: MjpegCamera) -> None:
    with Capture(camera.url) as capture:
        frame = capture.read(30)
        assert frame is not None
        assert frame.image.shape == (96, 160, 3)
        camera.pictures = []
        until(lambda: capture.state.state in {CaptureState.STALLED, CaptureState.LOST}, 60)
        assert capture.state.reason
        camera.pictures = PICTURES
        until(lambda: capture.state.state is CaptureState.STREAMING, 60)
    until(lambda: own_threads() == [], 30)


def test_a_stream_that_sends_garbage_is_a_state_with_a_reason(camera: MjpegCamera) -> None:
    camera.pictures = GARBAGE
    with Capture(camera.url) as capture:
        until(lambda: capture.state.state is CaptureState.LOST, 60)
        assert capture.state.reason
        camera.pictures = PICTURES
        until(lambda: capture.state.state is CaptureState.STREAMING, 30)
    until(lambda: own_threads() == [], 30)


def test_one_that_accepts_and_says_nothing_does_not_stop_the_others(camera: MjpegCamera) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        Capture(f"rtsp://anna:geheim@127.0.0.1:{silent.getsockname()[1]}/door") as dead,
        Capture(camera.url) as alive,
    ):
        assert alive.read(30) is not None
        until(lambda: dead.state.state is CaptureState.LOST, 60)
        assert "no answer in 5 s" in dead.state.reason
        assert "geheim" not in dead.state.reason
        assert alive.read(30) is not None
    until(lambda: own_threads() == [], 30)
