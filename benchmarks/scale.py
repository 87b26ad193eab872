"""How far one registry, one database and one bot reach: 10, 100 and 1,000 stores, simulated but for those three.

Each store has two cameras and three assistants who wait. Cameras are visits, as the registry hears of them (with an
embedding and a prediction), from a process beside; registry and dispatcher are the actors of a running system, and the
sandbox plays Telegram. All sizes get the same visits a second, so that what a visit costs tells what stores cost.
"""

import asyncio
import json as json_module
import random
import sqlite3
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any, TypedDict

import httpx
import numpy as np
import psutil
import ray
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from actors import cluster
from actors.clients import Client, find
from actors.plan import Plan
from actors.stores import start_stores, stop_stores
from amiko.environment import make_token
from bot.sandbox import Person, Sandbox
from domain.places import DATABASE
from domain.records import AssistantState, Embedding, Prediction, Ranked, Visit
from domain.settings import Settings, Store, Telegram
from storage import assistants
from storage.database import Database

SIZES = (10, 100, 1000)
ASSISTANTS, CAMERAS, DEPARTMENTS = 3, 2, 10
#: Visits a second, each told to three: half of what Telegram takes of one bot.
RATE = 5.0
#: Seconds of that, before that for warming up, and at the end for the last messages.
MEASURED_S, WARM_S, LAST_S = 30.0, 5.0, 5.0
#: Seconds of as many visits as the registry takes.
FLOOD_S, CALLERS = 10.0, 8
DIMENSIONS = 1280
TOKEN = "1000000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"  # noqa: S105 - the sandbox's


class Size(TypedDict):
    """What one size gave."""

    #: Visits a second that were told of in time, of `RATE` that came.
    visits_per_s: float
    #: From the visit to the message, each of the messages; milliseconds.
    p50_ms: float
    p95_ms: float
    p99_ms: float
    #: Of registry and dispatcher together, the idle hum of this many stores included.
    cpu_ms_per_visit: float
    idle_cpu_percent: float
    #: Of registry and dispatcher together, resident.
    rss_mb: float
    database_mb: float
    #: As many as the registry takes, whatever becomes of them.
    registry_visits_per_s: float


def run(*, json: bool) -> None:
    """Measure and print. A few minutes."""
    sizes = {str(size): _measure(size) for size in SIZES}
    if json:
        print(json_module.dumps({"stores": sizes}))
        return
    keys = list(Size.__annotations__)
    table = Table("stores", *keys)
    for size, one in sizes.items():
        table.add_row(size, *(str(one[key]) for key in keys))  # type: ignore[literal-required]  # its own keys
    Console().print(table)


def _measure(size: int) -> Size:
    make_token()
    names = [f"store-{number}" for number in range(size)]
    people = [Person(id=10_000 + number, name=f"№{number}") for number in range(size * ASSISTANTS)]
    sandbox = Sandbox(TOKEN, people=people)
    sandbox.start()
    _acquaint(sandbox, people)
    with tempfile.TemporaryDirectory(prefix="amiko-scale-") as folder:
        home = Path(folder)
        departments = [f"Department {number}" for number in range(DEPARTMENTS)]
        settings = Settings(
            telegram=Telegram(token=SecretStr(TOKEN), api_url=sandbox.url),
            stores=[Store(id=name, name=name, departments=departments) for name in names],
        )
        asyncio.run(_staff(home, names, people))
        cluster.start_or_join(None)
        try:
            start_stores(Plan(settings=settings, home=home, run="scale"))
            return asyncio.run(_load(home, names, departments, sandbox))
        finally:
            stop_stores()
            cluster.leave()
            sandbox.stop()


def _acquaint(sandbox: Sandbox, people: list[Person]) -> None:
    """Everybody has written to the bot once, long ago: it may write to them."""
    last = max(sandbox.press(person.id, "/start") for person in people)
    httpx.get(f"{sandbox.url}/bot{TOKEN}/getUpdates", params={"offset": last + 1, "timeout": 0}).raise_for_status()


async def _staff(home: Path, names: list[str], people: list[Person]) -> None:
    async with Database.open(home / DATABASE) as database, database.transaction() as connection:
        for number, person in enumerate(people):
            added = await assistants.add(
                connection,
                store=names[number // ASSISTANTS],
                name=person.name,
                username=None,
                telegram_id=person.id,
                now=time.time(),
            )
            await assistants.set_state(connection, added.id, AssistantState.WAITING, now=time.time())


async def _load(home: Path, names: list[str], departments: list[str], sandbox: Sandbox) -> Size:
    visits = _Visits(names, departments)
    processes = [psutil.Process(ray.get(find(name).about.remote())["pid"]) for name in ("registry", "dispatcher")]
    await visits.take_leases()
    await visits.at_rate(WARM_S)
    await asyncio.sleep(WARM_S)
    idle = _cpu_s(processes)
    await asyncio.sleep(WARM_S)
    idle = (_cpu_s(processes) - idle) / WARM_S

    began, before = time.time(), _cpu_s(processes)
    told = await visits.at_rate(MEASURED_S)
    await asyncio.sleep(LAST_S)
    cpu_s = _cpu_s(processes) - before
    taken = _taken(home, sandbox, told)
    rss_mb = sum(process.memory_info().rss for process in processes) / 1e6
    in_time = len({visit for visit, _ in taken})
    cuts = quantiles([seconds * 1000 for _, seconds in taken], n=100, method="inclusive")
    size_mb = _size_mb(home)
    flood = await visits.flood()
    return Size(
        visits_per_s=round(in_time / (max(told.values()) - began), 2),
        p50_ms=round(cuts[49], 1),
        p95_ms=round(cuts[94], 1),
        p99_ms=round(cuts[98], 1),
        cpu_ms_per_visit=round(1000 * cpu_s / len(told), 1),
        idle_cpu_percent=round(100 * idle, 1),
        rss_mb=round(rss_mb, 1),
        database_mb=round(size_mb, 1),
        registry_visits_per_s=round(flood, 1),
    )


class _Visits:
    """What cameras would tell, with the leases that they would have."""

    def __init__(self, names: list[str], departments: list[str]) -> None:
        self._names = names
        self._departments = departments
        self._random = random.Random(1)
        self._numbers = np.random.default_rng(1)
        self._registry = Client("registry")
        self._tokens: dict[str, int] = {}
        self._count = 0

    async def at_rate(self, seconds: float) -> dict[str, float]:
        """`RATE` a second, evenly, each from a random camera. Returns when each came, by its id."""
        told: dict[str, float] = {}
        under_way = []
        began = time.monotonic()
        for number in range(round(RATE * seconds)):
            await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
            visit = self._visit()
            told[visit.id] = visit.at
            under_way.append(asyncio.create_task(self._tell(visit)))
        await asyncio.gather(*under_way)
        return told

    async def flood(self) -> float:
        """Visits a second, as many as the registry takes from several callers."""
        end = time.monotonic() + FLOOD_S

        async def call() -> int:
            count = 0
            while time.monotonic() < end:
                await self._tell(self._visit())
                count += 1
            return count

        return sum(await asyncio.gather(*(call() for _ in range(CALLERS)))) / FLOOD_S

    def _visit(self) -> Visit:
        self._count += 1
        ranking = tuple(Ranked(department=one, probability=1 / len(self._departments)) for one in self._departments)
        return Visit(
            id=f"visit-{self._count}",
            store=self._random.choice(self._names),
            camera=f"door-{self._random.randrange(CAMERAS)}",
            at=time.time(),
            embedding=Embedding(vector=self._numbers.random(DIMENSIONS, np.float32), encoder="simulated"),
            prediction=Prediction(ranking=ranking, classifier=1),
        )

    async def take_leases(self) -> None:
        """As each camera does when it starts."""
        for store in self._names:
            for number in range(CAMERAS):
                lease = f"camera/{store}/door-{number}"
                taken: Any = await self._registry.call(
                    "take_lease", name=lease, holder="x/1/1", lasts_s=None, gone=None
                )
                self._tokens[lease] = taken

    async def _tell(self, visit: Visit) -> None:
        lease = f"camera/{visit.store}/{visit.camera}"
        await self._registry.call(
            "announce_leased", visit=visit, lease=lease, token=self._tokens[lease], age_s=time.time() - visit.at
        )


def _size_mb(home: Path) -> float:
    return sum(path.stat().st_size for path in home.glob(f"{DATABASE}*")) / 1e6


def _cpu_s(processes: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _taken(home: Path, sandbox: Sandbox, told: dict[str, float]) -> list[tuple[str, float]]:
    """Each message about one of those visits: the visit, and the seconds that it took."""
    connection = sqlite3.connect(f"file:{home / DATABASE}?mode=ro", uri=True)
    rows = connection.execute(
        "SELECT n.visit, n.message, a.telegram_id FROM notifications n JOIN assistants a ON a.id = n.assistant"
        " WHERE n.message IS NOT NULL"
    ).fetchall()
    connection.close()
    sent = {
        (person, message.id): message.at
        for person in {person for _, _, person in rows}
        for message in sandbox.messages(person)
    }
    return [
        (visit, sent[person, message] - told[visit])
        for visit, message, person in rows
        if visit in told and (person, message) in sent
    ]
