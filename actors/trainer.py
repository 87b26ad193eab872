"""The trainer: keeps samples and classifiers, hands them out, and trains every store once a day."""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from actors import schedule
from actors.about import About, about
from actors.alarms import Alarms
from actors.apart import Trained, train_apart
from actors.clients import RegistryClient, current_plan
from actors.coldstart import Known, ServedEncoder, TextEncoder, meaning, prepare
from actors.metrics import TrainerMetrics
from actors.status import LastTraining, TrainerStatus
from domain.errors import AmikoError, InputError, StorageError, TrainingBusyError
from domain.places import CLASSIFIERS, DATABASE
from domain.records import NoticeKind, Sample
from domain.settings import Settings, Store, Training
from networks import coldstart
from storage import room, samples
from storage.classifiers import ClassifierStore, StoredClassifier, StoredTraining
from storage.database import Database

_LOGGER = logging.getLogger(__name__)

#: Seconds between two looks at the database for the metrics.
PUBLISH_S = 30.0
#: Seconds between two looks at the clock, so that a clock that was set right is noticed.
TICK_S = 20.0
#: Seconds that whoever asks for a classifier waits for the encoder's first word of itself; see
#: `deployments.classifier.FIRST_WAIT_S`.
FIRST_ANSWER_S = 4.0
#: Seconds that an encoder may take to say who it is and to embed texts, for which it loads half of its network.
ENCODER_S = 120.0


class Train(Protocol):
    """How one store is trained: `train_apart`, but in tests."""

    async def __call__(self, home: Path, store: Store, training: Training) -> Trained: ...


class Trainer:
    """Plain and without Ray; one thin line makes an actor of it.

    What matters lies in SQLite and in the classifiers' files; a kill at any moment loses at most a training under
    way, which is made up for.
    """

    def __init__(
        self,
        settings: Settings,
        home: Path,
        *,
        clock: Callable[[], float] = time.time,
        train: Train = train_apart,
        encoders: Callable[[Store], TextEncoder] | None = None,
        alarms: Alarms | None = None,
        tick_s: float = TICK_S,
    ) -> None:
        self._stores = {store.id: store for store in settings.stores}
        self._training = settings.training
        self._home = home
        self._clock = clock
        self._train = train
        self._encoders = encoders
        #: By store: the encoder that runs, once it has answered.
        self._known: dict[str, Known] = {}
        #: Set once the encoder was asked for the first time, whatever came of it.
        self._asked = {store.id: asyncio.Event() for store in settings.stores}
        self._told: dict[str, str] = {}
        self._watches: list[asyncio.Task[None]] = []
        self._alarms = alarms
        self._tick_s = tick_s
        self._opening = asyncio.Lock()
        self._opened: Database | None = None
        self._schedule: asyncio.Task[None] | None = None
        #: Stores being trained right now.
        self._busy: set[str] = set()

    async def start(self) -> None:
        """Open the database and keep the schedule from now on."""
        await self._database()
        if self._schedule is None:
            self._schedule = asyncio.create_task(self._keep_schedule())
        if self._encoders is not None and not self._watches:
            # each store for itself: one whose node is away keeps nobody waiting
            self._watches = [
                asyncio.create_task(self._watch_encoder(store, self._encoders)) for store in self._stores.values()
            ]

    async def stop(self) -> None:
        """End the schedule, and a training under way with it."""
        for task in (self._schedule, *self._watches):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._schedule, self._watches = None, []
        async with self._opening:
            if self._opened is not None:
                await self._opened.close()
                self._opened = None

    # -- replicas -----------------------------------------------------------------------------------------

    async def current(self, store: str) -> tuple[int, str] | None:
        """Version and sha256 of the classifier that the store uses; None before the first.

        Version 0, the comparison with texts, stands in where the encoder knows texts and no classifier was made for it.
        """
        classifiers = await self._classifiers()
        if self._watches and store in self._asked:
            # right after the start: so that the first visitor has a department, too
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_ANSWER_S):
                    await self._asked[store].wait()
        known = self._known.get(store)
        # one that was made for another encoder would be refused at every visitor
        current = await classifiers.current(store, known.encoder if known else None)
        if current is not None or known is None:
            return current
        return None if known.content is None else (coldstart.VERSION, hashlib.sha256(known.content).hexdigest())

    async def file(self, store: str, version: int) -> bytes:
        """A version's file. Raises ClassifierError where it is missing or damaged."""
        known = self._known.get(store)
        if version == coldstart.VERSION and known is not None and known.content is not None:
            return known.content
        return await (await self._classifiers()).file(store, version)

    # -- cameras ------------------------------------------------------------------------------------------

    async def add_sample(self, sample: Sample) -> bool:
        """Keep a sample; the same id twice is one. True if it is new.

        Raises InputError for a store or a department that the settings don't have, and for numbers that are none;
        StorageError while the disk is full.
        """
        store = self._store(sample.store)
        if sample.department not in store.departments:
            raise InputError(
                f"sample {sample.id}: store {store.id} has no department {sample.department!r};"
                f" there are: {', '.join(store.departments)}"
            )
        if await asyncio.to_thread(room.is_full, self._home):
            # what room the database has of its own is for visits
            raise StorageError(f"the disk of {self._home} is full: no samples are kept until there is room")
        database = await self._database()
        async with database.transaction() as connection:
            return await samples.insert(connection, sample)

    # -- trainings ----------------------------------------------------------------------------------------

    async def train(self, store: str) -> Trained:
        """Train a store now, in a process of its own. Raises TrainingError where one is under way."""
        return await self._train_once(self._store(store), None)

    async def status(self) -> dict[str, TrainerStatus]:
        """By store id."""
        classifiers = await self._classifiers()
        database = await self._database()
        stores: dict[str, TrainerStatus] = {}
        for store in self._stores.values():
            current = await self.current(store.id)
            trainings = await classifiers.trainings(store.id, 1)
            known = self._known.get(store.id)
            stores[store.id] = TrainerStatus(
                classifier=current[0] if current else None,
                encoder=known.encoder if known else None,
                encoder_changed=await self._meaning(store.id, known) if known else None,
                samples=sum((await samples.encoders(database, store.id)).values()),
                training=store.id in self._busy,
                next_training=schedule.next_due(self._clock(), self._training.at, store.timezone),
                last_training=LastTraining(at=trainings[0].at, outcome=trainings[0].outcome) if trainings else None,
            )
        return stores

    async def report(self, store: str, language: str) -> bytes | None:
        """A sheet of pictures (PNG) of what the store's trainings found out; None before the first."""
        return await asyncio.to_thread(_sheet, await (await self._classifiers()).versions(store), language)

    async def _watch_encoder(self, store: Store, encoders: Callable[[Store], TextEncoder]) -> None:
        while True:
            try:
                path = (await self._classifiers()).cold_path(store.id)
                # not wait_for: in Python 3.11 a cancellation is lost in it if the answer comes at that moment
                async with asyncio.timeout(ENCODER_S):
                    known = await prepare(encoders(store), store, path)
                self._known[store.id] = known
                self._tell(store.id, await self._meaning(store.id, known) or "")
            except Exception as error:  # noqa: BLE001 - whatever the encoder's trouble is, it is asked again
                self._tell(store.id, f"the encoder does not answer: {type(error).__name__}: {error}")
            self._asked[store.id].set()
            await asyncio.sleep(self._tick_s if store.id in self._known else min(1.0, self._tick_s))

    async def _meaning(self, store: str, known: Known) -> str | None:
        classifiers = await self._classifiers()
        current = await classifiers.current(store)
        return meaning(
            known.encoder,
            await classifiers.encoder_of(store, current[0]) if current else None,
            await samples.encoders(await self._database(), store),
            texts=known.content is not None,
        )

    def _tell(self, store: str, what: str) -> None:
        """Once, not at each look."""
        if what and self._told.get(store) != what:
            _LOGGER.warning("%s", what, extra={"store": store})
        self._told[store] = what

    async def _keep_schedule(self) -> None:
        while True:
            for store in self._stores.values():
                try:
                    await self._train_if_due(store)
                except AmikoError as error:
                    # one store's trouble is not the others'
                    _LOGGER.warning("training: %s", error, extra={"store": store.id})
            await asyncio.sleep(self._tick_s)

    async def _train_if_due(self, store: Store) -> None:
        """Once for each training time; one that was missed while nobody was here is made up for, once."""
        classifiers = await self._classifiers()
        due = schedule.last_due(self._clock(), self._training.at, store.timezone)
        done = await classifiers.last_due(store.id)
        if done is None:
            # a new store begins with the next training time
            await self._note(store, due, "the schedule begins")
        elif done < due:
            await self._train_once(store, due)

    async def _train_once(self, store: Store, due: float | None) -> Trained:
        self._busy.add(store.id)
        try:
            outcome = await self._train(self._home, store, self._training)
        except TrainingBusyError:
            # somebody else's training: ours is still to come
            raise
        except AmikoError as error:
            await self._note(store, due, str(error))
            raise
        finally:
            self._busy.discard(store.id)
        # a training that is cancelled or killed gets no note, and so is made up for
        await self._note(store, due, outcome.reason)
        await self._tell_admins(store, outcome)
        return outcome

    async def _tell_admins(self, store: Store, outcome: Trained) -> None:
        if self._alarms is None:
            return
        kind = NoticeKind.CLASSIFIER_PROMOTED if outcome.promoted else NoticeKind.TRAINING_REFUSED
        values = {"store": store.name, "version": str(outcome.version)}
        try:
            await self._alarms.alarm(kind=kind, subject=store.id, values=values)
        except Exception as error:  # noqa: BLE001 - whatever ails the registry, the training is done
            _LOGGER.warning("the admins could not be told of a training: %s", error, extra={"store": store.id})

    async def _note(self, store: Store, due: float | None, outcome: str) -> None:
        training = StoredTraining(store=store.id, at=self._clock(), due=due, outcome=outcome)
        await (await self._classifiers()).note(training)

    def _store(self, store: str) -> Store:
        if store not in self._stores:
            raise InputError(f"no store {store!r} in the settings; there are: {', '.join(self._stores)}")
        return self._stores[store]

    async def _database(self) -> Database:
        async with self._opening:
            if self._opened is None:
                self._opened = await Database.connect(self._home / DATABASE)
            return self._opened

    async def _classifiers(self) -> ClassifierStore:
        return ClassifierStore(await self._database(), self._home / CLASSIFIERS)


def _sheet(versions: Sequence[StoredClassifier], language: str) -> bytes | None:
    # matplotlib and torch, which nothing else here needs, and most days nobody asks for
    from learning.report import overview, versions_of  # noqa: PLC0415 - see above

    told = versions_of([(one.version, one.created_at, one.used_at is not None, one.scores) for one in versions])
    return overview(told, language) if told else None


class TrainerActor(Trainer):
    """The trainer as an actor."""

    async def __init__(self) -> None:  # type: ignore[misc]  # Ray awaits it
        plan = await current_plan()
        self._recipe = plan.head_digest
        super().__init__(
            plan.settings,
            plan.home,
            encoders=lambda store: ServedEncoder(plan.application_of(store)),
            alarms=RegistryClient(),
        )
        self._metrics = TrainerMetrics()
        await self.start()
        self._publishing = asyncio.create_task(self._publish())

    async def _publish(self) -> None:
        while True:
            try:
                await self._measure()
            except Exception:  # what can't be measured now is measured in a moment
                _LOGGER.exception("the metrics could not be published")
            await asyncio.sleep(PUBLISH_S)

    async def _measure(self) -> None:
        classifiers, database = await self._classifiers(), await self._database()
        for store in self._stores:
            versions = await classifiers.versions(store)
            used = next((one for one in versions if one.current), None)
            since = used.version if used else 0
            scores = used.scores if used else None
            challenger = scores.get("challenger") if isinstance(scores, dict) else None
            score = challenger.get("balanced_accuracy") if isinstance(challenger, dict) else None
            self._metrics.publish(
                store,
                version=since,
                score=score if isinstance(score, float) else None,
                refused=sum(one.version > since and one.used_at is None for one in versions),
                samples=sum((await samples.encoders(database, store)).values()),
            )

    async def about(self) -> About:
        """Where it runs and what it was made with."""
        return about(self._recipe)
