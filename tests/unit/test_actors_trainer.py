import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from actors.apart import Job, Trained
from actors.trainer import Trainer
from actors.training import Outcome, train_here
from domain.errors import InputError, TrainingBusyError, TrainingError
from domain.records import NoticeKind
from domain.settings import Settings, Store, Training
from networks.mlp import Classifier
from storage.classifiers import StoredTraining
from tests.support.embeddings import DEPARTMENTS, visitors
from tests.support.waiting import until

SETTINGS = Settings.model_validate(
    {
        "telegram": {"token": "1:secret"},
        "training": {"at": "10:31", "keep_samples_days": 30},
        "stores": [{"id": "spb-1", "name": "Nevsky", "timezone": "Europe/Moscow", "departments": list(DEPARTMENTS)}],
    }
)
DAY = 86400.0
#: 09:00 in Moscow.
MORNING = datetime(2026, 11, 10, 6, 0, tzinfo=UTC).timestamp()


class Clock:
    def __init__(self) -> None:
        self.now = MORNING
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now


class Trainings:
    """In place of a training's process."""

    def __init__(self) -> None:
        self.count = 0
        self.trouble: Exception | None = None
        self.hold: asyncio.Event | None = None

    async def __call__(self, home: Path, store: Store, training: Training) -> Outcome:
        self.count += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.trouble is not None:
            raise self.trouble
        raise TrainingError("too few samples")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def trainings() -> Trainings:
    return Trainings()


@pytest.fixture
async def trainer(tmp_path: Path, clock: Clock, trainings: Trainings) -> AsyncIterator[Trainer]:
    made = Trainer(SETTINGS, tmp_path, clock=clock, train=trainings, tick_s=0.01)
    yield made
    await made.stop()


async def outcomes(trainer: Trainer, count: int) -> list[str]:
    """What the schedule noted, once there are so many notes."""

    async def notes() -> list[StoredTraining]:
        return await (await trainer._classifiers()).trainings("spb-1")

    async def noted() -> bool:
        return len(await notes()) >= count

    await until(noted)
    return [note.outcome for note in reversed(await notes())]


async def test_each_day_once(trainer: Trainer, clock: Clock, trainings: Trainings) -> None:
    await trainer.start()
    assert await outcomes(trainer, 1) == ["the schedule begins"]
    for day, later in enumerate((2 * 3600, DAY), 1):
        clock.now += later
        assert (await outcomes(trainer, day + 1))[day] == "too few samples"
        # however often the clock is looked at
        looks = clock.looks
        await until(lambda looks=looks: clock.looks > looks + 10)
        assert trainings.count == day
    await trainer.stop()


async def test_a_missed_hour_is_made_up_for_once(tmp_path: Path, clock: Clock, trainings: Trainings) -> None:
    first = Trainer(SETTINGS, tmp_path, clock=clock, train=trainings, tick_s=0.01)
    await first.start()
    await outcomes(first, 1)
    await first.stop()
    # away for five days, back in the night
    clock.now += 5 * DAY + 15 * 3600
    second = Trainer(SETTINGS, tmp_path, clock=clock, train=trainings, tick_s=0.01)
    await second.start()
    await outcomes(second, 2)
    clock.now += 60
    await second.stop()
    await second.start()
    await second.stop()
    assert trainings.count == 1


async def test_a_training_that_was_killed_is_made_up_for(tmp_path: Path, clock: Clock, trainings: Trainings) -> None:
    first = Trainer(SETTINGS, tmp_path, clock=clock, train=trainings, tick_s=0.01)
    await first.start()
    await outcomes(first, 1)
    trainings.hold = asyncio.Event()
    clock.now += 2 * 3600
    await until(lambda: trainings.count > 0)
    await first.stop()
    trainings.hold = None
    second = Trainer(SETTINGS, tmp_path, clock=clock, train=trainings, tick_s=0.01)
    await second.start()
    await outcomes(second, 2)
    await second.stop()
    assert trainings.count == 2


async def test_somebody_elses_training_is_waited_for(trainer: Trainer, clock: Clock, trainings: Trainings) -> None:
    await trainer.start()
    await outcomes(trainer, 1)
    trainings.trouble = TrainingBusyError("another one")
    clock.now += 2 * 3600
    await until(lambda: trainings.count >= 3)
    trainings.trouble = None
    assert (await outcomes(trainer, 2))[1] == "too few samples"


async def test_samples_are_kept_once(trainer: Trainer, clock: Clock) -> None:
    clock.now = datetime(2026, 12, 2, tzinfo=UTC).timestamp()
    for sample in visitors(30, days=3):
        assert await trainer.add_sample(sample)
        assert not await trainer.add_sample(sample)
    status = await trainer.status()
    assert status["spb-1"]["samples"] == 30


async def test_what_the_settings_do_not_have_is_refused(trainer: Trainer) -> None:
    (sample,) = visitors(1)
    with pytest.raises(InputError, match=r"Books.*Toys"):
        await trainer.add_sample(replace(sample, department="Books"))
    with pytest.raises(InputError, match="msk-1"):
        await trainer.add_sample(replace(sample, store="msk-1"))
    with pytest.raises(InputError, match="msk-1"):
        await trainer.train("msk-1")


async def test_before_the_first_training_there_is_nothing(trainer: Trainer) -> None:
    assert await trainer.current("spb-1") is None


async def test_a_real_training_in_a_process_of_its_own(tmp_path: Path) -> None:
    trainer = Trainer(SETTINGS, tmp_path, clock=lambda: MORNING)
    for sample in visitors(150, days=3):
        await trainer.add_sample(sample)
    outcome = await trainer.train("spb-1")
    assert outcome.promoted, outcome.reason
    current = await trainer.current("spb-1")
    assert current is not None
    assert current[0] == outcome.version == 1
    classifier = Classifier.from_bytes(await trainer.file("spb-1", 1))
    classifier.self_test()
    assert classifier.version == 1
    # what admins get to see of it
    sheet = await trainer.report("spb-1", "ru")
    assert sheet is not None
    assert sheet.startswith(b"\x89PNG")
    # its errors come back as what they are
    empty = Trainer(SETTINGS, tmp_path / "empty", clock=lambda: MORNING)
    with pytest.raises(TrainingError, match="no samples"):
        await empty.train("spb-1")
    assert await empty.report("spb-1", "ru") is None
    await trainer.stop()
    await empty.stop()


async def test_two_trainings_at_once(tmp_path: Path) -> None:
    trainer = Trainer(SETTINGS, tmp_path, clock=lambda: MORNING)
    for sample in visitors(90, days=3):
        await trainer.add_sample(sample)
    job = Job.of(tmp_path, SETTINGS.stores[0], SETTINGS.training)
    first, second = await asyncio.gather(train_here(job), train_here(job), return_exceptions=True)
    assert isinstance(first, Outcome)
    assert isinstance(second, TrainingBusyError)
    assert "secret" not in job.model_dump_json()
    await trainer.stop()


class Listener:
    """In the registry's place."""

    def __init__(self) -> None:
        self.told: list[tuple[NoticeKind, str, dict[str, str]]] = []
        self.trouble: Exception | None = None

    async def alarm(self, *, kind: NoticeKind, subject: str, values: Mapping[str, str]) -> None:
        self.told.append((kind, subject, dict(values)))
        if self.trouble is not None:
            raise self.trouble


@pytest.mark.parametrize(
    ("promoted", "kind"), [(True, NoticeKind.CLASSIFIER_PROMOTED), (False, NoticeKind.TRAINING_REFUSED)]
)
async def test_the_admins_hear_what_came_of_a_training(tmp_path: Path, promoted: bool, kind: NoticeKind) -> None:
    async def train(home: Path, store: Store, training: Training) -> Trained:
        return Trained(store=store.id, version=3, promoted=promoted, reason="so", seconds=1)

    listener = Listener()
    trainer = Trainer(SETTINGS, tmp_path, train=train, alarms=listener)
    store = SETTINGS.stores[0]
    for trouble in (None, ConnectionError("the registry is starting again")):
        listener.trouble = trouble
        assert (await trainer.train(store.id)).version == 3, "whatever ails the registry"
    assert listener.told == [(kind, store.id, {"store": store.name, "version": "3"})] * 2
    await trainer.stop()
