"""What the actors' logs say, line by line."""

import json
import sys

import pytest
from rich.console import Console

from amiko import logs
from amiko.logs import parsed


def said(message: str, **more: str) -> str:
    return json.dumps({"asctime": "2026-03-01 10:00:00,1", "levelname": "INFO", "message": message, **more})


def test_lines_of_ours_are_taken_and_others_left_out() -> None:
    ours = said("a visitor came in", visit="v", actor_name="registry")
    text = f':job_id:01000000\n{ours}\nTraceback (most recent call last):\n{{"x": 1}}\n3\n'
    assert parsed(text) == [{"actor": "registry", **json.loads(ours)}]


def test_a_cameras_lines_are_about_that_camera() -> None:
    plain, told = said("lost"), said("of another", store="spb-2", actor_name="camera/spb-1/door")
    lines = parsed(f"{plain}\n{told}\n")
    assert [(line["actor"], line["store"], line["camera"]) for line in lines] == [
        ("camera/spb-1/door", "spb-1", "door"),
        ("camera/spb-1/door", "spb-2", "door"),
    ]


def test_what_is_no_actor_of_ours_is_left_out() -> None:
    assert parsed(said("ready", actor_name="SERVE_REPLICA::networks#PersonDetector#1")) == []
    assert parsed(said("nobody's")) == []


def test_a_node_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise OSError("500 Server Error")

    monkeypatch.setattr("ray.util.state.list_logs", refuse)
    assert logs._files("127.0.0.1:6379", "0123456789abcdef") == []
    assert "node 01234567" in capsys.readouterr().err


def test_of_all_lines_the_last_ones_that_fit_are_shown_in_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        {"message": str(number), "levelname": level, "store": store, "timestamp_ns": number}
        for number, level, store in (
            (5, "INFO", "a"),
            (3, "ERROR", "a"),
            (4, "DEBUG", "a"),
            (1, "INFO", "a"),
            (2, "INFO", "b"),
        )
    ]
    monkeypatch.setattr(logs, "_read", lambda: lines)

    def shown(**wanted: object) -> list[str]:
        logs.logs(**{"level": "info", "count": 100, "as_json": True, **wanted})
        return [json.loads(line)["message"] for line in capsys.readouterr().out.splitlines()]

    monkeypatch.setattr(logs, "out", Console(file=sys.stdout))
    assert shown() == ["1", "2", "3", "5"]
    assert shown(count=2) == ["3", "5"]
    assert shown(store="a", level="debug") == ["1", "3", "4", "5"]
    assert shown(level="error") == ["3"]
