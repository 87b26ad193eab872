"""`amiko train`, `amiko classifiers` and `amiko samples` as they are called."""

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
import typer

from amiko import console
from amiko.cli import build
from domain.errors import AmikoError
from domain.places import home
from storage import samples
from storage.classifiers import ClassifierStore
from storage.database import Database
from tests.support.embeddings import DEPARTMENTS, visitors


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


def told(*arguments: str) -> Any:
    """The document that a command prints."""
    return json.loads(said(*arguments, "--json"))


def said(*arguments: str) -> str:
    """What a command prints; in this process, since reading torch anew for each would take longer than all of them."""
    output, before = io.StringIO(), console.out.file
    console.out.file = output
    try:
        build(arguments[0])(list(arguments), standalone_mode=False)
    finally:
        console.out.file = before
    return output.getvalue()


def refused(status: int, *arguments: str) -> str:
    """What is said where a command can't be done."""
    with pytest.raises(AmikoError) as error:
        said(*arguments)
    assert error.value.exit_status == status
    return str(error.value)


def fill(count: int) -> None:
    async def run() -> None:
        async with Database.open(home() / "amiko.db") as database:
            await samples.insert_all(database, visitors(count, days=5))

    asyncio.run(run())


def test_from_samples_to_a_classifier_and_back(tmp_path: Path) -> None:
    fill(210)
    report = tmp_path / "report.html"
    first = told("train", "--report", str(report))
    assert (first["store"], first["version"], first["promoted"]) == ("spb-1", 1, True)
    assert first["figures"]["challenger"]["accuracy"] > 0.9
    assert "Невский" in report.read_text(encoding="utf-8")
    second = " ".join(said("train").split())
    assert "version 2, kept, not used: not better" in second
    assert "challenger" in second
    listed = told("classifiers", "list")
    assert [(one["version"], one["current"]) for one in listed] == [(2, False), (1, True)]
    assert told("classifiers", "promote", "2") == {"store": "spb-1", "current": 2}
    assert told("classifiers", "rollback") == {"store": "spb-1", "current": 1}


def test_too_few_samples_is_said_and_changes_nothing() -> None:
    fill(12)
    assert "too few samples" in refused(1, "train")
    assert told("classifiers", "list") == []


def test_nothing_to_return_to_is_wrong_input() -> None:
    assert "no earlier" in refused(2, "classifiers", "rollback")
    assert "version 7" in refused(1, "classifiers", "promote", "7")


def test_a_damaged_version_is_not_promoted() -> None:
    fill(150)
    told("train")
    (home() / "classifiers" / "spb-1" / "1.safetensors").write_bytes(b"\x80\x04.")
    assert "damaged" in refused(1, "classifiers", "promote", "1")

    async def current() -> tuple[int, str] | None:
        async with Database.open(home() / "amiko.db") as database:
            return await ClassifierStore(database, home() / "classifiers").current("spb-1")

    now = asyncio.run(current())
    assert now is not None
    assert now[0] == 1


def test_samples_are_listed_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    fill(30)
    listed = told("samples", "list")
    assert sum(one["count"] for one in listed) == 30
    assert told("samples", "forget", "--camera", "camera of Toys") == {"store": "spb-1", "forgotten": 10}
    refused(2, "samples", "forget", "--day", "yesterday")
    # all of them only where somebody says so
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    with pytest.raises(typer.Abort):
        said("samples", "forget")
    assert sum(one["count"] for one in told("samples", "list")) == 20
    assert told("samples", "forget", "--yes")["forgotten"] == 20


def test_imports_that_can_not_be_are_wrong_input(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments in (["nowhere"], [str(tmp_path / "empty"), "--department", "Toys"], [str(tmp_path), "--day", "1"]):
        refused(2, "samples", "import", *arguments)
