"""Classifiers: files that are written whole or not at all, and a table that says which one is in use."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import aiosqlite

from domain.errors import ClassifierError, InputError
from storage.database import Database
from storage.files import write_whole

#: Figures of a training: what JSON holds.
Json = dict[str, "Json"] | list["Json"] | str | float | int | bool | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredClassifier:
    """One trained classifier of a store, as it is listed."""

    store: str
    version: int
    created_at: float
    encoder: str
    #: Of the file's content.
    sha256: str
    #: Whether the file is still there.
    kept: bool
    #: Why it was promoted or not.
    reason: str
    scores: Json
    current: bool
    #: When it was last taken into use; None where it never was.
    used_at: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTraining:
    """What became of a training."""

    store: str
    at: float
    #: The moment it was due; None where somebody asked for it.
    due: float | None
    outcome: str


class ClassifierStore:
    """The classifiers of all stores: `FOLDER/<store>/<version>.safetensors` and their rows.

    A file is there before its row is, so that a kill at any moment leaves at worst a file that nothing names.
    """

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def path(self, store: str, version: int) -> Path:
        """A version's file, whether it is there or not."""
        return self._folder / store / f"{version}.safetensors"

    def cold_path(self, store: str) -> Path:
        """The file that tells departments before the first classifier, where the encoder knows texts."""
        return self._folder / store / "cold-start.safetensors"

    async def encoder_of(self, store: str, version: int) -> str | None:
        """The identity of the encoder that a version was trained with; None where there is no such version."""
        rows = await self._database.read(
            "SELECT encoder FROM classifiers WHERE store = ? AND version = ?", (store, version)
        )
        return str(rows[0]["encoder"]) if rows else None

    async def next_version(self, store: str) -> int:
        """One more than the highest there is, from 1."""
        (row,) = await self._database.read(
            "SELECT coalesce(max(version), 0) + 1 AS version FROM classifiers WHERE store = ?", (store,)
        )
        return int(row["version"])

    async def add(self, classifier: StoredClassifier, data: bytes, *, promote: bool, keep: int) -> None:
        """Write the file, then its row (and its promotion) in one transaction, then drop what is over `keep`.

        Raises StorageError where the disk is full or can't be written; then nothing has changed.
        """
        path = self.path(classifier.store, classifier.version)
        write_whole(path, data)
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                INSERT INTO classifiers (store, version, created_at, encoder, sha256, reason, scores)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                (
                    classifier.store,
                    classifier.version,
                    classifier.created_at,
                    classifier.encoder,
                    hashlib.sha256(data).hexdigest(),
                    classifier.reason,
                    json.dumps(classifier.scores, ensure_ascii=False),
                ),
            )
            if promote:
                await _take_into_use(
                    connection, classifier.store, classifier.version, classifier.created_at, "training"
                )
        await self._prune(classifier.store, keep)

    async def current(self, store: str, encoder: str | None = None) -> tuple[int, str] | None:
        """Version and sha256 of the classifier in use; None before the first.

        With `encoder`, an identity: the one that was last in use with that encoder.
        """
        rows = await self._database.read(
            """
            SELECT version, sha256 FROM promotions JOIN classifiers USING (store, version)
            WHERE store = ? AND coalesce(encoder = ?, TRUE) ORDER BY number DESC LIMIT 1
            """,
            (store, encoder),
        )
        return (rows[0]["version"], rows[0]["sha256"]) if rows else None

    async def file(self, store: str, version: int) -> bytes:
        """The file's content. Raises ClassifierError where it is missing or not what was written."""
        rows = await self._database.read(
            "SELECT sha256 FROM classifiers WHERE store = ? AND version = ?", (store, version)
        )
        if not rows:
            raise ClassifierError(f"store {store} has no classifier of version {version}; see: amiko classifiers list")
        path = self.path(store, version)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ClassifierError(f"{path}: can't be read: {error.strerror}; amiko classifiers rollback") from error
        if hashlib.sha256(data).hexdigest() != rows[0]["sha256"]:
            raise ClassifierError(f"{path}: is damaged; return to the one before: amiko classifiers rollback")
        return data

    async def versions(self, store: str) -> list[StoredClassifier]:
        """All that were ever trained, the newest first."""
        rows = await self._database.read(
            """
            SELECT *, (SELECT max(at) FROM promotions p WHERE p.store = c.store AND p.version = c.version) AS used_at
            FROM classifiers c WHERE store = ? ORDER BY version DESC
            """,
            (store,),
        )
        now = await self.current(store)
        return [
            StoredClassifier(
                store=row["store"],
                version=row["version"],
                created_at=row["created_at"],
                encoder=row["encoder"],
                sha256=row["sha256"],
                kept=bool(row["kept"]),
                reason=row["reason"],
                scores=json.loads(row["scores"]),
                current=now is not None and row["version"] == now[0],
                used_at=row["used_at"],
            )
            for row in rows
        ]

    async def promote(self, store: str, version: int, at: float) -> None:
        """Take a version into use because somebody says so. Raises ClassifierError where its file is not sound."""
        await self.file(store, version)
        async with self._database.transaction() as connection:
            await _take_into_use(connection, store, version, at, "promote")

    async def rollback(self, store: str, at: float) -> int:
        """Return to the newest sound version before the current one that was ever in use; its number.

        Raises InputError where there is none.
        """
        now = await self.current(store)
        for candidate in await self.versions(store):
            if now is None or candidate.version >= now[0] or candidate.used_at is None:
                continue
            try:
                await self.file(store, candidate.version)
            except ClassifierError:
                # a damaged one is no place to return to; the one before it may be
                continue
            async with self._database.transaction() as connection:
                await _take_into_use(connection, store, candidate.version, at, "rollback")
            return candidate.version
        raise InputError(f"store {store} has no earlier classifier to return to; see: amiko classifiers list")

    async def note(self, training: StoredTraining) -> None:
        """That a training was tried, and how it ended."""
        async with self._database.transaction() as connection:
            await connection.execute(
                "INSERT INTO trainings (store, at, due, outcome) VALUES (?, ?, ?, ?)",
                (training.store, training.at, training.due, training.outcome),
            )

    async def trainings(self, store: str, limit: int = 100) -> list[StoredTraining]:
        """What became of the last trainings, the newest first."""
        rows = await self._database.read(
            "SELECT store, at, due, outcome FROM trainings WHERE store = ? ORDER BY number DESC LIMIT ?",
            (store, limit),
        )
        return [StoredTraining(**dict(row)) for row in rows]

    async def last_due(self, store: str) -> float | None:
        """The latest due moment whose training is done."""
        (row,) = await self._database.read("SELECT max(due) AS due FROM trainings WHERE store = ?", (store,))
        return None if row["due"] is None else float(row["due"])

    async def _prune(self, store: str, keep: int) -> None:
        """Keep the current one, the newest `keep` that were in use, and the newest `keep` that never were."""
        everyone = [classifier for classifier in await self.versions(store) if classifier.kept]
        used = [classifier for classifier in everyone if classifier.used_at is not None and not classifier.current]
        unused = [classifier for classifier in everyone if classifier.used_at is None]
        for classifier in used[keep:] + unused[keep:]:
            async with self._database.transaction() as connection:
                await connection.execute(
                    "UPDATE classifiers SET kept = 0 WHERE store = ? AND version = ?", (store, classifier.version)
                )
            self.path(store, classifier.version).unlink(missing_ok=True)


async def _take_into_use(connection: aiosqlite.Connection, store: str, version: int, at: float, cause: str) -> None:
    await connection.execute(
        "INSERT INTO promotions (store, version, at, cause) VALUES (?, ?, ?, ?)", (store, version, at, cause)
    )
