"""A database of each earlier version, with rows in all its tables, is brought up to date without losing any."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from domain.errors import StorageError
from storage import database as module
from storage.database import KEEP_COPY_S, Database, copies, copy_of, drop_copies, scripts

SCRIPTS = scripts()
VECTOR = bytes(range(256)) * 10
#: What each version added, filled in as it was then: {version: {table: rows}}.
ROWS: dict[int, dict[str, list[dict[str, object]]]] = {
    1: {
        "assistants": [
            {"id": 1, "store": "a", "name": "Anna", "telegram_id": 11, "state": "busy", "since": 5.0},
            {"id": 2, "store": "b", "name": "Boris", "username": "boris", "since": 6.0},
        ],
        "visits": [
            {"id": "v1", "store": "a", "camera": "door", "at": 100.0, "embedding": VECTOR, "encoder": "e@1"},
            {"id": "v2", "store": "b", "camera": "door", "at": 200.0, "prediction": '{"classifier": 1, "ranking": []}'},
        ],
        "notifications": [
            {"id": 7, "visit": "v1", "assistant": 1, "state": "taken", "created_at": 101.0, "expires_at": 161.0},
            {"id": 8, "visit": "v2", "assistant": 2, "state": "queued", "created_at": 201.0, "expires_at": 261.0},
        ],
    },
    2: {
        "samples": [
            {
                "number": 3, "store": "a", "id": "s1", "department": "Toys", "origin": "camera", "camera": "toys",
                "day": "2026-01-01", "group": "g", "encoder": "e@1", "dimensions": 1280, "vector": VECTOR,
            }
        ],
        "classifiers": [
            {
                "store": "a", "version": 1, "created_at": 1.0, "encoder": "e@1", "sha256": "0" * 64,
                "reason": "first", "scores": "{}",
            }
        ],
        "promotions": [{"number": 1, "store": "a", "version": 1, "at": 2.0, "cause": "training"}],
        "trainings": [{"number": 1, "store": "a", "at": 2.0, "due": 1.5, "outcome": "trained"}],
    },
    3: {
        "invites": [{"hash": "h", "store": "a", "expires_at": 9.0}],
        "admins": [{"telegram_id": 99, "language": "ru"}],
        "notices": [
            {
                "id": 1, "chat": 99, "bot": "main", "kind": "joined", "subject": "11", "values": "{}",
                "created_at": 1.0, "due_at": 1.0,
            }
        ],
    },
    4: {"leases": [{"name": "bot", "token": 4, "holder": "h"}]},
}  # fmt: skip


def make(path: Path, version: int) -> None:
    """As a release of that version left it, with rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for script in SCRIPTS[:version]:
            connection.executescript(script.read_text())
        connection.execute(f"PRAGMA user_version = {version}")
        for number in range(1, version + 1):
            for table, rows in ROWS.get(number, {}).items():
                for row in rows:
                    names = ", ".join(f'"{name}"' for name in row)
                    marks = ", ".join("?" * len(row))
                    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in sorted(tables)}


@pytest.mark.parametrize("version", range(1, len(SCRIPTS)))
async def test_every_row_of_an_earlier_version_is_there_afterwards(version: int, home: Path) -> None:
    path = home / "amiko.db"
    make(path, version)
    before = content(path)
    async with Database.open(path) as database:
        for number in range(1, version + 1):
            for table, rows in ROWS.get(number, {}).items():
                there = [dict(row) for row in await database.read(f"SELECT * FROM {table}")]
                # whatever a later version renamed or worked out anew is its own test's matter
                assert [{key: row[key] for key in old} for old, row in zip(rows, there, strict=True)] == rows
        (row,) = await database.read("PRAGMA integrity_check")
        assert (row[0], await database.read("PRAGMA foreign_key_check")) == ("ok", [])
    assert copies(path) == [copy_of(path, version)]
    assert content(copy_of(path, version)) == before
    assert copy_of(path, version).stat().st_mode & 0o777 == 0o600


async def test_a_migration_that_fails_leaves_the_old_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, folder = home / "amiko.db", home / "scripts"
    make(path, 1)
    before = content(path)
    folder.mkdir()
    for script in SCRIPTS:
        (folder / script.name).write_text(script.read_text())
    (folder / SCRIPTS[-1].name).write_text("CREATE TABLE fine (a); CREATE TABLE visits (twice);")
    monkeypatch.setattr(module, "MIGRATIONS", folder)
    with pytest.raises(StorageError, match="left as it is"):
        await Database.connect(path)
    # none of those before it either
    assert content(path) == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    monkeypatch.undo()
    async with Database.open(path) as database:
        assert len(await database.read("SELECT 1 FROM visits")) == 2


async def test_where_no_copy_can_be_made_nothing_is_migrated(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "amiko.db"
    make(path, 1)
    before = content(path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "copy_whole", full)
    with pytest.raises(StorageError, match="No space left"):
        await Database.connect(path)
    assert content(path) == before
    assert {one.name for one in home.iterdir()} <= {"amiko.db", "amiko.db-wal", "amiko.db-shm"}


async def test_a_new_database_has_no_copy(home: Path) -> None:
    async with Database.open(home / "amiko.db"):
        pass
    assert copies(home / "amiko.db") == []
    assert (home / "amiko.db").stat().st_mode & 0o777 == 0o600


def test_copies_go_after_a_while(home: Path) -> None:
    make(home / "amiko.db", 1)
    old, young = copy_of(home / "amiko.db", 1), copy_of(home / "amiko.db", 2)
    for copy, age in ((old, KEEP_COPY_S + 60), (young, KEEP_COPY_S - 60)):
        copy.touch()
        os.utime(copy, (time.time() - age,) * 2)
    assert drop_copies(home / "amiko.db") == 1
    assert copies(home / "amiko.db") == [young]
