"""One SQLite file, opened once a process: WAL, numbered migrations, one writer at a time."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Self, TypeVar

import aiosqlite
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_fixed

from domain.errors import StorageError
from storage.files import make_folder, sync, whole
from storage.grouping import Connection, Work

MIGRATIONS = Path(__file__).parent / "migrations"
#: In the data folder while a restore puts another database in the place of this one.
RESTORING = "restoring"
#: Seconds that the copy is kept which is made before a migration: time to notice that the new release is no good.
KEEP_COPY_S = 14 * 24 * 3600.0
#: Seconds to wait for another process that writes.
BUSY_TIMEOUT_S = 10.0

#: What SQLite takes and gives.
Value = str | int | float | bytes | None

Answer = TypeVar("Answer")


def scripts() -> list[Path]:
    """The migrations in their order: a database's schema version is how many of them it has seen."""
    return sorted(MIGRATIONS.glob("[0-9]*.sql"))


class Database:
    """A connection. Other processes may have the same file open; each transaction is whole or not at all."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self.path = path
        self._connection = connection
        self._writing = asyncio.Lock()
        #: What `run` is to do, and who waits for it.
        self._coming: list[tuple[Work, asyncio.Future[Any]]] = []
        self._running: asyncio.Task[None] | None = None

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
        connection: Connection | None = None
        try:
            _make_ready(path)
            connection = await Connection.to(path, timeout_s=BUSY_TIMEOUT_S)
            connection.row_factory = sqlite3.Row
            await _write_ahead(connection)
            # each commit is on the disk before it is told, a power cut included: two milliseconds
            await connection.execute("PRAGMA synchronous = FULL")
            # what was deleted is overwritten
            await connection.execute("PRAGMA secure_delete = ON")
            await connection.execute("PRAGMA foreign_keys = ON")
            # what it works with beside is nobody's to find, and needs no room on a disk that may be full
            await connection.execute("PRAGMA temp_store = MEMORY")
            database = cls(connection, path)
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
        """End the connection and its thread."""
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

    async def run(self, work: Callable[[aiosqlite.Connection], Coroutine[Any, Any, Answer]]) -> Answer:
        """Do `work` in a transaction; returns when that is committed. Anything that it raises rolls its part back.

        What comes while another transaction is under way shares the next one. `work` may wait for nothing but its
        connection. Where whoever asked is cancelled, the work is done all the same.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._coming.append((work, answer))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(), name="transactions")
        return await answer

    async def _run(self) -> None:
        while self._coming:
            async with self._writing:
                together, self._coming = self._coming, []
                try:
                    answers = await self._connection.together([work for work, _ in together])
                except Exception as error:  # noqa: BLE001 - it is for those who asked
                    answers = [error] * len(together)
                except BaseException:
                    # cancelled, so the event loop may be about to end: not before the thread is done with it
                    await self._connection.rollback()
                    for _, waiting in together:
                        waiting.cancel()
                    raise
            for (_, waiting), answer in zip(together, answers, strict=True):
                if waiting.done():
                    # cancelled meanwhile
                    continue
                if isinstance(answer, Exception):
                    waiting.set_exception(answer)
                else:
                    waiting.set_result(answer)

    async def read(self, sql: str, values: Iterable[Value] = ()) -> list[sqlite3.Row]:
        """The rows of one query; never sees a half-done transaction of this connection."""
        async with self._writing:
            return list(await self._connection.execute_fetchall(sql, tuple(values)))

    async def _migrate(self, path: Path) -> None:
        """All that is new in one transaction: whatever fails, the file is as it was."""
        migrations = scripts()
        if await _version(self._connection) == len(migrations):
            return
        async with self.transaction() as connection:
            # two processes may open a file at once: the second finds it done
            version = await _version(connection)
            if version > len(migrations):
                raise StorageError(f"{path}: was made by a newer Amiko (version {version}); update this one")
            if 0 < version < len(migrations):
                await asyncio.to_thread(_copy, path, copy_of(path, version))
            for migration in migrations[version:]:
                for statement in _statements(migration.read_text(encoding="utf-8")):
                    await connection.execute(statement)
            await connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _make_ready(path: Path) -> None:
    make_folder(path.parent)
    if (path.parent / RESTORING).exists():
        raise StorageError(f"{path}: a restore was broken off; do it again: amiko restore FILE --replace")
    if not path.exists():
        # names and embeddings: for this user's eyes alone
        path.touch(mode=0o600)


def copy_of(path: Path, version: int) -> Path:
    """The database as it was before it was brought from that version to a newer one."""
    return path.with_name(f"{path.name}.version-{version}")


def copies(path: Path) -> list[Path]:
    """Those that were made before migrations."""
    return sorted(path.parent.glob(f"{path.name}.version-*"))


def drop_copies(path: Path, *, keep_s: float = KEEP_COPY_S) -> int:
    """Delete those that are older; how many there were."""
    old = [copy for copy in copies(path) if copy.stat().st_mtime < time.time() - keep_s]
    for copy in old:
        copy.unlink(missing_ok=True)
    if old:
        sync(path.parent)
    return len(old)


def copy_whole(path: Path, target: Path) -> None:
    """What the database holds at one moment, others' writing or not, into a file of its own. Raises sqlite3.Error.

    Without free pages, so that nothing which was deleted is in it.
    """
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)) as source:
        source.execute("VACUUM INTO ?", (str(target),))


def _copy(path: Path, target: Path) -> None:
    """By another connection, which sees the file as it was before this one's transaction."""
    with whole(target) as part:
        copy_whole(path, part)


async def _write_ahead(connection: aiosqlite.Connection) -> None:
    """SQLite makes this one change without waiting for others: whoever comes upon a writer has to try again."""
    async for attempt in AsyncRetrying(
        retry=retry_if_exception(_busy),
        wait=wait_fixed(0.02),
        stop=stop_after_delay(BUSY_TIMEOUT_S),
        reraise=True,
    ):
        with attempt:
            await connection.execute("PRAGMA journal_mode = WAL")


def _busy(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_BUSY


async def _version(connection: aiosqlite.Connection) -> int:
    (row,) = await connection.execute_fetchall("PRAGMA user_version")
    return int(row[0])


def _statements(script: str) -> list[str]:
    """One by one, since executescript would commit the transaction around it."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current)
            current = ""
    return statements
