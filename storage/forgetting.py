"""Forgetting: what is kept of a store's visitors is deleted, overwritten, and looked for afterwards."""

import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from domain.errors import StorageError
from domain.places import CLASSIFIERS, DATABASE, JOURNAL
from storage.database import BUSY_TIMEOUT_S, copies

#: Seconds that those who read the log are waited for.
_READERS_S = 30.0

_CAMERA = "store = :store AND (:camera IS NULL OR camera = :camera)"
#: Visits of old databases, and of journals, know their moment alone.
_MOMENT = "at >= :since AND at < :until"
_VISITS = f"{_CAMERA} AND (:day IS NULL OR day = :day OR (day = '' AND {_MOMENT}))"
#: Tables and which of their rows; those that refer to others stand before them.
_VISITORS = {
    "notifications": f"visit IN (SELECT id FROM visits WHERE {_VISITS})",  # noqa: S608 - fixed texts
    "visits": _VISITS,
    "samples": f"{_CAMERA} AND (:day IS NULL OR day = :day)",
}
_CLASSIFIERS = {
    "promotions": "store = :store",
    "classifiers": "store = :store",
    "trainings": "store = :store",
    "notices": "subject = :store OR subject GLOB :store || '/*'",
}
_STAFF = {"assistants": "store = :store", "invites": "store = :store"}
_JOURNAL = {"visits": f"{_CAMERA} AND (:day IS NULL OR {_MOMENT})"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What is to be forgotten: all of a store, or of one of its cameras, or of a day, or of a camera's day."""

    store: str
    camera: str | None = None
    #: The store's calendar day, YYYY-MM-DD, and when it begins and ends.
    day: str | None = None
    since: float = 0.0
    until: float = 0.0
    #: Its staff list and invites, too; of a whole store alone.
    staff: bool = False

    @property
    def whole(self) -> bool:
        """Whether it is all of a store."""
        return self.camera is None and self.day is None

    def tables(self) -> Mapping[str, str]:
        """The database's, with the condition for their rows."""
        return {**_VISITORS, **(_CLASSIFIERS if self.whole else {}), **(_STAFF if self.staff else {})}


def known_stores(home: Path) -> set[str]:
    """Those of which anything is kept. Raises StorageError."""
    found = {path.name for path in (home / CLASSIFIERS).glob("*") if path.is_dir()}
    for path, tables in _files(home, Scope(store="", staff=True)):
        with _opened(path) as connection:
            for table in sorted(tables.keys() - {"notifications", "notices"}):
                rows = connection.execute(f"SELECT DISTINCT store FROM {table}")  # noqa: S608 - names of our own
                found.update(row[0] for row in rows)
    return found


def count(home: Path, scope: Scope) -> dict[str, int]:
    """How much there is, by table; `journal`, `classifier_files` and `copies` beside. Raises StorageError."""
    found: dict[str, int] = {}
    for path, tables in _files(home, scope):
        with _opened(path) as connection:
            for table, where in tables.items():
                (number,) = connection.execute(
                    f"SELECT count(*) FROM {table} WHERE {where}",  # noqa: S608 - fixed texts
                    asdict(scope),
                ).fetchone()
                found["journal" if path.name == JOURNAL else table] = number
    if scope.whole:
        found["classifier_files"] = len(list((home / CLASSIFIERS / scope.store).glob("*")))
    # whatever was kept when they were made is in them
    found["copies"] = len(copies(home / DATABASE))
    return found


def forget(home: Path, scope: Scope) -> None:
    """Delete it, in one transaction a file, and write the files anew without it.

    May be done while the system runs: processes wait for each other, 10 s at the most. Raises StorageError; what was
    deleted by then is deleted, and it has only to be done again.
    """
    for path, tables in _files(home, scope):
        with _opened(path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            for table, where in tables.items():
                connection.execute(f"DELETE FROM {table} WHERE {where}", asdict(scope))  # noqa: S608 - fixed texts
            connection.execute("COMMIT")
            # rows that were moved within the file have left traces that overwriting does not reach
            connection.execute("VACUUM")
            _empty_log(connection, path)
    if scope.whole:
        shutil.rmtree(home / CLASSIFIERS / scope.store, ignore_errors=True)
    for copy in copies(home / DATABASE):
        copy.unlink()


def _empty_log(connection: sqlite3.Connection, path: Path) -> None:
    """What was deleted is in the log until then."""
    until = time.monotonic() + _READERS_S
    while True:
        (busy, *_) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return
        if time.monotonic() > until:
            raise StorageError(f"{path}: another process reads it all the time; do it again in a minute")
        # SQLite waits for readers, and not for one who is just emptying the log as well
        time.sleep(0.1)


def _files(home: Path, scope: Scope) -> list[tuple[Path, Mapping[str, str]]]:
    """The databases that are there."""
    files = ((home / DATABASE, scope.tables()), (home / JOURNAL, _JOURNAL))
    return [(path, tables) for path, tables in files if path.is_file()]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Raises StorageError."""
    try:
        with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
            for pragma in ("foreign_keys = ON", "secure_delete = ON", "synchronous = FULL"):
                connection.execute(f"PRAGMA {pragma}")
            yield connection
    except sqlite3.Error as error:
        raise StorageError(f"{path}: {error}; not everything is forgotten: do it again") from error
