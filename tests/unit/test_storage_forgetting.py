"""What is forgotten is in no table, no free page, no log of the database and no file beside it."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from domain.errors import StorageError
from storage import forgetting
from storage.database import Database
from storage.forgetting import Scope
from tests.support.kept import embedding, found, keep

DAY = 24 * 3600.0


@pytest.fixture
async def kept(home: Path) -> Path:
    """Two stores; the first has two cameras and two days."""
    await keep(home, store="a", camera="door", day="2026-01-01", at=0, mark=1)
    await keep(home, store="a", camera="toys", day="2026-01-01", at=10, mark=2)
    await keep(home, store="a", camera="door", day="2026-01-02", at=DAY, mark=3)
    await keep(home, store="b", camera="door", day="2026-01-01", at=0, mark=4)
    return home


@pytest.mark.parametrize(
    ("scope", "gone"),
    [
        (Scope(store="a"), {1, 2, 3}),
        (Scope(store="a", staff=True), {1, 2, 3}),
        (Scope(store="a", camera="door"), {1, 3}),
        (Scope(store="a", day="2026-01-01", since=0, until=DAY), {1, 2}),
        (Scope(store="a", camera="door", day="2026-01-02", since=DAY, until=2 * DAY), {3}),
    ],
    ids=["store", "store and staff", "camera", "day", "a camera's day"],
)
def test_nothing_of_it_is_left_anywhere(kept: Path, scope: Scope, gone: set[int]) -> None:
    for mark in (1, 2, 3, 4):
        # else the search proves nothing
        assert {"amiko.db", "journal.db"} <= found(kept, mark)
    counted = forgetting.count(kept, scope)
    assert counted["visits"] == counted["samples"] == counted["notifications"] == counted["journal"] == len(gone)
    forgetting.forget(kept, scope)
    assert set(forgetting.count(kept, scope).values()) == {0}
    with closing(sqlite3.connect(kept / "amiko.db")) as connection:
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,), "the file was written anew"
    for mark in (1, 2, 3, 4):
        assert found(kept, mark) == (set() if mark in gone else {"amiko.db", "journal.db"})
    assert (kept / "classifiers" / "b" / "1.safetensors").exists()
    assert (kept / "classifiers" / "a").exists() != scope.whole
    people = forgetting.count(kept, Scope(store="a", staff=True))["assistants"]
    assert people == (0 if scope.staff else 1)


def test_visits_of_before_days_were_noted_go_with_their_day(kept: Path) -> None:
    with closing(sqlite3.connect(kept / "amiko.db")) as connection:
        connection.execute("UPDATE visits SET day = ''")
        connection.commit()
    forgetting.forget(kept, Scope(store="a", day="2026-01-01", since=0, until=DAY))
    with closing(sqlite3.connect(kept / "amiko.db")) as connection:
        assert {row[0] for row in connection.execute("SELECT id FROM visits")} == {"v3", "v4"}


async def test_it_is_done_while_others_read_and_write(kept: Path) -> None:
    stopped, written = asyncio.Event(), 0

    async def write() -> None:
        nonlocal written
        async with Database.open(kept / "amiko.db") as database:
            while not stopped.is_set():
                async with database.transaction() as connection:
                    await connection.execute(
                        "INSERT INTO visits (id, store, camera, at, day) VALUES (?, 'b', 'door', 0, '')",
                        (f"b{written}",),
                    )
                written += 1

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        await asyncio.to_thread(forgetting.forget, kept, Scope(store="a"))
        stopped.set()
    assert not found(kept, 1)
    with closing(sqlite3.connect(kept / "amiko.db")) as connection:
        (there,) = connection.execute("SELECT count(*) FROM visits WHERE id GLOB 'b*'").fetchone()
        assert there == written > 0


async def test_a_reader_that_never_ends_is_told_of(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it reads is in the log; so it can't be said that nothing is left."""
    monkeypatch.setattr("storage.forgetting.BUSY_TIMEOUT_S", 0.2)
    monkeypatch.setattr("storage.forgetting._READERS_S", 0.2)
    with closing(sqlite3.connect(kept / "amiko.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM visits").fetchone()
        with pytest.raises(StorageError, match="do it again"):
            forgetting.forget(kept, Scope(store="a"))
    forgetting.forget(kept, Scope(store="a"))
    assert not found(kept, 1)


async def test_what_is_deleted_in_daily_work_is_overwritten(home: Path) -> None:
    """Retention deletes rows; their bytes do not wait in free pages for the next visit."""
    async with Database.open(home / "amiko.db") as database:
        async with database.transaction() as connection:
            await connection.execute(
                "INSERT INTO visits (id, store, camera, at, embedding) VALUES ('v', 'a', 'c', 0, ?)",
                (embedding(1).vector.tobytes(),),
            )
        assert found(home, 1)
        async with database.transaction() as connection:
            await connection.execute("DELETE FROM visits")
    # closing brings the log into the file
    assert not found(home, 1)


def test_stores_are_known_by_what_is_kept_of_them(kept: Path) -> None:
    assert forgetting.known_stores(kept) == {"a", "b"}


def test_where_nothing_is_nothing_is_made(home: Path) -> None:
    home.mkdir()
    forgetting.forget(home, Scope(store="a"))
    assert list(home.iterdir()) == []
