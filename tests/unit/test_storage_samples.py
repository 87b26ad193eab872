from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.errors import InputError
from domain.records import Embedding, Origin
from storage import samples
from storage.database import Database
from tests.support.embeddings import DIMENSIONS, ENCODER, visitors

STORE = "spb-1"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(tmp_path / "amiko.db") as opened:
        yield opened


async def test_samples_come_back_as_columns(database: Database) -> None:
    made = visitors(30, days=3)
    assert await samples.insert_all(database, made) == 30
    table = await samples.table(database, STORE, ENCODER)
    assert len(table) == 30
    assert table.vectors.shape == (30, DIMENSIONS)
    assert table.vectors.dtype == np.float16
    assert table.departments == tuple(sample.department for sample in made)
    assert table.days == tuple(sample.day for sample in made)
    assert table.groups == tuple(sample.group for sample in made)
    assert table.cameras == tuple(sample.camera for sample in made)
    expected = np.stack([sample.embedding.vector for sample in made])
    assert np.abs(table.vectors - expected).max() < 0.01


async def test_more_than_is_read_at_a_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_CHUNK", 7)
    made = visitors(30)
    await samples.insert_all(database, made)
    table = await samples.table(database, STORE, ENCODER)
    assert table.groups == tuple(sample.group for sample in made)


async def test_the_same_id_twice_is_one_sample_with_the_later_label(database: Database) -> None:
    (sample,) = visitors(1)
    async with database.transaction() as connection:
        assert await samples.insert(connection, sample)
        assert not await samples.insert(connection, replace(sample, department="Toys"))
    table = await samples.table(database, STORE, ENCODER)
    assert table.departments == ("Toys",)


async def test_stores_do_not_share_ids(database: Database) -> None:
    (sample,) = visitors(1)
    assert await samples.insert_all(database, [sample, replace(sample, store="msk-1")]) == 2


async def test_not_a_customer_takes_the_sample_back(database: Database) -> None:
    (sample,) = visitors(1)
    async with database.transaction() as connection:
        await samples.insert(connection, replace(sample, id="visit:7", origin=Origin.ASSISTANT))
        await samples.remove(connection, "visit:7")
        await samples.remove(connection, "visit:8")
    assert not len(await samples.table(database, STORE, ENCODER))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
async def test_numbers_that_are_none_are_refused_and_nothing_is_stored(database: Database, value: float) -> None:
    good, bad = visitors(2)
    vector = bad.embedding.vector.copy()
    vector[0] = value
    with pytest.raises(InputError, match=bad.id):
        await samples.insert_all(database, [good, replace(bad, embedding=Embedding(vector=vector, encoder=ENCODER))])
    assert await samples.count(database, STORE) == []


async def test_encoders_are_kept_apart_the_newest_first(database: Database) -> None:
    await samples.insert_all(database, visitors(5))
    await samples.insert_all(database, visitors(3, seed=1, encoder="new@1"))
    assert list((await samples.encoders(database, STORE)).items()) == [("new@1", 3), (ENCODER, 5)]
    assert len(await samples.table(database, STORE, "new@1")) == 3
    assert len(await samples.table(database, STORE, "never@0")) == 0


async def test_counting_and_forgetting(database: Database) -> None:
    await samples.insert_all(database, visitors(30, days=3))
    await samples.insert_all(database, visitors(3, seed=1, origin=Origin.ASSISTANT))
    counted = await samples.count(database, STORE)
    assert sum(one.count for one in counted) == 33
    toys = next(one for one in counted if one.department == "Toys" and one.origin is Origin.CAMERA)
    assert (toys.count, toys.first_day, toys.last_day) == (10, "2026-11-01", "2026-11-03")
    assert await samples.forget(database, STORE, camera="camera of Toys", day="2026-11-02") == 3
    assert await samples.forget(database, STORE, camera="camera of Toys") == 7
    assert await samples.forget_before(database, STORE, "2026-11-02") == 10
    assert await samples.forget(database, "msk-1") == 0
    assert await samples.forget(database, STORE) == 13
