"""Killed processes lose nothing: the notifications arrive all the same."""

import signal
import subprocess
from functools import partial
from pathlib import Path

import cv2
import psutil
import pytest

from amiko import madeup
from tests.support.processes import document, running, titles, until

pytestmark = [pytest.mark.usefixtures("weights"), pytest.mark.timeout(600)]

VICTIMS = (
    "ray::DispatcherActor",
    "ray::RegistryActor",
    "ray::ServeReplica:networks:PersonDetector",
    "ray::ServeReplica:networks:VisitorEncoder",
    "ray::CameraActor",
    "ray::StoresActor",
)


def there(demo: "subprocess.Popen[str]", victim: str, *, other_than: int | None = None) -> psutil.Process | None:
    process = titles(demo).get(victim)
    return process if process is not None and process.pid != other_than else None


def back(demo: "subprocess.Popen[str]", victim: str, pid: int) -> bool:
    assert demo.poll() is None, f"the recording was over before {victim} was back"
    return there(demo, victim, other_than=pid) is not None


#: How often the visitors of the demo's clip come in: the recording must outlast all kills.
ROUNDS = 10


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "long.mp4"
    size = (madeup.WIDTH, madeup.HEIGHT)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), madeup.FPS, size)
    for _ in range(ROUNDS):
        for frame in madeup.frames():
            writer.write(frame)
    writer.release()
    return path


def test_every_visit_is_notified_whoever_is_killed(clip: Path) -> None:
    with running("demo", "--headless", "--json", "--video", str(clip)) as demo:
        until(lambda: "ray::CameraActor" in titles(demo) or demo.poll() is not None, "the camera", 300)
        for victim in VICTIMS:
            assert demo.poll() is None, f"the clip was over before {victim} was killed"
            process = until(partial(there, demo, victim), victim)
            process.send_signal(signal.SIGKILL)
            # back, as another process, before the next one is killed
            until(partial(back, demo, victim, process.pid), f"{victim} again")
        output, errors = demo.communicate(timeout=300)
    assert demo.returncode == 0, errors
    result = document(output)
    assert result["visits"] == result["notified"] == ROUNDS * len(madeup.CHARACTERS)
