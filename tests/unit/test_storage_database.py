import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from domain.errors import StorageError
from storage.database import Database, scripts

INSERT = "INSERT INTO visits (id, store, camera, at) VALUES (?, 's', 'c', 0)"


async def ids(database: Database) -> set[str]:
    return {row["id"] for row in await database.read("SELECT id FROM visits")}


async def test_a_new_database_has_all_migrations(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "a" / "amiko.db") as database:
        (row,) = await database.read("PRAGMA user_version")
        assert row[0] == len(scripts())
        (row,) = await database.read("PRAGMA journal_mode")
        assert row[0] == "wal"


async def test_an_older_database_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "amiko.db"
    old = sqlite3.connect(path)
    old.executescript(scripts()[0].read_text())
    old.execute("PRAGMA user_version = 1")
    old.execute(INSERT, ("kept",))
    old.commit()
    old.close()
    async with Database.open(path) as database:
        assert await ids(database) == {"kept"}
        (row,) = await database.read("PRAGMA user_version")
        assert row[0] == len(scripts())


async def test_what_assistants_did_before_visits_had_an_owner_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "amiko.db"
    with closing(sqlite3.connect(path)) as old:
        for script in scripts()[:2]:
            old.executescript(script.read_text())
        old.executescript(
            """
            INSERT INTO assistants (id, store, name, telegram_id, state, since, last_update, last_update_changed)
                VALUES (1, 'a', 'Anna', 11, 'busy', 5, 7, 1), (2, 'a', 'Boris', 12, 'waiting', 6, NULL, NULL);
            INSERT INTO visits (id, store, camera, at) VALUES ('v1', 'a', 'door', 100), ('v2', 'a', 'door', 200);
            INSERT INTO notifications (visit, assistant, state, created_at, expires_at, sent_at, message, answer)
                VALUES ('v1', 1, 'taken', 101, 161, 102, 5, 'Toys'), ('v1', 2, 'declined', 101, 161, 102, 6, NULL),
                       ('v2', 1, 'sent', 201, 261, 202, 7, NULL), ('v2', 2, 'queued', 201, 261, NULL, NULL, NULL);
            PRAGMA user_version = 2;
            """
        )
    async with Database.open(path) as database:
        visits = await database.read("SELECT id, taken_by, taken_at, answer FROM visits ORDER BY id")
        assert [tuple(row) for row in visits] == [("v1", 1, 102.0, "Toys"), ("v2", None, None, None)]
        told = await database.read("SELECT state, message, shown, revision FROM notifications ORDER BY id")
        assert [tuple(row) for row in told] == [
            ("taken", 5, 1, 1),
            ("declined", 6, 1, 1),
            ("expired", 7, 1, 1),
            ("queued", None, None, 1),
        ]
        people = await database.read("SELECT name, state, turn, departments, updates FROM assistants ORDER BY id")
        assert [tuple(row) for row in people] == [
            ("Anna", "busy", 5.0, "[]", "[]"),
            ("Boris", "waiting", 6.0, "[]", "[]"),
        ]


async def test_a_newer_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "amiko.db"
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 9999")
    newer.close()
    with pytest.raises(StorageError, match="newer Amiko"):
        await Database.connect(path)


async def test_what_is_no_database_is_told_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "amiko.db"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(StorageError, match="left as it is"):
        await Database.connect(path)
    assert path.read_bytes() == b"this is no database at all" * 100


async def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        await Database.connect(tmp_path / "file" / "amiko.db")


async def test_an_error_rolls_all_of_a_transaction_back(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "amiko.db") as database:

        async def fail() -> None:
            async with database.transaction() as connection:
                await connection.execute(INSERT, ("lost",))
                raise RuntimeError

        with pytest.raises(RuntimeError):
            await fail()
        assert await ids(database) == set()


async def test_a_cancelled_transaction_leaves_nothing_open(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "amiko.db") as database:

        async def work() -> None:
            async with database.transaction() as connection:
                await connection.execute(INSERT, ("lost",))
                await asyncio.Event().wait()

        # cancelled before, in and after BEGIN and INSERT
        for pause in (0.0, 0.0001, 0.001, 0.01):
            task = asyncio.create_task(work())
            await asyncio.sleep(pause)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        async with database.transaction() as connection:
            await connection.execute(INSERT, ("kept",))
        assert await ids(database) == {"kept"}


async def test_tasks_and_connections_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "amiko.db"
    async with Database.open(path) as one, Database.open(path) as other:

        async def write(database: Database, name: str) -> None:
            async with database.transaction() as connection:
                await connection.execute(INSERT, (name,))
                await asyncio.sleep(0)

        await asyncio.gather(*(write((one, other)[n % 2], str(n)) for n in range(40)))
        assert len(await ids(one)) == 40


async def test_two_processes_may_make_the_database_at_once(tmp_path: Path) -> None:
    path = tmp_path / "amiko.db"
    opened = await asyncio.gather(*(Database.connect(path) for _ in range(4)), return_exceptions=True)
    for database in opened:
        if isinstance(database, Database):
            await database.close()
    assert [error for error in opened if isinstance(error, BaseException)] == []


async def test_who_opens_it_first_waits_for_another_that_writes_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "amiko.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        # no write-ahead log yet: SQLite refuses that change at once, whatever the time-out
        other.execute("BEGIN IMMEDIATE")
        opening = asyncio.create_task(Database.connect(path))
        await asyncio.wait({opening}, timeout=0.3)
        assert not opening.done()
        other.execute("ROLLBACK")
    database = await opening
    assert [row[0] for row in await database.read("PRAGMA journal_mode")] == ["wal"]
    await database.close()


def test_a_process_that_never_closed_it_ends_all_the_same(tmp_path: Path) -> None:
    never = (
        "import asyncio, sys; from pathlib import Path; from storage.database import Database;"
        "kept = asyncio.run(Database.connect(Path(sys.argv[1])))"
    )
    subprocess.run([sys.executable, "-c", never, tmp_path / "amiko.db"], check=True, timeout=60)
