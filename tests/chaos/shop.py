"""Four stores on this machine: real cameras, people, and what is done to them in a run."""

import contextlib
import secrets
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import ray
from pydantic import SecretStr

from actors.plan import DATABASE
from amiko import madeup, playing
from amiko.running import started
from benchmarks.bot_shop import stores
from bot.sandbox import Person, Sandbox
from domain.settings import Camera, Door, Settings, Telegram
from tests.chaos import reading
from tests.chaos.accounting import judge
from tests.chaos.assistants import People
from tests.chaos.cameras import DrawnCameraActor
from tests.chaos.plan import faults
from tests.chaos.trouble import Trouble
from tests.chaos.victims import Victims
from tests.support.mjpeg import MjpegCamera

#: Visits a second of all cameras together: 300 in two minutes.
PER_S = 2.5
#: How the stores tell, and how many work there.
NOTIFY, STAFF = ("all", "all", "all", "one"), (3, 3, 2, 2)
#: Of the stores, the last ones, that have a real camera besides the drawn one.
REAL = 2
FIRST = 100_001
LIFETIME_S = 60.0
DOOR = Door(line=(250, 100, 250, 479), inside=(400, 300))
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
    streets: list[MjpegCamera]
    #: Telegram's number of each assistant -> the store.
    people: dict[int, str]

    @property
    def database(self) -> Path:
        return self.folder / DATABASE


def run(seed: int, seconds: float, folder: Path, victims: Iterable[str]) -> dict[str, Any]:
    """Hit one after the other for so many seconds; what became of everything."""
    with opened(folder) as shop, started(shop.settings, folder, say=say):
        trouble, hands, hit = Trouble(shop.sandbox, seed), People(shop.sandbox, shop.people, seed), Victims()
        _place_drawn_cameras(shop, seed, until=time.time() + seconds + CALM_S)
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
        for street in shop.streets:
            street.close()
        hands.pressing = False
        trouble.end()
        reading.settle(shop.database, SETTLE_S)
        hands.stop()
        logs = Path(ray._private.worker._global_node.get_logs_dir_path())  # type: ignore[attr-defined]
        book = reading.book(shop.settings, shop.database, logs, hands=hands, trouble=trouble, victims=hit)
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
def opened(folder: Path) -> Iterator[Shop]:
    """The stores, their staff and their streets; nothing of Amiko runs yet."""
    token = f"1000000001:{secrets.token_hex(18)[:35]}"
    pictures = [cv2.imencode(".jpg", frame)[1].tobytes() for frame in madeup.frames()]
    streets = [MjpegCamera(pictures, fps=madeup.FPS) for _ in range(REAL)]
    of = stores(NOTIFY, lifetime_s=LIFETIME_S)
    for number, store in enumerate(of):
        seen = [street.url for street in streets][max(0, number - len(of) + REAL) :][: number >= len(of) - REAL]
        cameras = [Camera(id="door", role="entrance", source=SecretStr(url), door=DOOR) for url in seen]
        of[number] = store.model_copy(update={"cameras": cameras, "departments": list(madeup.DEPARTMENTS)})
    numbers = iter(range(FIRST, FIRST + sum(STAFF)))
    people = {next(numbers): store.id for store, many in zip(of, STAFF, strict=True) for _ in range(many)}
    sandbox = Sandbox(token, people=[Person(id=one, name=f"P{one}") for one in people])
    sandbox.start()
    try:
        settings = Settings(telegram=Telegram(token=SecretStr(token), api_url=sandbox.url), stores=of)
        playing.prepare(folder, of[0], assistants=[])
        _hire(folder / DATABASE, people)
        yield Shop(settings=settings, folder=folder, sandbox=sandbox, streets=streets, people=people)
    finally:
        for street in streets:
            street.close()
        sandbox.stop()


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _place_drawn_cameras(shop: Shop, seed: int, *, until: float) -> None:
    """One a store, at such a rate that all visits together are `PER_S`."""
    seen_per_s = REAL / (madeup.CROSSING_S + madeup.EMPTY_S)
    per_s = (PER_S - seen_per_s) / len(shop.settings.stores)
    made_of: Any = ray.remote(DrawnCameraActor)
    options = {"namespace": "chaos", "lifetime": "detached", "max_restarts": -1, "max_task_retries": -1, "num_cpus": 0}
    made = [
        made_of.options(name=store.id, **options).remote(store, per_s, until, seed, shop.folder)
        for store in shop.settings.stores
    ]
    ray.get([one.about.remote() for one in made])


def _hire(path: Path, people: dict[int, str]) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO assistants (store, name, telegram_id, since) VALUES (?, ?, ?, 0)",
            [(store, f"P{one}", one) for one, store in people.items()],
        )
