"""What the bot's benchmarks share: the real registry on SQLite, the real dispatcher, and the sandbox over HTTP.

All in one process, and without Ray: the sandbox has a thread of its own, so that its share of the processor can be
told from the bot's.
"""

import asyncio
import re
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiosqlite
import numpy as np
import psutil
from pydantic import SecretStr

from actors.dispatcher import Dispatcher
from actors.registry import AssistantRegistry
from bot.sandbox import Call, Person, Sandbox
from domain.places import DATABASE
from domain.records import AssistantState, Prediction, Ranked, Visit
from domain.settings import Camera, Settings, Store, Telegram
from storage import assistants
from storage.database import Database

#: The sandbox's own.
TOKEN = f"1000000001:{'A' * 35}"
DEPARTMENTS = ["Appliances", "Beauty Technique", "Electronics", "Large equipment", "Toys"]
_FIRST = 100_001
_READY_S = 120.0
#: «Посетитель № 12»: the visit's number of the day stands in each message about it.
_NUMBER = re.compile(r"№ (\d+)")


class CountingDatabase(Database):
    """Counts its transactions."""

    transactions = 0

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        self.transactions += 1
        async with super().transaction() as connection:
            yield connection


@dataclass(kw_only=True)
class BenchShop:
    """Stores with assistants who wait, a bot at work, and what the sandbox heard."""

    settings: Settings
    #: By store.
    people: dict[str, list[int]]
    database: CountingDatabase
    registry: AssistantRegistry
    sandbox: Sandbox
    #: Each call of the bot: when it came in, its method, its chat, and the visit's number in its text.
    heard: list[tuple[float, str, int | None, int | None]] = field(default_factory=list)

    @property
    def sandbox_thread(self) -> int:
        """The number that the system gives it."""
        return next(one.native_id or 0 for one in threading.enumerate() if one.name == "sandbox")

    def hear(self, call: Call) -> None:
        """Called in the sandbox's thread."""
        self.heard.append((call.at, call.method, call.chat, number_in(call.values.get("text", ""))))

    def sends(self) -> dict[tuple[int, int], float]:
        """When the first call that sends a visit's message to a chat came in, by chat and number."""
        found: dict[tuple[int, int], float] = {}
        for at, method, chat, number in list(self.heard):
            if method == "sendMessage" and chat is not None and number is not None:
                found.setdefault((chat, number), at)
        return found


def number_in(text: str) -> int | None:
    """The visit's number in a message."""
    found = _NUMBER.search(text)
    return int(found[1]) if found else None


def visit(number: int, store: str) -> Visit:
    ranking = tuple(
        Ranked(department=name, probability=p) for name, p in zip(DEPARTMENTS, (0.7, 0.2, 0.1), strict=False)
    )
    return Visit(
        id=f"{store}-{number}",
        store=store,
        camera="door",
        at=time.time(),
        prediction=Prediction(ranking=ranking, classifier=1),
    )


def stores(modes: Iterable[str], *, lifetime_s: float) -> list[Store]:
    """A store for each way of telling."""
    # noon, so that the number of the day does not begin again in the middle
    hours = 12 - time.gmtime().tm_hour
    zone = f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT"
    return [
        Store.model_validate(
            {
                "id": f"store-{count}",
                "name": f"Store {count}",
                "timezone": zone,
                "departments": DEPARTMENTS,
                "cameras": [Camera(id="door", role="entrance", source=SecretStr("0"))],
                "notify": mode,
                "notification_lifetime_s": lifetime_s,
            }
        )
        for count, mode in enumerate(modes, 1)
    ]


@asynccontextmanager
async def open_shop(of: list[Store], *, each: int) -> AsyncIterator[BenchShop]:
    """`each` assistants wait in each of the stores, in private chats that are open already."""
    numbers = iter(range(_FIRST, _FIRST + each * len(of)))
    people = {store.id: [next(numbers) for _ in range(each)] for store in of}
    sandbox = Sandbox(TOKEN, people=[Person(id=one, name=f"P{one}") for some in people.values() for one in some])
    await asyncio.to_thread(sandbox.start)
    settings = Settings(telegram=Telegram(token=SecretStr(TOKEN), api_url=sandbox.url), stores=of)
    with tempfile.TemporaryDirectory(prefix="amiko-bench-") as folder:
        database = await CountingDatabase.connect(Path(folder) / DATABASE)
        try:
            await _hire(database, people)
            registry = AssistantRegistry(settings, database)
            dispatcher = Dispatcher(settings, registry)
            shop = BenchShop(settings=settings, people=people, database=database, registry=registry, sandbox=sandbox)
            dispatcher.start()
            try:
                await _greet(shop)
                sandbox.on_call.append(shop.hear)
                yield shop
            finally:
                sandbox.mend()
                await dispatcher.stop()
        finally:
            await database.close()
            await asyncio.to_thread(sandbox.stop)


async def _hire(database: Database, people: dict[str, list[int]]) -> None:
    now = time.time()
    async with database.transaction() as connection:
        for store, some in people.items():
            for one in some:
                added = await assistants.add(
                    connection, store=store, name=f"P{one}", username=None, telegram_id=one, now=now
                )
                await assistants.set_state(connection, added.id, AssistantState.WAITING, now=now)


async def _greet(shop: BenchShop) -> None:
    """A bot may not write first: each person writes, and the bot has answered all before anything is measured."""
    everybody = [one for some in shop.people.values() for one in some]
    for one in everybody:
        shop.sandbox.press(one, "/ping")
    async with asyncio.timeout(_READY_S):
        while not all(any(said.from_bot for said in shop.sandbox.messages(one)) for one in everybody):  # noqa: ASYNC110 - another thread's doing
            await asyncio.sleep(0.1)
    # until each chat may have its burst again
    await asyncio.sleep(2.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What the machine was asked for."""

    #: Of the process without the sandbox's thread, seconds.
    cpu_s: float
    #: Megabytes.
    memory_mb: float


def cost(sandbox_thread: int) -> Cost:
    process = psutil.Process()
    cpu_s = sum(one.user_time + one.system_time for one in process.threads() if one.id != sandbox_thread)
    return Cost(cpu_s=cpu_s, memory_mb=process.memory_info().rss / 1e6)


def quantiles(values: list[float]) -> dict[str, float]:
    """Of seconds, in milliseconds."""
    if not values:
        return {"p50": float("nan"), "p95": float("nan"), "max": float("nan")}
    p50, p95, most = np.percentile(np.array(values) * 1000, [50, 95, 100])
    return {"p50": round(float(p50), 1), "p95": round(float(p95), 1), "max": round(float(most), 1)}
