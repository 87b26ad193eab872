"""How many visits a second one registry takes in, and what each costs it.

The registry is the actor of a running system, called as cameras call it: leased, with an embedding and a prediction.
Each visit makes one notification. The outbox is read and marked as a dispatcher does, without Telegram between, which
takes 30 messages a second.
"""

import asyncio
import time
from pathlib import Path
from statistics import median
from typing import Any, TypedDict

import numpy as np
import psutil
from pydantic import SecretStr

from actors import cluster
from actors.clients import find
from actors.plan import Plan
from actors.stores import start_stores, stop_stores
from amiko.environment import make_token
from benchmarks.learning_photos import throw_away_home
from benchmarks.speed_shop import TOKEN
from bot.sandbox import Sandbox
from domain.places import DATABASE
from domain.records import AssistantState, Embedding, Notification, NotificationState, Outbox, Prediction, Ranked, Visit
from domain.settings import AnotherBot, Settings, Store, Telegram
from storage import assistants
from storage.database import Database

STORES, DEPARTMENTS, DIMENSIONS = 10, 10, 1280
BOT = "bench"
#: Seconds between two looks at the outbox, as of a dispatcher.
LOOK_S = 0.02
#: Cameras that tell of their visitors at the same time; rounds of each by turns, and visits in each.
CALLERS = (1, 32)
ROUNDS, VISITS = 5, 1500


class Load(TypedDict):
    """Medians of the rounds. A visit is announced, its notification had from the outbox and marked as sent."""

    visits_per_s: float
    #: Milliseconds of a core in the registry's process, and the least and the largest of the rounds.
    cpu_ms_per_visit: float
    spread: tuple[float, float]
    #: What one core could take in.
    visits_per_s_of_a_core: float


#: By how many cameras tell at the same time.
Registry = dict[str, Load]


def measure_registry() -> Registry:
    """About a minute, on a Ray of its own."""
    make_token()
    sandbox = Sandbox(TOKEN)
    sandbox.start()
    names = [f"store-{number}" for number in range(STORES)]
    # a bot that Telegram refuses, so that nobody else takes from its outbox
    telegram = Telegram(
        token=SecretStr(TOKEN), bots={BOT: AnotherBot(token=SecretStr(TOKEN[::-1]))}, api_url=sandbox.url
    )
    departments = [f"Department {number}" for number in range(DEPARTMENTS)]
    stores = [Store(id=name, name=name, departments=departments, bot=BOT) for name in names]
    try:
        with throw_away_home() as home:
            asyncio.run(_staff(home, names))
            cluster.start_or_join(None)
            try:
                start_stores(Plan(settings=Settings(telegram=telegram, stores=stores), home=home, run="growth"))
                return asyncio.run(_measure(names, departments))
            finally:
                stop_stores()
                cluster.leave()
    finally:
        sandbox.stop()


async def _staff(home: Path, names: list[str]) -> None:
    """One who waits in each store."""
    async with Database.open(home / DATABASE) as database, database.transaction() as connection:
        for number, name in enumerate(names):
            added = await assistants.add(
                connection, store=name, name=name, username=None, telegram_id=10_000 + number, now=time.time()
            )
            await assistants.set_state(connection, added.id, AssistantState.WAITING, now=time.time())


async def _measure(names: list[str], departments: list[str]) -> Registry:
    registry: Any = find("registry")
    shops = _Shops(registry, names, departments)
    await shops.take_leases()
    process = psutil.Process((await registry.about.remote())["pid"])
    delivering = asyncio.create_task(_deliver(registry, shops))
    await shops.flood(200, max(CALLERS))
    found: dict[int, list[tuple[float, float]]] = {callers: [] for callers in CALLERS}
    for _ in range(ROUNDS):
        for callers, rounds in found.items():
            used, begin = process.cpu_times(), time.monotonic()
            await shops.flood(VISITS, callers)
            seconds, after = time.monotonic() - begin, process.cpu_times()
            rounds.append((VISITS / seconds, 1000 * (after.user + after.system - used.user - used.system) / VISITS))
    delivering.cancel()

    return {
        str(callers): Load(
            visits_per_s=round(median(rate for rate, _ in rounds), 1),
            cpu_ms_per_visit=round(median(ms for _, ms in rounds), 2),
            spread=(round(min(ms for _, ms in rounds), 2), round(max(ms for _, ms in rounds), 2)),
            visits_per_s_of_a_core=round(1000 / median(ms for _, ms in rounds), 1),
        )
        for callers, rounds in found.items()
    }


class _Shops:
    """What cameras would tell, with the leases that they would have."""

    def __init__(self, registry: Any, names: list[str], departments: list[str]) -> None:
        self._registry = registry
        self._names = names
        self._prediction = Prediction(
            ranking=tuple(Ranked(department=one, probability=1 / len(departments)) for one in departments), classifier=1
        )
        self._embedding = Embedding(vector=np.random.default_rng(1).random(DIMENSIONS, np.float32), encoder="simulated")
        self._tokens: dict[str, int] = {}
        self._told = 0
        #: Visits whose notification was marked as sent, and who waits for it.
        self._heard: dict[str, asyncio.Event] = {}

    async def take_leases(self) -> None:
        for name in self._names:
            lease = f"camera/{name}/door"
            self._tokens[lease] = await self._registry.take_lease.remote(lease, "x/1/1", None, None)

    async def flood(self, visits: int, callers: int) -> None:
        """So many visits, each told when the caller's one before was heard; returns when all are marked as sent."""
        until = self._told + visits

        async def tell() -> None:
            while self._told < until:
                self._told += 1
                await self._tell(self._told)

        await asyncio.gather(*(tell() for _ in range(callers)))
        while self._heard:
            await next(iter(self._heard.values())).wait()

    async def _tell(self, number: int) -> None:
        name = self._names[number % len(self._names)]
        visit = Visit(
            id=f"visit-{number}",
            store=name,
            camera="door",
            at=time.time(),
            embedding=self._embedding,
            prediction=self._prediction,
        )
        self._heard[visit.id] = asyncio.Event()
        lease = f"camera/{name}/door"
        await self._registry.announce_leased.remote(visit, lease=lease, token=self._tokens[lease], age_s=0.0)

    def sent(self, visit: str) -> None:
        self._heard.pop(visit).set()


async def _deliver(registry: Any, shops: _Shops) -> None:
    """As a dispatcher does, with a Telegram that takes no time."""
    seen: int | None = None
    marking: set[int] = set()

    async def mark(notification: Notification) -> None:
        await registry.mark_sent.remote(
            notification=notification.id, message=notification.id, revision=notification.revision
        )
        shops.sent(notification.visit)

    tasks: set[asyncio.Task[None]] = set()
    while True:
        outbox: Outbox = await registry.outbox.remote(bot=BOT, seen=seen, wait_s=20.0)
        seen = outbox.version
        held = {one.id for one in outbox.notifications}
        for notification in outbox.notifications:
            if notification.state is NotificationState.QUEUED and notification.id not in marking:
                task = asyncio.create_task(mark(notification))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
        marking = held
        await asyncio.sleep(LOOK_S)
