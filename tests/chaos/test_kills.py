"""Killed processes lose nothing: the notifications arrive all the same."""

import signal
import subprocess
from functools import partial

import psutil
import pytest

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


def test_every_visit_is_notified_whoever_is_killed() -> None:
    with running("demo", "--headless", "--json") as demo:
        until(lambda: "ray::CameraActor" in titles(demo) or demo.poll() is not None, "the camera", 300)
        for victim in VICTIMS:
            process = until(partial(there, demo, victim), victim)
            process.send_signal(signal.SIGKILL)
            # back, as another process, before the next one is killed
            until(partial(there, demo, victim, other_than=process.pid), f"{victim} again")
        output, errors = demo.communicate(timeout=300)
    assert demo.returncode == 0, errors
    result = document(output)
    assert result["visits"] == result["notified"] == 4
