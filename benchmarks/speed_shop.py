"""A whole shop for the speed benchmarks: all actors, all networks, the sandbox; and who uses the processor."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from pydantic import SecretStr

from amiko import madeup, playing
from amiko.environment import make_token
from amiko.running import started
from benchmarks.learning import footage
from benchmarks.learning_photos import throw_away_home
from bot.sandbox import Person, Sandbox
from domain.errors import InputError
from domain.settings import Camera, Networks, Settings, Store, Telegram

TOKEN = "1000000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"  # noqa: S105 - the sandbox's

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


@contextmanager
def shop(
    stores: Mapping[str, Sequence[Camera]], networks: Networks, *, loop: bool = True, paced: bool = True
) -> Iterator[tuple[Path, Sandbox]]:
    """A system that runs, with one waiting assistant in each store; its data folder and its Telegram."""
    make_token()
    staff = {store: Person(id=1001 + number, name=store) for number, store in enumerate(stores)}
    sandbox = Sandbox(TOKEN, people=list(staff.values()))
    sandbox.start()
    settings = Settings(
        telegram=Telegram(token=SecretStr(TOKEN), api_url=sandbox.url),
        networks=networks,
        stores=[
            Store(id=store, name=store, departments=list(madeup.DEPARTMENTS), cameras=list(cameras))
            for store, cameras in stores.items()
        ],
    )
    try:
        with throw_away_home() as data:
            for store in settings.stores:
                playing.prepare(data, store, assistants=[staff[store.id]])
            playing.begin(sandbox, staff.values())
            with started(settings, data, loop=loop, paced=paced):
                yield data, sandbox
    finally:
        sandbox.stop()


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
