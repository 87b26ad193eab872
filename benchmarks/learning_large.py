"""Many samples: how long a training takes, and how much memory."""

import asyncio
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from actors.trainer import Trainer
from benchmarks.learning_photos import throw_away_home
from deployments.classifier import DepartmentClassifier
from domain.places import CLASSIFIERS, DATABASE
from domain.records import Embedding
from domain.settings import Settings
from learning.challenge import FIGURES
from storage.classifiers import ClassifierStore
from storage.database import Database

#: Rows written at a time.
_CHUNK = 5000
DAYS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Large:
    """From `train` to the first prediction of the new classifier; memory of the training's own process."""

    samples: int
    dimensions: int
    departments: int
    seconds: float
    #: Of the training's process, whatever else the machine does.
    cpu_seconds: float
    peak_mb: float
    accuracy: float
    promoted: bool


def large(*, count: int = 100_000, dimensions: int = 768, departments: int = 20, seed: int = 0) -> Large:
    """Train, score and swap in, from a database of so many samples. Peak memory is this process' largest child's."""
    names = [f"department {number}" for number in range(departments)]
    settings = Settings.model_validate(
        {"telegram": {"token": "none"}, "stores": [{"id": "large", "name": "large", "departments": names}]}
    )
    with throw_away_home() as home:
        return asyncio.run(_large(settings, home, count, dimensions, seed))


async def _large(settings: Settings, home: Path, count: int, dimensions: int, seed: int) -> Large:
    store = settings.stores[0]
    random = np.random.default_rng(seed)
    # departments overlap: about four in five can be told
    means = random.standard_normal((len(store.departments), dimensions)).astype(np.float32)
    async with Database.open(home / DATABASE) as database:
        for begin in range(0, count, _CHUNK):
            labels = random.integers(0, len(means), _CHUNK)
            noise = random.standard_normal((_CHUNK, dimensions)).astype(np.float32)
            vectors = (0.135 * means[labels] + noise).astype(np.float16)
            rows = [
                (
                    store.id,
                    f"sample {begin + number}",
                    store.departments[label],
                    f"camera {label}",
                    _day((begin + number) * DAYS // count),
                    f"visitor {(begin + number) // 3}",
                    dimensions,
                    vector.tobytes(),
                )
                for number, (label, vector) in enumerate(zip(labels.tolist(), vectors, strict=True))
            ]
            async with database.transaction() as connection:
                await connection.executemany(
                    """
                    INSERT INTO samples
                        (store, id, department, origin, camera, day, "group", encoder, dimensions, vector)
                    VALUES (?, ?, ?, 'camera', ?, ?, ?, 'simulated', ?, ?)
                    """,
                    rows,
                )
    trainer = Trainer(settings, home, clock=lambda: _NOW)
    classifier = DepartmentClassifier(trainer, poll_s=3600)
    try:
        await classifier.ready(store.id)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        outcome = await trainer.train(store.id)
        await classifier.refresh()
        embedding = Embedding(vector=means[0], encoder="simulated")
        answer = await classifier.classify(embedding, store.id)
        seconds = time.perf_counter() - began
        assert answer is not None
    finally:
        await classifier.close()
        await trainer.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    async with Database.open(home / DATABASE) as database:
        (newest, *_) = await ClassifierStore(database, home / CLASSIFIERS).versions(store.id)
    figures = FIGURES.validate_python(newest.scores)
    return Large(
        samples=count,
        dimensions=dimensions,
        departments=len(store.departments),
        seconds=round(seconds, 1),
        cpu_seconds=round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        peak_mb=round(after.ru_maxrss / 1024, 1),
        accuracy=round(figures.challenger.accuracy, 4),
        promoted=outcome.promoted,
    )


_FIRST = np.datetime64("2026-03-01")
_NOW = float((_FIRST + DAYS).astype("datetime64[s]").astype(np.int64))


def _day(number: int) -> str:
    return str(_FIRST + number)
