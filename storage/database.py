"""One SQLite file, opened once a process: WAL, numbered migrations, one writer at a time."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import aiosqlite

from domain.errors import StorageError

MIGRATIONS = Path(__file__).parent / "migrations"
#: Seconds to wait for another process that writes.
BUSY_TIMEOUT_S = 10.0

#: What SQLite takes and gives.
Value = str | int | float | bytes | None


class Database:
    """A connection. Other processes may have the same file open; each transaction is whole or not at all."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._writing = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """Open (or make) the database and bring it up to date. Raises StorageError."""
        database = await cls.connect(path)
        try:
            yield database
        finally:
            await database.close()

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """As `open`, for an owner that calls `close` itself."""
        connection: aiosqlite.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = await aiosqlite.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            connection.row_factory = sqlite3.Row
            await connection.execute("PRAGMA journal_mode = WAL")
            # a killed process loses nothing; what a power cut may cost is the last commits, never the file
            await connection.execute("PRAGMA synchronous = NORMAL")
            await connection.execute("PRAGMA foreign_keys = ON")
            database = cls(connection)
            await database._migrate(path)
        except (OSError, sqlite3.Error) as error:
            if connection is not None:
                await connection.close()
            raise StorageError(
                f"{path}: can't be opened as Amiko's database: {error}.\n"
                "It was left as it is: move it away, or put a backup in its place"
            ) from error
        except StorageError:
            if connection is not None:
                await connection.close()
            raise
        return database

    async def close(self) -> None:
        await self._connection.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """BEGIN IMMEDIATE to COMMIT; anything raised inside rolls all of it back."""
        # one connection has one transaction: tasks of this process take turns here, processes at the file
        async with self._writing:
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                await self._connection.execute("COMMIT")
            except BaseException:
                # rollback() does nothing where BEGIN itself failed; the statements run in one thread, in order,
                # so that a task cancelled in the middle leaves no transaction open
                await self._connection.rollback()
                raise

    async def read(self, sql: str, values: Iterable[Value] = ()) -> list[sqlite3.Row]:
        """The rows of one query; never sees a half-done transaction of this connection."""
        async with self._writing:
            return list(await self._connection.execute_fetchall(sql, tuple(values)))

    async def _migrate(self, path: Path) -> None:
        migrations = sorted(MIGRATIONS.glob("[0-9]*.sql"))
        (row,) = await self._connection.execute_fetchall("PRAGMA user_version")
        if row[0] > len(migrations):
            raise StorageError(f"{path}: was made by a newer Amiko (version {row[0]}); update this one")
        for number, migration in enumerate(migrations[row[0] :], start=row[0] + 1):
            script = migration.read_text(encoding="utf-8")
            # two processes may open a new file at once: the second finds it done
            async with self.transaction() as connection:
                (now,) = await connection.execute_fetchall("PRAGMA user_version")
                if now[0] >= number:
                    continue
                for statement in _statements(script):
                    await connection.execute(statement)
                await connection.execute(f"PRAGMA user_version = {number}")


def _statements(script: str) -> list[str]:
    """One by one, since executescript would commit the transaction around it."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements
