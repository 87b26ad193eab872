"""The journal: visits on a store's own disk, until headquarters have heard of them. No picture is in it."""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import StorageError
from domain.records import Visit
from storage.encoding import visit_from_row, visit_to_row
from storage.files import make_folder

_SCHEMA = """
CREATE TABLE IF NOT EXISTS visits (
    id TEXT PRIMARY KEY,
    store TEXT NOT NULL,
    camera TEXT NOT NULL,
    -- seconds since 1970 by this node's clock, which need not be headquarters'
    at REAL NOT NULL,
    embedding BLOB,
    encoder TEXT,
    prediction TEXT
) STRICT
"""
#: Seconds to wait for another camera of the node that writes.
_BUSY_S = 10.0


class Journal:
    """Of one camera, in a file that its node's cameras share. Methods block, for the time that a disk takes.

    Each call opens the file for itself: visits are few, and a call whose caller was cancelled goes on in its thread.
    """

    def __init__(self, path: Path, *, store: str, camera: str) -> None:
        """Raises StorageError."""
        self._path = path
        self._of = (store, camera)
        try:
            make_folder(path.parent)
            if not path.exists():
                path.touch(mode=0o600)
            with self._opened() as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(f"{path}: can't be opened as the node's journal: {error}; move it away") from error

    def add(self, visit: Visit) -> None:
        """Keep one of this camera's; the same visit twice is one."""
        with self._opened() as connection:
            connection.execute("INSERT OR IGNORE INTO visits VALUES (?, ?, ?, ?, ?, ?, ?)", visit_to_row(visit))

    def pending(self) -> list[Visit]:
        """What is still to be told, the oldest first."""
        with self._opened() as connection:
            rows = connection.execute(
                "SELECT * FROM visits WHERE store = ? AND camera = ? ORDER BY at, id", self._of
            ).fetchall()
        return [visit_from_row(row) for row in rows]

    def remove(self, visit: str) -> None:
        """It was told."""
        with self._opened() as connection:
            connection.execute("DELETE FROM visits WHERE id = ?", (visit,))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            # each visit is on the disk before it counts as kept, a power cut included
            connection.execute("PRAGMA synchronous = FULL")
            # what was told is overwritten
            connection.execute("PRAGMA secure_delete = ON")
            yield connection
        finally:
            connection.close()


def forget_before(path: Path, at: float) -> None:
    """Delete older visits of all cameras: one that was taken out of the settings tells no more. Raises StorageError."""
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("DELETE FROM visits WHERE at < ?", (at,))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise StorageError(f"{path}: what is too old could not be deleted: {error}") from error
