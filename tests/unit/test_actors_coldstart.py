"""From the first visitor to the first classifier, and what a change of encoder means."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actors.apart import Job
from actors.coldstart import meaning, prepare
from actors.trainer import Trainer
from actors.training import train_here
from domain.errors import NetworksError
from domain.records import TextEmbeddings
from domain.settings import Settings, Store, Training
from networks.coldstart import ColdStart
from storage import samples
from storage.database import Database
from tests.support.embeddings import DEPARTMENTS, DIMENSIONS, ENCODER, visitors
from tests.support.waiting import until

STORE = Store(id="spb-1", name="Nevsky", departments=list(DEPARTMENTS))
SETTINGS = Settings.model_validate({"telegram": {"token": "1:a"}, "stores": [STORE.model_dump()]})


class Encoder:
    """An encoder whose texts point where `directions` says, one row a department; None: it knows no texts."""

    def __init__(self, directions: np.ndarray[tuple[int, ...], np.dtype[np.float32]] | None) -> None:
        self.directions = directions
        self.name = ENCODER
        self.asked = 0
        self.trouble: Exception | None = None

    async def identity(self) -> str:
        return self.name

    async def embed_texts(self, texts: list[str]) -> TextEmbeddings | None:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        if self.directions is None:
            return None
        rows = np.repeat(self.directions, len(texts) // len(DEPARTMENTS), axis=0)
        return TextEmbeddings(vectors=rows, encoder=self.name, sharpness=10.0)


def knowing() -> Encoder:
    """Its texts point at the very corners in which the tests' visitors are."""
    directions = np.zeros((len(DEPARTMENTS), DIMENSIONS), np.float32)
    for number in range(len(DEPARTMENTS)):
        directions[number, number * 4 : number * 4 + 4] = 0.5
    return Encoder(directions)


def clueless() -> Encoder:
    """Its texts say the wrong department."""
    directions = knowing().directions
    assert directions is not None
    return Encoder(np.roll(directions, 1, axis=0))


@pytest.fixture
async def trainers(tmp_path: Path) -> AsyncIterator[list[Trainer]]:
    made: list[Trainer] = []
    yield made
    for trainer in made:
        await trainer.stop()


async def started(trainers: list[Trainer], home: Path, encoder: Encoder) -> Trainer:
    for before in trainers:
        await before.stop()
    trainer = Trainer(SETTINGS, home, encoders=lambda _: encoder, tick_s=0.1)
    trainers.append(trainer)
    await trainer.start()
    return trainer


async def fill(home: Path, **options: object) -> None:
    async with Database.open(home / "amiko.db") as database:
        await samples.insert_all(database, visitors(150, days=3, **options))


async def test_a_new_store_predicts_from_the_first_visitor(tmp_path: Path, trainers: list[Trainer]) -> None:
    trainer = await started(trainers, tmp_path, knowing())
    current = await trainer.current("spb-1")
    assert current is not None
    assert current[0] == 0
    cold = ColdStart.from_bytes(await trainer.file("spb-1", 0))
    right = [
        cold.departments[int(cold.probabilities(sample.embedding.vector[None]).argmax())] == sample.department
        for sample in visitors(60)
    ]
    assert np.mean(right) > 0.9
    status = await trainer.status()
    assert status["spb-1"]["classifier"] == 0


async def test_the_texts_are_embedded_once(tmp_path: Path) -> None:
    encoder = knowing()
    path = tmp_path / "cold-start.safetensors"
    first = await prepare(encoder, STORE, path)
    assert await prepare(encoder, STORE, path) == first
    assert encoder.asked == 1
    # another text, another encoder, a damaged file: anew each time
    await prepare(encoder, STORE.model_copy(update={"prompts": {"Toys": ["a", "b", "c", "d"]}}), path)
    encoder.name = "clip@2"
    assert (await prepare(encoder, STORE, path)).encoder == "clip@2"
    path.write_bytes(b"damaged")
    await prepare(encoder, STORE, path)
    assert encoder.asked == 4


async def test_an_encoder_that_knows_no_texts_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cold-start.safetensors"
    await prepare(knowing(), STORE, path)
    dinov2 = Encoder(None)
    dinov2.name = "dinov2@1"
    assert (await prepare(dinov2, STORE, path)).content is None
    assert not path.exists()


async def test_a_broken_text_tower_costs_the_cold_start_alone(
    tmp_path: Path, trainers: list[Trainer], caplog: pytest.LogCaptureFixture
) -> None:
    encoder = knowing()
    encoder.trouble = NetworksError("clip: its tokenizer.json is damaged")
    with caplog.at_level(logging.WARNING):
        trainer = await started(trainers, tmp_path, encoder)
        assert await trainer.current("spb-1") is None
    assert "tokenizer.json is damaged" in caplog.text


async def test_the_first_classifier_must_be_better_than_the_texts(tmp_path: Path, trainers: list[Trainer]) -> None:
    await fill(tmp_path)
    trainer = await started(trainers, tmp_path, knowing())
    await trainer.current("spb-1")
    outcome = await train_here(Job.of(tmp_path, STORE, Training()))
    assert not outcome.promoted
    assert "not better than comparing with texts" in outcome.reason
    assert outcome.figures.cold_start is not None
    assert outcome.figures.cold_start.accuracy > 0.9
    current = await trainer.current("spb-1")
    assert current is not None
    assert current[0] == 0


async def test_a_classifier_that_beats_the_texts_takes_over(tmp_path: Path, trainers: list[Trainer]) -> None:
    await fill(tmp_path)
    trainer = await started(trainers, tmp_path, clueless())
    await trainer.current("spb-1")
    outcome = await train_here(Job.of(tmp_path, STORE, Training()))
    assert outcome.promoted, outcome.reason
    assert "better than comparing with texts" in outcome.reason
    current = await trainer.current("spb-1")
    assert current is not None
    assert current[0] == outcome.version
    # from now on the next one is measured against this one
    again = await train_here(Job.of(tmp_path, STORE, Training()))
    assert again.figures.cold_start is None


async def test_another_encoder_is_told_and_its_classifier_takes_over(
    tmp_path: Path, trainers: list[Trainer], caplog: pytest.LogCaptureFixture
) -> None:
    await fill(tmp_path)
    old = await train_here(Job.of(tmp_path, STORE, Training()))
    assert old.promoted
    encoder = clueless()
    encoder.name = "clip@2"
    with caplog.at_level(logging.WARNING):
        trainer = await started(trainers, tmp_path, encoder)
        current = await trainer.current("spb-1")
        status = await trainer.status()
    assert current is not None
    assert current[0] == 0
    told = status["spb-1"]["encoder_changed"]
    assert "150 samples and the classifier of tests@0 can't be used with it. Training starts anew" in told
    assert "comparing with texts" in told
    assert told in caplog.text
    # samples of the new one bring a classifier of its own
    await fill(tmp_path, seed=1, encoder="clip@2")
    new = await train_here(Job.of(tmp_path, STORE, Training()))
    assert new.promoted, new.reason
    current = await trainer.current("spb-1")
    assert current is not None
    assert current[0] == new.version
    # and the old one's classifier is there again for the old encoder
    encoder.name = ENCODER
    await until(lambda: trainer._known["spb-1"].encoder == ENCODER)
    current = await trainer.current("spb-1")
    assert current is not None
    assert current[0] == old.version


async def test_until_the_encoder_answers_everything_is_as_before(tmp_path: Path, trainers: list[Trainer]) -> None:
    await fill(tmp_path)
    outcome = await train_here(Job.of(tmp_path, STORE, Training()))

    class Missing(Encoder):
        async def identity(self) -> str:
            raise ConnectionError("not deployed yet")

    trainer = await started(trainers, tmp_path, Missing(None))
    current = await trainer.current("spb-1")
    assert current is not None
    assert current[0] == outcome.version
    assert (await trainer.status())["spb-1"]["encoder"] is None


async def test_it_is_said_before_anything_is_started(
    weights: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amiko.encoders import changes

    monkeypatch.setenv("AMIKO_HOME", str(tmp_path))
    await fill(tmp_path)
    async with Database.open(tmp_path / "amiko.db") as database:
        (told,) = await changes(database, SETTINGS)
    assert told.startswith("spb-1: the encoder is efficientnet-lite0@")
    assert "150 samples of tests@0 can't be used with it" in told


def test_nothing_is_said_where_nothing_changed() -> None:
    assert meaning("a@1", None, {}, texts=True) is None
    assert meaning("a@1", "a@1", {"a@1": 5, "b@1": 7}, texts=True) is None
    told = meaning("a@1", None, {"b@1": 7}, texts=False)
    assert told is not None
    assert "7 samples of b@1" in told
    assert "announced without a department" in told


def test_a_cold_start_of_another_encoder_is_not_compared_with() -> None:
    """Its numbers would mean nothing."""
    from learning.challenge import challenge
    from learning.data import table
    from networks.coldstart import cold_start

    texts = TextEmbeddings(vectors=np.eye(3, DIMENSIONS, dtype=np.float32), encoder="another@1", sharpness=10.0)
    cold = cold_start({name: ["text"] for name in DEPARTMENTS}, texts)
    made = challenge(table(visitors(150, days=3)), DEPARTMENTS, None, Training().weights, cold=cold)
    assert made.figures.cold_start is None
    same = challenge(
        table(visitors(150, days=3)), DEPARTMENTS, None, Training().weights, cold=replace(cold, encoder=ENCODER)
    )
    assert same.figures.cold_start is not None
