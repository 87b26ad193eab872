"""Four stores on this machine: real cameras, people, and what is done to them in a run."""

import contextlib
import secrets
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import ray
from pydantic import SecretStr

from amiko import madeup, playing
from amiko.running import started
from benchmarks.bot_shop import stores
from bot.sandbox import Person, Sandbox
from domain.places import DATABASE
from domain.settings import Camera, Door, Settings, Telegram
from tests.chaos import reading
from tests.chaos.accounting import judge
from tests.chaos.assistants import People
from tests.chaos.cameras import NAMESPACE, DrawnCameraActor
from tests.chaos.plan import faults
from tests.chaos.trouble import Trouble
from tests.chaos.victims import Victims
from tests.support.mjpeg import MjpegCamera

#: Visits a second of all cameras together: 300 in two minutes, those left out that a killed camera misses.
PER_S = 2.7
#: How the stores tell, and how many work there.
NOTIFY, STAFF = ("all", "all", "all", "one"), (3, 3, 2, 2)
#: Real cameras of each store, besides a drawn one.
REAL = (0, 0, 1, 1)
FIRST = 100_001
#: Seconds that a visitor is waited for; half the run where that is shorter.
LIFETIME_S = 60.0
#: Seconds for which visitors still come, once nothing is hit any more: what was hit last is seen to work.
CALM_S = 15.0
#: Seconds for everything to settle.
SETTLE_S = LIFETIME_S + 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Shop:
    """What a run takes place in."""

    settings: Settings
    folder: Path
    sandbox: Sandbox
    street: MjpegCamera
    #: Telegram's number of each assistant -> the store.
    people: dict[int, str]

    @property
    def database(self) -> Path:
        return self.folder / DATABASE


def run(seed: int, seconds: float, folder: Path, victims: Iterable[str]) -> dict[str, Any]:
    """Hit one after the other for so many seconds; what became of everything."""
    with opened(folder, lifetime_s=min(LIFETIME_S, seconds / 2)) as shop, started(shop.settings, folder, say=say):
        trouble, hands, hit = Trouble(shop.sandbox, seed), People(shop.sandbox, shop.people, seed), Victims()
        seen_per_s = sum(REAL) / (madeup.CROSSING_S + madeup.EMPTY_S)
        place_drawn_cameras(shop, seed, per_s=PER_S - seen_per_s, until=time.time() + seconds + CALM_S)
        hands.start()
        trouble.begin()
        begun = time.time()
        for fault in faults(seed, seconds, victims):
            time.sleep(max(0.0, begun + fault.at - time.time()))
            say(f"{time.time() - begun:5.1f} s  {fault.kind}")
            hit.hit(fault)
        time.sleep(max(0.0, begun + seconds + CALM_S - time.time()))
        say("nothing is hit any more, and nobody presses")
        hit.join()
        shop.street.close()
        hands.pressing = False
        trouble.end()
        reading.settle(shop.database, SETTLE_S)
        hands.stop()
        book = reading.book(shop.settings, shop.database, logs(), hands=hands, trouble=trouble, victims=hit)
        verdict = judge(book)
    for wrong in [*verdict.lost, *verdict.duplicated, *verdict.wrong_status]:
        say(wrong)
    return {
        **reading.figures(book, verdict, hit),
        "presses": len(hands.presses),
        "calls": trouble.calls,
        "failed_calls": dict(trouble.failed),
        "visits_per_s": round(len(book.announced) / (seconds + CALM_S), 2),
        "seed": seed,
        "seconds": seconds,
    }


@contextmanager
def opened(
    folder: Path, *, real: Sequence[int] = REAL, width: int = madeup.WIDTH, lifetime_s: float = LIFETIME_S
) -> Iterator[Shop]:
    """The stores, their staff and the street that their cameras see; nothing of Amiko runs yet."""
    token = f"1000000001:{secrets.token_hex(18)[:35]}"
    scale = width / madeup.WIDTH
    pictures = [cv2.resize(frame, None, fx=scale, fy=scale) for frame in madeup.frames()]
    street = MjpegCamera([cv2.imencode(".jpg", one)[1].tobytes() for one in pictures], fps=madeup.FPS)
    x, top, bottom, inside = (round(one * scale) for one in (250, 100, 479, 400))
    door = Door(line=(x, top, x, bottom), inside=(inside, round(300 * scale)))
    of = stores(NOTIFY, lifetime_s=lifetime_s)
    for number, (store, many) in enumerate(zip(of, real, strict=True)):
        cameras = [
            Camera(id=f"door-{one}", role="entrance", source=SecretStr(street.url), door=door) for one in range(many)
        ]
        of[number] = store.model_copy(update={"cameras": cameras, "departments": list(madeup.DEPARTMENTS)})
    numbers = iter(range(FIRST, FIRST + sum(STAFF)))
    people = {next(numbers): store.id for store, many in zip(of, STAFF, strict=True) for _ in range(many)}
    sandbox = Sandbox(token, people=[Person(id=one, name=f"P{one}") for one in people])
    sandbox.start()
    try:
        settings = Settings(telegram=Telegram(token=SecretStr(token), api_url=sandbox.url), stores=of)
        playing.prepare(folder, of[0], assistants=[])
        _hire(folder / DATABASE, people)
        yield Shop(settings=settings, folder=folder, sandbox=sandbox, street=street, people=people)
    finally:
        street.close()
        sandbox.stop()


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def place_drawn_cameras(shop: Shop, seed: int, *, per_s: float, until: float) -> list[Any]:
    """One a store, which see so many visitors a second together, until that moment."""
    made_of: Any = ray.remote(DrawnCameraActor)
    options = {
        "namespace": NAMESPACE,
        "lifetime": "detached",
        "max_restarts": -1,
        "max_task_retries": -1,
        "num_cpus": 0,
    }
    stores = shop.settings.stores
    made = [
        made_of.options(name=one.id, **options).remote(one, per_s / len(stores), until, seed, shop.folder)
        for one in stores
    ]
    ray.get([one.about.remote() for one in made])
    return made


def logs() -> Path:
    """Where the processes of this Ray write what they say."""
    return Path(ray._private.worker._global_node.get_logs_dir_path())


def _hire(path: Path, people: dict[int, str]) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO assistants (store, name, telegram_id, since) VALUES (?, ?, ?, 0)",
            [(store, f"P{one}", one) for one, store in people.items()],
        )
