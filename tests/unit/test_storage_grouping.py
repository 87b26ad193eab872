"""Pieces of work that share a transaction: each is whole or not at all, whatever becomes of the others."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import aiosqlite
import pytest

import storage.database
from storage.database import Database


@pytest.fixture
async def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    monkeypatch.setattr(storage.database, "BUSY_TIMEOUT_S", 0.01)
    async with Database.open(tmp_path / "amiko.db") as opened:
        async with opened.transaction() as connection:
            await connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
        yield opened


async def add(connection: aiosqlite.Connection, number: int) -> int:
    await connection.execute("INSERT INTO numbers VALUES (?)", (number,))
    cursor = await connection.execute("SELECT count(*) FROM numbers")
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def numbers(database: Database) -> list[int]:
    return [row[0] for row in await database.read("SELECT number FROM numbers ORDER BY number")]


async def test_what_comes_at_the_same_time_shares_transactions(database: Database) -> None:
    said: list[str] = []
    await database._connection.set_trace_callback(said.append)
    answers = await asyncio.gather(*(database.run(partial(add, number=number)) for number in range(50)))
    await database._connection.set_trace_callback(None)
    assert answers == list(range(1, 51))
    assert said.count("COMMIT") == 1
    assert await numbers(database) == list(range(50))


async def test_one_that_raises_is_rolled_back_alone(database: Database) -> None:
    async def broken(connection: aiosqlite.Connection) -> None:
        await add(connection, 100)
        raise LookupError("mine alone")

    first, wrong, twice, last = await asyncio.gather(
        database.run(partial(add, number=1)),
        database.run(broken),
        database.run(partial(add, number=1)),
        database.run(partial(add, number=2)),
        return_exceptions=True,
    )
    assert isinstance(wrong, LookupError)
    assert isinstance(twice, sqlite3.IntegrityError)
    assert (first, last) == (1, 2)
    assert await numbers(database) == [1, 2]


async def test_where_the_transaction_fails_all_hear_of_it_and_the_next_one_goes(
    database: Database, tmp_path: Path
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "amiko.db", isolation_level=None)) as another:
        another.execute("BEGIN IMMEDIATE")
        failed = await asyncio.gather(
            *(database.run(partial(add, number=number)) for number in range(3)), return_exceptions=True
        )
        another.execute("ROLLBACK")
    assert all(isinstance(one, sqlite3.OperationalError) for one in failed)
    assert await database.run(partial(add, number=7)) == 1


async def test_nothing_else_can_be_waited_for(database: Database) -> None:
    async def dawdling(connection: aiosqlite.Connection) -> None:
        await add(connection, 1)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="nothing but the database"):
        await database.run(dawdling)
    assert await numbers(database) == []


async def test_whoever_is_cancelled_leaves_no_half_done_work(database: Database) -> None:
    asking = asyncio.create_task(database.run(partial(add, number=1)))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await database.run(partial(add, number=2)) == 2
    assert await numbers(database) == [1, 2]


async def test_both_ways_take_turns(database: Database) -> None:
    async def one_by_one(number: int) -> int:
        async with database.transaction() as connection:
            return await add(connection, number)

    answers = await asyncio.gather(
        *(database.run(partial(add, number=n)) if n % 2 else one_by_one(n) for n in range(20))
    )
    assert sorted(answers) == list(range(1, 21))


def test_an_event_loop_that_ends_leaves_a_connection_that_works(tmp_path: Path) -> None:
    async def begin() -> Database:
        opened = await Database.connect(tmp_path / "amiko.db")
        async with opened.transaction() as connection:
            await connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY)")
        slow = threading.Event()

        async def waits(connection: aiosqlite.Connection) -> None:
            await add(connection, 1)
            slow.wait(0.2)

        asking = asyncio.create_task(opened.run(waits))
        while not opened._connection._conn.in_transaction:  # noqa: ASYNC110 - SQLite tells nobody
            await asyncio.sleep(0)
        assert not asking.done()
        return opened

    opened = asyncio.run(begin())

    async def go_on() -> list[int]:
        try:
            await opened.run(partial(add, number=2))
            return await numbers(opened)
        finally:
            await opened.close()

    assert asyncio.run(asyncio.wait_for(go_on(), 10)) == [1, 2]
