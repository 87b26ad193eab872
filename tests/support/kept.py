"""A data folder in which something is kept in every place there is, with marks that can be looked for."""

from pathlib import Path

import numpy as np

from domain.records import Embedding, Origin, Sample, Visit
from storage import assistants, notifications, samples, visits
from storage.classifiers import ClassifierStore, StoredClassifier, StoredTraining
from storage.database import Database, copy_of
from storage.journal import Journal

ENCODER = "e@1"


def embedding(mark: int) -> Embedding:
    """That can be told from any other by any 8 bytes of it."""
    vector = np.random.default_rng(mark).standard_normal(1280).astype(np.float16)
    return Embedding(vector=vector.astype(np.float32), encoder=ENCODER)


def traces(mark: int) -> list[bytes]:
    """Pieces of that embedding as it lies in a file, in half and in single precision."""
    vector = embedding(mark).vector
    return [
        raw[at : at + 8] for raw in (vector.astype(np.float16).tobytes(), vector.tobytes()) for at in (0, 800, 2400)
    ]


def found(folder: Path, mark: int) -> set[str]:
    """The files in which something of that embedding is."""
    return {
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(trace in path.read_bytes() for trace in traces(mark))
    }


async def keep(home: Path, *, store: str, camera: str, day: str, at: float, mark: int, version: int = 1) -> None:
    """A visit that an assistant was told of, the sample of its answer, and one of a department's camera."""
    async with Database.open(home / "amiko.db") as database:
        async with database.transaction() as connection:
            visit = Visit(id=f"v{mark}", store=store, camera=camera, at=at, embedding=embedding(mark))
            await visits.insert(connection, visit, day=day, open_until=at + 60)
            anna = await assistants.by_telegram_id(connection, hash(store) % 1000)
            if anna is None:
                anna = await assistants.add(
                    connection, store=store, name="Anna", username=None, telegram_id=hash(store) % 1000, now=1.0
                )
            await notifications.insert(connection, visit=visit.id, assistant=anna.id, created_at=at, expires_at=at + 60)
            await samples.insert(connection, sample(store, camera, day, mark))
            await connection.execute(
                'INSERT INTO notices (chat, bot, kind, subject, "values", created_at, due_at)'
                " VALUES (1, 'main', 'camera lost', ?, '{}', ?, ?)",
                (f"{store}/{camera}", at, at),
            )
        classifiers = ClassifierStore(database, home / "classifiers")
        version = await classifiers.next_version(store)
        await classifiers.add(
            StoredClassifier(
                store=store, version=version, created_at=1.0, encoder=ENCODER, sha256="", kept=True, reason="",
                scores={}, current=False, used_at=None,
            ),
            b"weights",
            promote=True,
            keep=5,
        )  # fmt: skip
        classifiers.cold_path(store).write_bytes(b"texts")
        await classifiers.note(StoredTraining(store=store, at=at, due=at, outcome="trained"))
    Journal(home / "journal.db", store=store, camera=camera).add(visit)
    copy_of(home / "amiko.db", 1).write_bytes(embedding(mark).vector.astype(np.float16).tobytes())


def sample(store: str, camera: str, day: str, mark: int) -> Sample:
    return Sample(
        id=f"s{mark}",
        store=store,
        department="Toys",
        origin=Origin.CAMERA,
        camera=camera,
        day=day,
        group=f"s{mark}",
        embedding=embedding(mark),
    )
