"""A training's own process: what becomes of it, and of what it leaves, when it is killed."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import psutil
import pytest

from actors.apart import Job, train_apart
from actors.training import train_here
from domain.errors import TrainingError
from domain.settings import Store, Training
from storage import samples
from storage.classifiers import ClassifierStore
from storage.database import Database
from tests.support.embeddings import DEPARTMENTS, visitors
from tests.support.waiting import until

STORE = Store(id="spb-1", name="Nevsky", departments=list(DEPARTMENTS))


async def fill(home: Path, count: int = 150) -> None:
    async with Database.open(home / "amiko.db") as database:
        await samples.insert_all(database, visitors(count, days=3))


def children() -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "actors.training" in process.cmdline():
                found.append(process)
    return found


async def child() -> psutil.Process:
    await until(lambda: bool(children()))
    return children()[0]


async def test_it_gives_way_to_others_and_is_killed_without_harm(tmp_path: Path) -> None:
    await fill(tmp_path, 3000)
    training = asyncio.create_task(train_apart(tmp_path, STORE, Training()))
    process = await child()
    await until(lambda: process.nice() >= 10)
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(TrainingError, match="ended with status"):
        await training
    async with Database.open(tmp_path / "amiko.db") as database:
        assert await ClassifierStore(database, tmp_path / "classifiers").versions("spb-1") == []
        assert len(await samples.table(database, "spb-1", "tests@0")) == 3000


async def test_it_ends_with_who_asked_for_it(tmp_path: Path) -> None:
    await fill(tmp_path, 3000)
    training = asyncio.create_task(train_apart(tmp_path, STORE, Training()))
    process = await child()
    training.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await training
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


async def test_a_damaged_running_classifier_is_replaced_and_told_of(tmp_path: Path) -> None:
    await fill(tmp_path)
    job = Job.of(tmp_path, STORE, Training())
    first = await train_here(job)
    assert first.promoted
    (tmp_path / "classifiers" / "spb-1" / "1.safetensors").write_bytes(b"damaged")
    second = await train_here(job)
    assert second.promoted
    assert "version 1" in second.reason
    assert "damaged" in second.reason


async def test_samples_of_another_encoder_are_counted_in_the_reason(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with Database.open(tmp_path / "amiko.db") as database:
        await samples.insert_all(database, visitors(6, seed=1, encoder="new@1"))
    with pytest.raises(TrainingError, match=r"150 samples of other encoders than new@1"):
        await train_here(Job.of(tmp_path, STORE, Training()))
