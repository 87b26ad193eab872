"""Ray's memory of who is there: a process that dies is started again, and its file is no other Ray's."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from actors import head
from actors.head import Keeper, command_at, forget

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]


def test_it_comes_back_where_it_was() -> None:
    assert command_at("127.0.0.1:4711", ["gcs_server", "--gcs_server_port=0", "--x=1"]) == [
        "gcs_server",
        "--gcs_server_port=4711",
        "--x=1",
    ]


def test_a_process_that_dies_is_started_again_until_all_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "LOOK_S", 0.05)
    first = subprocess.Popen(SLEEPS)
    keeper = Keeper(psutil.Process(first.pid), SLEEPS, dict(os.environ))
    keeper.start()
    killed = first.pid
    for _ in range(2):
        psutil.Process(killed).kill()
        killed = another(killed)
    keeper.release()
    keeper.end()
    assert not psutil.pid_exists(killed)
    first.wait()


def another(than: int) -> int:
    """The number of the process that sleeps now."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for child in psutil.Process().children():
            alive = child.pid != than and child.status() != psutil.STATUS_ZOMBIE
            if alive and child.cmdline()[1:] == SLEEPS[1:]:
                return child.pid
        time.sleep(0.02)
    raise TimeoutError("nothing was started")


def test_only_what_nobody_has_any_more_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    mine = tmp_path / str(os.getpid())
    for name in (mine.name, str(gone.pid), str(os.getppid()), "kept"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("RAY_gcs_storage_path", str(mine))
    forget()
    assert {one.name for one in tmp_path.iterdir()} == {str(os.getppid()), "kept"}
