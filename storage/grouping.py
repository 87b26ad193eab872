"""aiosqlite's connection, which can also do whole pieces of work on its own thread, and several in one transaction.

A way to the thread and back costs several times what a statement does, and a commit waits for the disk.
"""

import sqlite3
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

Answer = TypeVar("Answer")

#: What is to be done within one transaction; it waits for nothing but the connection that it is given.
Work = Callable[[aiosqlite.Connection], Coroutine[Any, Any, Any]]


class Connection(aiosqlite.Connection):
    """Statements that are made on the connection's own thread take no way to it."""

    @classmethod
    async def to(cls, path: Path, *, timeout_s: float) -> "Connection":
        """Opened, in autocommit. Raises sqlite3.Error."""
        connection = cls(lambda: sqlite3.connect(path, timeout=timeout_s, isolation_level=None), iter_chunk_size=64)
        # a process that ends without having closed it ends all the same; SQLite takes back what was not committed
        connection._thread.daemon = True
        await connection
        return connection

    async def together(self, works: Sequence[Work]) -> list[Any]:
        """Do all in one transaction, in order; each one's answer, or what it raised.

        One that raises is rolled back alone. Where the transaction fails, all are, and its error is raised.
        """
        answers: list[Any] = await self._execute(self._together, works)
        return answers

    def _together(self, works: Sequence[Work]) -> list[Any]:
        connection = self._conn
        connection.execute("BEGIN IMMEDIATE")
        try:
            answers = [self._alone(connection, work) for work in works]
            connection.execute("COMMIT")
        except BaseException:
            connection.rollback()
            raise
        return answers

    def _alone(self, connection: sqlite3.Connection, work: Work) -> Any:  # noqa: ANN401 - as different as what is done
        connection.execute("SAVEPOINT work")
        try:
            answer = _finished(work(self))
        except Exception as error:  # noqa: BLE001 - it is for whoever asked, and no concern of the others
            # fails where SQLite has ended the whole transaction, on a full disk for instance
            connection.execute("ROLLBACK TO work")
            answer = error
        connection.execute("RELEASE work")
        return answer

    async def _execute(self, fn: Callable[..., Any], *args: object, **kwargs: object) -> Any:  # noqa: ANN401 - aiosqlite's
        if threading.current_thread() is self._thread:
            return fn(*args, **kwargs)
        return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]  # theirs has no annotations


def _finished(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Its answer; nothing in it has to wait."""
    try:
        work.send(None)
    except StopIteration as ended:
        answer: Answer = ended.value
        return answer
    work.close()
    raise RuntimeError("within a transaction nothing but the database can be waited for")
