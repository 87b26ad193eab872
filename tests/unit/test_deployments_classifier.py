import asyncio
import hashlib
from dataclasses import replace

import numpy as np
import pytest

from deployments.classifier import DepartmentClassifier
from domain.errors import EncoderMismatchError, InputError
from domain.records import Embedding, TextEmbeddings
from learning.training import train
from networks.coldstart import cold_start
from networks.mlp import Classifier
from tests.support.embeddings import DEPARTMENTS, embedding, visitors
from tests.support.waiting import until

STORE = "spb-1"


@pytest.fixture(scope="module")
def trained() -> Classifier:
    return train(visitors(60), DEPARTMENTS)


class Shelf:
    """A trainer: what it has is set by the test."""

    def __init__(self) -> None:
        self.files: dict[int, bytes] = {}
        self.now: int | None = None
        self.sha256: str | None = None
        self.asked = self.fetched = 0
        self.trouble: Exception | None = None
        self.hangs = False

    def put(self, version: int, content: bytes, sha256: str | None = None) -> None:
        self.files[version], self.now, self.sha256 = content, version, sha256

    async def current(self, store: str) -> tuple[int, str] | None:
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.trouble is not None:
            raise self.trouble
        if self.now is None or store != STORE:
            return None
        return self.now, self.sha256 or hashlib.sha256(self.files[self.now]).hexdigest()

    async def file(self, store: str, version: int) -> bytes:
        self.fetched += 1
        return self.files[version]


async def made(shelf: Shelf) -> DepartmentClassifier:
    classifier = DepartmentClassifier(shelf, poll_s=3600, first_wait_s=5, answer_s=1)
    await classifier.ready(STORE)
    return classifier


def one() -> Embedding:
    return embedding(2, np.random.default_rng(0))


async def version_of(classifier: DepartmentClassifier) -> int | None:
    answer = await classifier.classify(one(), STORE)
    return answer.classifier if answer else None


async def test_the_first_request_brings_the_stores_classifier(trained: Classifier) -> None:
    shelf = Shelf()
    shelf.put(4, trained.to_bytes())
    classifier = await made(shelf)
    answer = await classifier.classify(one(), STORE)
    assert answer is not None
    assert answer.classifier == 4
    assert answer.ranking[0].department == "Toys"
    await classifier.close()


async def test_no_classifier_yet_is_no_prediction(trained: Classifier) -> None:
    shelf = Shelf()
    classifier = await made(shelf)
    assert await classifier.classify(one(), STORE) is None
    assert await classifier.classify(one(), "unknown") is None
    shelf.put(1, trained.to_bytes())
    await classifier.refresh()
    assert await version_of(classifier) == 1
    await classifier.close()


async def test_the_first_classifier_takes_the_place_of_comparing_with_texts(trained: Classifier) -> None:
    texts = TextEmbeddings(
        vectors=np.eye(len(DEPARTMENTS), one().vector.size, dtype=np.float32), encoder=one().encoder, sharpness=5.0
    )
    shelf = Shelf()
    shelf.put(0, cold_start({name: [name] for name in DEPARTMENTS}, texts).to_bytes())
    classifier = await made(shelf)
    assert await version_of(classifier) == 0
    shelf.put(1, trained.to_bytes())
    await classifier.refresh()
    assert await version_of(classifier) == 1
    await classifier.close()


async def test_one_bad_request_fails_alone(trained: Classifier) -> None:
    shelf = Shelf()
    shelf.put(1, trained.to_bytes())
    classifier = await made(shelf)
    nan = Embedding(vector=np.full_like(one().vector, np.nan), encoder=one().encoder)
    for refused, error in ((replace(one(), encoder="other@1"), EncoderMismatchError), (nan, InputError)):
        with pytest.raises(error):
            await classifier.classify(refused, STORE)
        assert await version_of(classifier) == 1
    await classifier.close()


async def test_newer_versions_and_rollbacks_are_swapped_in(trained: Classifier) -> None:
    shelf = Shelf()
    shelf.put(1, trained.to_bytes())
    classifier = await made(shelf)
    shelf.put(2, replace(trained, held_out_from="2026-01-01").to_bytes())
    await classifier.refresh()
    assert await version_of(classifier) == 2
    shelf.now = 1
    await classifier.refresh()
    assert await version_of(classifier) == 1
    assert classifier.status()["swaps"] == 3
    await classifier.close()


@pytest.mark.parametrize("kind", ["cut off", "another file", "fails its self-test", "pickle"])
async def test_a_damaged_version_is_refused_and_the_old_one_stays(
    trained: Classifier, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    shelf = Shelf()
    shelf.put(1, trained.to_bytes())
    classifier = await made(shelf)
    match kind:
        case "cut off":
            shelf.put(2, trained.to_bytes()[:-50])
        case "another file":
            shelf.put(2, trained.to_bytes(), sha256="0" * 64)
        case "fails its self-test":
            shelf.put(2, replace(trained, temperature=trained.temperature * 4).to_bytes())
        case _:
            shelf.put(2, b"\x80\x04\x95.")
    for _ in range(3):
        await classifier.refresh()
    assert await version_of(classifier) == 1
    # fetched once and told once, not at each look
    assert shelf.fetched == 2
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    status = classifier.status()["stores"]
    assert isinstance(status, dict)
    assert "ClassifierError" in status[STORE]["trouble"]
    shelf.put(3, replace(trained, held_out_from="2026-01-02").to_bytes())
    await classifier.refresh()
    assert await version_of(classifier) == 3
    await classifier.close()


async def test_a_dead_trainer_stops_no_prediction(trained: Classifier) -> None:
    shelf = Shelf()
    shelf.put(1, trained.to_bytes())
    classifier = await made(shelf)
    shelf.trouble = ConnectionError("gone")
    await classifier.refresh()
    assert await version_of(classifier) == 1
    shelf.trouble = None
    await classifier.refresh()
    status = classifier.status()["stores"]
    assert isinstance(status, dict)
    assert status[STORE] == {"version": 1, "trouble": None}
    await classifier.close()


async def test_a_trainer_that_hangs_is_waited_for_once_and_not_for_long() -> None:
    shelf = Shelf()
    shelf.hangs = True
    classifier = DepartmentClassifier(shelf, poll_s=3600, first_wait_s=0.05, answer_s=3600)
    await classifier.ready(STORE)
    asked = shelf.asked
    # later ones don't wait at all
    classifier._first_wait_s = 3600
    async with asyncio.timeout(30):
        assert await classifier.classify(one(), STORE) is None
    assert shelf.asked == asked
    await classifier.close()


async def test_a_trainer_that_hung_is_asked_again(trained: Classifier) -> None:
    shelf = Shelf()
    shelf.put(1, trained.to_bytes())
    classifier = await made(shelf)
    classifier._answer_s = 0.05
    shelf.hangs = True
    async with asyncio.timeout(30):
        await classifier.refresh()
    status = classifier.status()["stores"]
    assert isinstance(status, dict)
    assert status[STORE] == {"version": 1, "trouble": "TimeoutError: no answer in time"}
    shelf.hangs = False
    classifier._answer_s = 30
    shelf.put(2, replace(trained, held_out_from="2026-01-01").to_bytes())
    await classifier.refresh()
    assert await version_of(classifier) == 2
    await classifier.refresh()
    assert (shelf.fetched, classifier.status()["swaps"]) == (2, 2), "the same one is not loaded again"
    await classifier.close()


async def test_it_looks_by_itself(trained: Classifier) -> None:
    shelf = Shelf()
    shelf.put(1, trained.to_bytes())
    classifier = DepartmentClassifier(shelf, poll_s=0.01)
    await classifier.ready(STORE)
    shelf.put(2, replace(trained, held_out_from="2026-01-01").to_bytes())

    async def newer() -> bool:
        return await version_of(classifier) == 2

    await until(newer)
    await classifier.close()
