"""The demo's own hands: a trained throw-away shop, and an assistant who presses the buttons."""

import asyncio
import hashlib
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import quantiles
from typing import TypedDict

import psutil
import ray

from actors.clients import find
from actors.status import Status
from amiko import madeup
from amiko.console import out
from bot.sandbox import Message, Person, Sandbox
from bot.texts import texts
from domain.days import day_of
from domain.errors import InputError, SourceUnreadableError
from domain.names import STORES
from domain.places import CLASSIFIERS, DATABASE
from domain.records import Origin, Sample
from domain.settings import Store
from learning.training import train
from networks.encoder import load_encoder
from storage import assistants, figures, samples
from storage.classifiers import ClassifierStore, StoredClassifier
from storage.database import Database
from vision.source import open_source, redact

#: Pictures of each made-up visitor to learn from: half a minute on two cores would be too long to wait.
PICTURES = 24
#: Seconds between two looks at how far it is.
LOOK_S = 0.2
#: Seconds after the end of the clip until the last notification must be there: the notifications' own lifetime.
LAST_S = 60.0


class Result(TypedDict):
    """What a headless demo prints."""

    visits: int
    #: Visits of which an assistant was told.
    notified: int
    notifications: int
    texts: list[str]
    #: From the moment at which the visit's frame was read until the message was accepted.
    latency_ms: dict[str, float]
    stages_ms: dict[str, dict[str, float]]
    #: Resident memory of all processes together, pages that several share counted once.
    rss_mb: float
    departments: str


def check_recording(video: Path) -> None:
    """Raises the SourceError that fits where no frame can be had from it."""
    reader = open_source(str(video))
    try:
        if reader.read() is None:
            raise SourceUnreadableError(f"{redact(str(video))}: no picture can be decoded; convert it to H.264 (.mp4)")
    finally:
        reader.close()


def prepare(data: Path, store: Store, *, assistants: Iterable[Person]) -> None:
    """Fill the throw-away shop's database: its staff, samples of made-up visitors, and a classifier trained on them."""
    asyncio.run(_prepare(data, store, list(assistants)))


async def _prepare(data: Path, store: Store, staff: list[Person]) -> None:
    now = time.time()
    encoder = load_encoder()
    learned = [
        Sample(
            id=hashlib.sha256(crop.tobytes()).hexdigest(),
            store=store.id,
            department=character.department,
            origin=Origin.IMPORT,
            camera=None,
            day=day_of(now, store.timezone),
            group=f"{character.department}/{number}",
            embedding=encoder.embed([crop])[0],
        )
        for seed, character in enumerate(madeup.CHARACTERS)
        for number, crop in enumerate(madeup.scenes(character, PICTURES, seed))
    ]
    classifier = train(learned, store.departments)
    async with Database.open(data / DATABASE) as database:
        async with database.transaction() as connection:
            for person in staff:
                await assistants.add(
                    connection,
                    store=store.id,
                    name=person.name,
                    username=person.username,
                    telegram_id=person.id,
                    now=now,
                )
        await samples.insert_all(database, learned)
        content = classifier.with_version(1).to_bytes()
        made = StoredClassifier(
            store=store.id,
            version=1,
            created_at=now,
            encoder=encoder.identity,
            sha256=hashlib.sha256(content).hexdigest(),
            kept=True,
            reason="made up for the demo",
            scores={},
            current=True,
            used_at=now,
        )
        await ClassifierStore(database, data / CLASSIFIERS).add(made, content, promote=True, keep=1)


def begin(sandbox: Sandbox, staff: Iterable[Person]) -> None:
    """The assistants write to the bot before it is there; Telegram keeps that for it."""
    for person in staff:
        sandbox.press(person.id, "/login")
        sandbox.press(person.id, texts("ru").plain("button-begin"))


def play(sandbox: Sandbox, staff: Sequence[Person], data: Path, *, limit_s: float | None) -> Result:
    """Press the buttons until the clip is over and each visit is told of, or `limit_s` is over."""
    hands = _Hands(sandbox, staff)
    hands.start()
    until = None if limit_s is None else time.monotonic() + limit_s
    ended_at: float | None = None
    peak_mb = 0.0
    try:
        while True:
            status: Status = ray.get(find(STORES).status.remote())
            peak_mb = max(peak_mb, _resident_mb())
            cameras = [camera for camera in status["cameras"].values() if camera]
            over = until is not None and time.monotonic() > until
            if cameras and all(camera["state"] in {"ended", "lost"} and not camera["pending"] for camera in cameras):
                ended_at = ended_at or time.monotonic()
                told = len(figures.told_visits(data / DATABASE))
                over = over or told >= cameras[0]["visits"] or time.monotonic() - ended_at > LAST_S
            if over and cameras:
                break
            time.sleep(LOOK_S)
    finally:
        hands.stop()
    chats = [message for person in staff for message in sandbox.messages(person.id)]
    return _result(chats, hands.texts, data, status, peak_mb)


class _Hands(threading.Thread):
    """Go to each visitor, say that the prediction was right, and wait for the next."""

    def __init__(self, sandbox: Sandbox, staff: Sequence[Person]) -> None:
        super().__init__(name="assistants", daemon=True)
        self._sandbox = sandbox
        self._staff = staff
        self._over = threading.Event()
        #: Message and data of each button that was pressed.
        self._pressed: set[tuple[int, str]] = set()
        #: What the bot wrote, by message: the text changes once a button is pressed.
        self.texts: dict[int, str] = {}

    def stop(self) -> None:
        self._over.set()
        self.join(5)

    def run(self) -> None:
        while not self._over.wait(0.02):
            for person in self._staff:
                for message in self._sandbox.messages(person.id):
                    if message.buttons:
                        self._press(message, message.buttons[0][0].data)

    def _press(self, message: Message, data: str) -> None:
        """«Иду» and at once «Следующий!», since a recording played fast does not wait; then «Отдел верный»."""
        if (message.id, data) in self._pressed:
            return
        self._pressed.add((message.id, data))
        try:
            self._sandbox.press_data(message.person, message.id, data)
        except InputError:
            # the message has changed meanwhile
            return
        if message.id not in self.texts:
            self.texts[message.id] = message.text
            self._sandbox.press(message.person, texts("ru").plain("button-next"))


def _result(chats: list[Message], texts: dict[int, str], data: Path, status: Status, peak_mb: float) -> Result:
    messages = {message.id: message for message in chats}
    notified = figures.told_visits(data / DATABASE)
    sent = [(at, made, messages[number]) for at, made, number in notified.values() if number in messages]
    (camera,) = (one for one in status["cameras"].values() if one)
    stages = dict(camera["stages_ms"])
    if sent:
        stages["deliver"] = _percentiles([message.at - made for _, made, message in sent])
    return Result(
        visits=camera["visits"],
        notified=len(notified),
        notifications=len(sent),
        texts=[texts[number] for number in sorted(texts)],
        latency_ms=_percentiles([message.at - at for at, _, message in sent]),
        stages_ms=stages,
        rss_mb=round(peak_mb, 1),
        departments="made up",
    )


def _percentiles(seconds: list[float]) -> dict[str, float]:
    if not seconds:
        return {}
    cuts = quantiles(seconds * 2 if len(seconds) == 1 else seconds, n=20, method="inclusive")
    return {"p50": round(cuts[9] * 1000, 1), "p95": round(cuts[18] * 1000, 1)}


def _resident_mb() -> float:
    total = 0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            total += process.memory_full_info().pss
        except psutil.Error:
            # ended meanwhile
            continue
    return total / 1e6


def show(result: Result) -> None:
    """For people."""
    for text in result["texts"]:
        out.print(text, end="\n\n")
    latency = result["latency_ms"]
    out.print(f"{result['visits']} visits, {result['notifications']} notifications (the departments are made up)")
    if latency:
        out.print(f"From visit to message: p50 {latency['p50']:.0f} ms, p95 {latency['p95']:.0f} ms")
    out.print(f"Memory of all processes: {result['rss_mb']:.0f} MB")
