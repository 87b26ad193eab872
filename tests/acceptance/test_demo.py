"""The main job, end to end, as a newcomer runs it: real networks, Ray, Serve, SQLite; only Telegram is the sandbox."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.processes import amiko, children, document, running, until

pytestmark = [pytest.mark.usefixtures("weights"), pytest.mark.timeout(400)]

FIELDS = {"visits", "notifications", "texts", "latency_ms", "stages_ms", "rss_mb"}


def listening(processes: list[psutil.Process]) -> Iterator[tuple[str, str]]:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    yield process.name(), connection.laddr.ip.removeprefix("::ffff:")


def test_each_visitor_of_the_clip_becomes_a_message(home: Path) -> None:
    with running("demo", "--headless", "--json") as demo:
        until(lambda: (home / "running.json").exists() or demo.poll() is not None, "the start", 300)
        family = children(demo)
        sockets = set(listening(family))
        status = amiko("status", "--json")
        output, errors = demo.communicate(timeout=300)
    assert demo.returncode == 0, errors
    result = document(output)
    assert result.keys() >= FIELDS
    assert result["visits"] == result["notifications"] == len(result["texts"]) == 4
    assert all(text.startswith("Подойдите в отдел ") for text in result["texts"])
    assert 0 < result["latency_ms"]["p50"] <= result["latency_ms"]["p95"]

    assert status.returncode == 0, status.stderr
    told = document(status.stdout)
    assert told["networks"].keys() == {"PersonDetector", "VisitorEncoder", "DepartmentClassifier"}
    assert set(told["cameras"]) == {"demo/door"}

    # every socket of every process: one that is right must not hide another of the same name
    assert sockets, "nothing was seen to listen"
    assert {address for _, address in sockets} == {"127.0.0.1"}, sockets
    psutil.wait_procs(family, timeout=60)
    left = [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    assert not left, "processes are left over"
    assert not (home / "running.json").exists()


def test_a_recording_that_is_none_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video")
    for name in ("empty.mp4", "text.mp4", "missing.mp4"):
        ended = amiko("demo", "--headless", "--json", "--video", str(tmp_path / name))
        assert ended.returncode == 2
        assert ended.stdout == ""
        assert name in ended.stderr
        assert "Traceback" not in ended.stderr
