"""`amiko train`, `amiko classifiers` and `amiko samples` as they are called."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from domain.settings import home
from storage import samples
from storage.classifiers import ClassifierStore
from storage.database import Database
from tests.support.embeddings import DEPARTMENTS, visitors
from tests.support.processes import amiko, document


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "stores.yaml"
    path.write_text(
        f"""
telegram: {{token: "123456789:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}
stores: [{{id: spb-1, name: Невский, departments: [{", ".join(DEPARTMENTS)}]}}]
""",
        encoding="utf-8",
    )
    monkeypatch.setenv("AMIKO_SETTINGS", str(path))
    return path


def told(ended: "subprocess.CompletedProcess[str]") -> Any:
    """The document that a command printed."""
    assert ended.returncode == 0, ended.stderr
    return document(ended.stdout)


def fill(count: int) -> None:
    async def run() -> None:
        async with Database.open(home() / "amiko.db") as database:
            await samples.insert_all(database, visitors(count, days=5))

    asyncio.run(run())


def test_from_samples_to_a_classifier_and_back(tmp_path: Path) -> None:
    fill(210)
    report = tmp_path / "report.html"
    first = told(amiko("train", "--json", "--report", str(report)))
    assert (first["store"], first["version"], first["promoted"]) == ("spb-1", 1, True)
    assert first["figures"]["challenger"]["accuracy"] > 0.9
    assert "Невский" in report.read_text(encoding="utf-8")
    second = amiko("train", COLUMNS="200")
    assert second.returncode == 0
    assert "version 2, kept, not used: not better" in second.stdout
    assert "logistic regression" in second.stdout
    listed = told(amiko("classifiers", "list", "--json"))
    assert [(one["version"], one["current"]) for one in listed] == [(2, False), (1, True)]
    assert told(amiko("classifiers", "promote", "2", "--json")) == {"store": "spb-1", "current": 2}
    assert told(amiko("classifiers", "rollback", "--json")) == {"store": "spb-1", "current": 1}


def test_too_few_samples_is_said_and_changes_nothing() -> None:
    fill(12)
    ended = amiko("train")
    assert ended.returncode == 1
    assert "too few samples" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert told(amiko("classifiers", "list", "--json")) == []


def test_nothing_to_return_to_is_wrong_input() -> None:
    for command in (["rollback"], ["promote", "7"]):
        ended = amiko("classifiers", *command)
        assert ended.returncode in {1, 2}
        assert "error:" in ended.stderr
        assert "Traceback" not in ended.stderr


def test_a_damaged_version_is_not_promoted() -> None:
    fill(150)
    told(amiko("train", "--json"))
    (home() / "classifiers" / "spb-1" / "1.safetensors").write_bytes(b"\x80\x04.")
    ended = amiko("classifiers", "promote", "1")
    assert ended.returncode == 1
    assert "damaged" in ended.stderr

    async def current() -> tuple[int, str] | None:
        async with Database.open(home() / "amiko.db") as database:
            return await ClassifierStore(database, home() / "classifiers").current("spb-1")

    now = asyncio.run(current())
    assert now is not None
    assert now[0] == 1


def test_samples_are_listed_and_forgotten() -> None:
    fill(30)
    listed = told(amiko("samples", "list", "--json"))
    assert sum(one["count"] for one in listed) == 30
    forgotten = amiko("samples", "forget", "--camera", "camera of Toys", "--json")
    assert told(forgotten) == {"store": "spb-1", "forgotten": 10}
    assert amiko("samples", "forget", "--day", "yesterday").returncode == 2
    # all of them only where somebody says so
    refused = amiko("samples", "forget")
    assert refused.returncode != 0
    assert sum(one["count"] for one in told(amiko("samples", "list", "--json"))) == 20
    assert told(amiko("samples", "forget", "--yes", "--json"))["forgotten"] == 20


def test_imports_that_can_not_be_are_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments in (["nowhere"], [str(tmp_path / "empty"), "--department", "Toys"], [str(tmp_path), "--day", "1"]):
        ended = amiko("samples", "import", *arguments)
        assert ended.returncode == 2, ended.stderr
        assert "Traceback" not in ended.stderr
