"""Room on the disk: the database has some of its own, so that a full disk silences no shop.

Free pages in the database's file, and a log that has been written to its full length: SQLite writes into both before it
asks the disk for more. Whoever fills the disk can't take them.
"""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from storage.database import Database

#: Bytes of free pages: some six thousand visits.
RESERVE_BYTES = 20 * 1024**2
#: Bytes that are written at a time, for which the log grows somewhat beyond the length at which SQLite empties it.
PIECE_BYTES = 5 * 1024**2
#: Bytes below which the disk counts as full. Ray wants more, and says so by itself.
FULL_BYTES = 16 * 1024**2
#: Seconds that emptying the log waits for those who read it, while writers wait.
_EMPTY_S = 0.5


def is_full(folder: Path) -> bool:
    """Whether there is no room any more for what can wait. Raises OSError."""
    return shutil.disk_usage(folder).free < FULL_BYTES


async def reserve(database: Database) -> bool:
    """Have the reserve ready; at once where it is. False where the disk has no room for it."""
    try:
        if await _missing(database) > RESERVE_BYTES // 4:
            pieces = RESERVE_BYTES // PIECE_BYTES
        elif _log(database) < PIECE_BYTES:
            pieces = 1
        else:
            return True
        if shutil.disk_usage(database.path.parent).free < FULL_BYTES + 2 * pieces * PIECE_BYTES:
            # what is in the log and does not fit into the file would keep the log from being emptied
            return False
        try:
            for _ in range(pieces):
                async with database.transaction() as connection:
                    await connection.execute("INSERT INTO reserve VALUES (zeroblob(?))", (PIECE_BYTES,))
        finally:
            # what was written so far is free from now on, and stays the database's
            while await _drop_piece(database):
                pass
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        return False
    return True


def empty_log(path: Path) -> None:
    """Leave nothing of what was deleted in the log; not now where somebody reads it. Raises sqlite3.Error."""
    # by a connection of its own, since it waits for readers, and nobody else is to wait for it
    with closing(sqlite3.connect(path, timeout=_EMPTY_S, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def use_again(database: Database) -> None:
    """Have the log's content in the database's file, so that the log is written from its beginning again."""
    try:
        await database.read("PRAGMA wal_checkpoint(PASSIVE)")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise


async def _missing(database: Database) -> int:
    (free,) = await database.read("PRAGMA freelist_count")
    (page,) = await database.read("PRAGMA page_size")
    return RESERVE_BYTES - int(free[0]) * int(page[0])


def _log(database: Database) -> int:
    log = database.path.with_name(f"{database.path.name}-wal")
    return log.stat().st_size if log.exists() else 0


async def _drop_piece(database: Database) -> bool:
    async with database.transaction() as connection:
        cursor = await connection.execute("DELETE FROM reserve WHERE rowid = (SELECT max(rowid) FROM reserve)")
        return cursor.rowcount > 0
