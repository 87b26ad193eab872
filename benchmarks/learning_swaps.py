"""New classifiers under a constant load of predictions: is one lost, is one late?"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray import serve

from actors.cluster import ACTOR_OPTIONS, leave, start_or_join, start_serve
from actors.trainer import Trainer
from amiko.environment import make_token
from benchmarks.learning_photos import throw_away_home
from deployments.classifier import DepartmentClassifier
from deployments.ports import keep_to_own_address
from domain.places import CLASSIFIERS, DATABASE
from domain.records import Embedding
from domain.settings import Settings
from learning.data import Dataset
from learning.training import fit
from networks.mlp import Classifier
from storage.classifiers import ClassifierStore, StoredClassifier
from storage.database import Database

STORE = "swaps"
#: Predictions under way at the same time, and seconds between one's answer and the next.
CALLERS = 4
PAUSE_S = 0.02
#: Seconds between two looks for a newer version: shorter than in a shop, so that a hundred swaps take a minute.
POLL_S = 0.25
#: Seconds between a swap and the next.
APART_S = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Swaps:
    """Latencies in milliseconds, as a caller sees them; a swap lasts from its promotion to its first prediction."""

    count: int
    predictions: int
    failed: int
    p50_without_ms: float
    p99_without_ms: float
    p50_during_ms: float
    p99_during_ms: float


class BenchTrainer(Trainer):
    """The trainer as an actor, without its schedule."""

    async def __init__(self, settings: Settings, home: Path) -> None:  # type: ignore[misc]  # Ray awaits it
        super().__init__(settings, home)


class BenchClassifier(DepartmentClassifier):
    """The deployment, on loopback alone."""

    def __init__(self, poll_s: float) -> None:
        keep_to_own_address()
        super().__init__(poll_s=poll_s)


def swaps(data: Dataset, *, count: int = 100) -> Swaps:
    """Swap `count` classifiers into a real deployment on a Ray of its own, one after the other."""
    settings = Settings.model_validate(
        {
            "telegram": {"token": "none"},
            "stores": [{"id": STORE, "name": STORE, "departments": list(data.departments)}],
        }
    )
    classifiers = [fit(data, seed=seed).classifier for seed in (0, 1)]
    embeddings = [Embedding(vector=vector.astype(np.float32), encoder=data.encoder) for vector in data.vectors[::5]]
    make_token()
    with throw_away_home() as home:
        start_or_join(None)
        try:
            start_serve()
            return asyncio.run(_swaps(settings, home, classifiers, embeddings, count))
        finally:
            serve.shutdown()
            leave()


async def _swaps(
    settings: Settings, home: Path, classifiers: list[Classifier], embeddings: list[Embedding], count: int
) -> Swaps:
    contents = [classifier.to_bytes() for classifier in classifiers]
    await asyncio.to_thread(_promote, home, contents[1], classifiers[1].encoder, 1)
    trainer: Any = ray.remote(BenchTrainer)
    trainer.options(name="trainer", **ACTOR_OPTIONS).remote(settings, home)
    deployment: Any = serve.deployment(
        name="DepartmentClassifier", max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.2}
    )(BenchClassifier)
    handle: Any = await asyncio.to_thread(serve.run, deployment.bind(POLL_S), name="swaps", route_prefix=None)
    # the first predictions open connections, and there are none before the trainer answers
    for _ in range(200):
        if await handle.classify.remote(embeddings[0], STORE) is not None:
            break
        await asyncio.sleep(POLL_S)
    load = _Load(handle, embeddings)
    callers = [asyncio.create_task(load.call(number)) for number in range(CALLERS)]
    try:
        await asyncio.sleep(3)
        for version in range(2, count + 2):
            # by turns, so that what else the machine does falls on both
            load.begin("without")
            await asyncio.sleep(APART_S)
            load.begin("during")
            # on a thread of its own: what is measured is not how long this process is busy with its disk
            await asyncio.to_thread(_promote, home, contents[version % 2], classifiers[0].encoder, version)
            await load.until(version)
    finally:
        load.over = True
        await asyncio.gather(*callers)
    p50_without, p99_without = np.percentile(load.latencies["without"], (50, 99))
    p50_during, p99_during = np.percentile(load.latencies["during"], (50, 99))
    return Swaps(
        count=count,
        predictions=sum(len(latencies) for latencies in load.latencies.values()),
        failed=load.failed,
        p50_without_ms=round(float(p50_without), 1),
        p99_without_ms=round(float(p99_without), 1),
        p50_during_ms=round(float(p50_during), 1),
        p99_during_ms=round(float(p99_during), 1),
    )


def _promote(home: Path, content: bytes, encoder: str, version: int) -> None:
    """Put a version into the database, as a training does."""
    row = StoredClassifier(
        store=STORE,
        version=version,
        created_at=time.time(),
        encoder=encoder,
        sha256="",
        kept=True,
        reason="a measurement",
        scores={},
        current=True,
        used_at=None,
    )

    async def run() -> None:
        async with Database.open(home / DATABASE) as database:
            await ClassifierStore(database, home / CLASSIFIERS).add(row, content, promote=True, keep=5)

    asyncio.run(run())


class _Load:
    """Callers that never stop asking."""

    def __init__(self, handle: Any, embeddings: list[Embedding]) -> None:
        self._handle = handle
        self._embeddings = embeddings
        self._phase = "before"
        self._seen = 0
        self._answered = asyncio.Event()
        self.latencies: dict[str, list[float]] = {}
        self.failed = 0
        self.over = False

    def begin(self, phase: str) -> None:
        self._phase = phase

    async def until(self, version: int) -> None:
        """Wait for a prediction of that version."""
        async with asyncio.timeout(60):
            while self._seen < version:
                self._answered.clear()
                await self._answered.wait()

    async def call(self, number: int) -> None:
        while not self.over:
            number += CALLERS
            embedding = self._embeddings[number % len(self._embeddings)]
            phase, began = self._phase, time.perf_counter()
            try:
                prediction = await self._handle.classify.remote(embedding, STORE)
                self._seen = max(self._seen, prediction.classifier)
                self._answered.set()
            except Exception:  # noqa: BLE001 - whatever it is, it is a lost prediction, which is what is counted
                self.failed += 1
            self.latencies.setdefault(phase, []).append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(PAUSE_S)
