"""A whole shop for the speed benchmarks: all actors, all networks, the sandbox; and who uses the processor."""

import re
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import ray
from pydantic import SecretStr

from actors.clients import find
from actors.status import CameraStatus
from amiko import madeup, playing
from amiko.environment import make_token
from amiko.running import System, started
from benchmarks.learning import footage
from benchmarks.learning_photos import throw_away_home
from bot.sandbox import Person, Sandbox
from domain.errors import InputError
from domain.names import STORES
from domain.places import DATABASE
from domain.settings import Camera, Networks, Settings, Store, Telegram

if TYPE_CHECKING:
    from actors.status import Status

TOKEN = "1000000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"  # noqa: S105 - the sandbox's

STORE = "bench"
#: Seconds for all assistants to log in: the bot writes 30 messages a second.
START_S = 60.0

#: What a process is called -> who it is. Ray names its workers after what runs in them.
_WHO = (
    (re.compile(r"ServeReplica:\S*PersonDetector"), "detector"),
    (re.compile(r"ServeReplica:\S*VisitorEncoder"), "encoder"),
    (re.compile(r"ServeReplica"), "classifier"),
    (re.compile(r"ray::(Player|CameraActor)"), "cameras"),
    (re.compile(r"ray::(Registry|Dispatcher|Trainer|Stores)Actor"), "registry, bot"),
    (re.compile(r"ray::Bare"), "bare"),
)


def recording() -> Path:
    """Six visitors, one after the other, in 139 s. Raises InputError where it is missing."""
    folder = footage() / "one_by_one"
    paths = sorted(folder.glob("*.mp4"))
    if not paths:
        raise InputError(f"{folder}: no such recording; set AMIKO_FOOTAGE to the folder of the recordings")
    return paths[0]


class Shop:
    """A system that runs; its store, its data folder and its Telegram."""

    def __init__(self, system: System, settings: Settings, data: Path, sandbox: Sandbox) -> None:
        self._system = system
        self._settings = settings
        self._data = data
        self._sandbox = sandbox

    def have(self, cameras: Sequence[Camera]) -> None:
        """These cameras from now on. Blocks until all are there."""
        (store,) = self._settings.stores
        changed = store.model_copy(update={"cameras": list(cameras)})
        self._system.apply(self._settings.model_copy(update={"stores": [changed]}))

    def cameras(self) -> dict[str, CameraStatus | None]:
        status: Status = ray.get(find(STORES).status.remote())
        return status["cameras"]

    def visits(self) -> list["Told"]:
        """Those that the registry has heard of."""
        with closing(sqlite3.connect(f"file:{self._data / DATABASE}?mode=ro", uri=True)) as connection:
            rows = connection.execute(
                "SELECT v.id, v.at, v.prediction, n.created_at, n.message, a.telegram_id FROM visits v"
                " LEFT JOIN notifications n ON n.visit = v.id LEFT JOIN assistants a ON a.id = n.assistant"
                " ORDER BY n.created_at DESC"
            ).fetchall()
        sent = {
            (message.person, message.id): message.at
            for person in {row[-1] for row in rows if row[-1] is not None}
            for message in self._sandbox.messages(person)
        }
        # the first one who was told of a visit stands last
        return list(
            {
                id_: Told(at=at, described=prediction is not None, made_at=made_at, sent_at=sent.get((person, message)))
                for id_, at, prediction, made_at, message, person in rows
            }.values()
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A visit, and the first message about it."""

    at: float
    described: bool
    #: None where nobody waited.
    made_at: float | None
    #: By the sandbox' clock, when the call came; None where none has.
    sent_at: float | None


@contextmanager
def shop(
    cameras: Sequence[Camera],
    networks: Networks,
    *,
    assistants: int = 1,
    loop: bool = True,
    paced: bool = True,
) -> Iterator[Shop]:
    """A shop that is open, with so many assistants who wait.

    Each visit is told to one of them, who has it for its whole minute, so that there have to be as many as visitors
    come in a minute.
    """
    make_token()
    staff = [Person(id=1001 + number, name=f"{number}") for number in range(assistants)]
    sandbox = Sandbox(TOKEN, people=staff)
    sandbox.start()
    store = Store(
        id=STORE, name=STORE, departments=list(madeup.DEPARTMENTS), cameras=list(cameras), notify="one", offer_s=60
    )
    settings = Settings(
        telegram=Telegram(token=SecretStr(TOKEN), api_url=sandbox.url), networks=networks, stores=[store]
    )
    try:
        with throw_away_home() as data:
            playing.prepare(data, store, assistants=staff)
            playing.begin(sandbox, staff)
            with started(settings, data, loop=loop, paced=paced) as system:
                _wait_until_they_wait(assistants)
                yield Shop(system, settings, data, sandbox)
    finally:
        sandbox.stop()


def _wait_until_they_wait(count: int) -> None:
    def all_wait() -> bool:
        status: Status = ray.get(find(STORES).status.remote())
        staff = status["stores"][STORE]["assistants"] if status["stores"] else []
        return sum(person["state"] == "waiting" for person in staff) == count

    wait_until(all_wait, "the assistants' logging in", START_S)


def wait_until(condition: Callable[[], bool], what: str, limit_s: float) -> None:
    """Raises TimeoutError."""
    until = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"{what}: not within {limit_s:g} s; is the machine overloaded?")
        time.sleep(0.1)


class Usage:
    """Seconds of processor time of this process and all below it, by who they are, since `mark`."""

    def __init__(self) -> None:
        self._before: dict[psutil.Process, float] = {}

    def mark(self) -> None:
        self._before = {process: used for process, _, used in _all()}

    def since(self) -> dict[str, float]:
        seconds: dict[str, float] = defaultdict(float)
        for process, who, used in _all():
            seconds[who] += used - self._before.get(process, 0.0)
        return dict(seconds)


def _all() -> Iterator[tuple[psutil.Process, str, float]]:
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        try:
            times, line = process.cpu_times(), " ".join(process.cmdline())
        except psutil.Error:
            # ended meanwhile
            continue
        name = next((who for pattern, who in _WHO if pattern.search(line)), "Ray")
        yield process, "this process" if process == me else name, times.user + times.system


def listed(shares: dict[str, float]) -> str:
    """For a table's cell."""
    return ", ".join(f"{who} {share:.2f}" for who, share in shares.items())
