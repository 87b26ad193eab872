"""New classifiers on a real Ray: swapped in under load, and the trainer killed meanwhile."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain.settings import Settings
from learning.training import train
from networks.mlp import Classifier
from storage.classifiers import ClassifierStore, StoredClassifier
from storage.database import Database
from tests.support.embeddings import DEPARTMENTS, ENCODER, visitors
from tests.support.waiting import until

pytestmark = [pytest.mark.usefixtures("cluster"), pytest.mark.cluster]

STORE = "spb-1"
SETTINGS = Settings.model_validate(
    {
        "telegram": {"token": "1:none"},
        "stores": [{"id": STORE, "name": "Nevsky", "departments": list(DEPARTMENTS)}],
    }
)


@pytest.fixture(scope="module")
def trained() -> Classifier:
    return train(visitors(60), DEPARTMENTS)


class Promoter:
    """Puts versions into the database, as a training would."""

    def __init__(self, store: ClassifierStore, trained: Classifier) -> None:
        self._store = store
        self._trained = trained

    async def promote(self, version: int) -> None:
        classifier = replace(self._trained, held_out_from=f"version {version}").with_version(version)
        row = StoredClassifier(
            store=STORE, version=version, created_at=float(version), encoder=ENCODER, sha256="", kept=True,
            reason="", scores={}, current=True, used_at=None,
        )  # fmt: skip
        await self._store.add(row, classifier.to_bytes(), promote=True, keep=5)

    def damage(self, version: int) -> None:
        self._store.path(STORE, version).write_bytes(b"damaged")


@pytest.fixture
async def promoter(tmp_path: Path, trained: Classifier) -> AsyncIterator[Promoter]:
    async with Database.open(tmp_path / "amiko.db") as database:
        made = Promoter(ClassifierStore(database, tmp_path / "classifiers"), trained)
        await made.promote(1)
        yield made


@pytest.fixture
async def handle(promoter: Promoter, tmp_path: Path) -> AsyncIterator[Any]:
    import ray
    from ray import serve

    from actors.cluster import ACTOR_OPTIONS, start_serve
    from actors.trainer import Trainer
    from deployments.classifier import DepartmentClassifier

    start_serve()
    trainer: Any = ray.remote(Trainer)
    actor = trainer.options(name="trainer", **ACTOR_OPTIONS).remote(SETTINGS, tmp_path)
    deployment: Any = serve.deployment(name="DepartmentClassifier", ray_actor_options={"num_cpus": 0.1})
    bound = deployment(DepartmentClassifier).bind(poll_s=0.1)
    yield await asyncio.to_thread(serve.run, bound, name="swap", route_prefix=None)
    await asyncio.to_thread(serve.delete, "swap")
    ray.kill(actor)


async def test_no_prediction_is_lost(promoter: Promoter, handle: Any) -> None:
    import ray

    embeddings = [sample.embedding for sample in visitors(12, seed=9)]
    versions: list[int] = []
    over = asyncio.Event()

    async def ask() -> None:
        while not over.is_set():
            for embedding in embeddings:
                prediction = await handle.classify.remote(embedding, STORE)
                versions.append(prediction.classifier)

    # how long the trainer takes to start is not what is tested: until then there is no department
    async def known() -> bool:
        return await handle.classify.remote(embeddings[0], STORE) is not None

    await until(known, 120)
    callers = [asyncio.create_task(ask()) for _ in range(3)]
    try:
        for version in (2, 3):
            await promoter.promote(version)
            await until(lambda version=version: bool(versions) and versions[-1] == version, 60)
        # the trainer dies, and is back by itself: meanwhile predictions go on, later versions still arrive
        status: Any = ray.get_actor("trainer", namespace="amiko")
        pid = await asyncio.to_thread(lambda: ray.get(status.__ray_call__.remote(lambda _: os.getpid())))
        os.kill(pid, signal.SIGKILL)
        before = len(versions)
        await promoter.promote(4)
        await until(lambda: versions[-1] == 4, 60)
        assert len(versions) > before
        # a damaged one changes nothing, and the next sound one is taken
        promoter.damage(4)
        await promoter.promote(5)
        promoter.damage(5)
        await promoter.promote(6)
        await until(lambda: versions[-1] == 6, 60)
    finally:
        over.set()
        # raises what a caller met: a lost prediction fails the test
        await asyncio.gather(*callers)
    assert sorted(set(versions)) in ([1, 2, 3, 4, 6], [1, 2, 3, 4, 5, 6], [2, 3, 4, 6], [2, 3, 4, 5, 6])
