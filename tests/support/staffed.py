"""A registry of two stores with some staff, by a clock that is set; and what a bot and people do with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydantic import SecretStr

from actors.registry import AssistantRegistry
from domain.records import (
    AssistantState,
    Embedding,
    Notice,
    Notification,
    NotificationState,
    Outbox,
    Prediction,
    Ranked,
    Visit,
)
from domain.settings import Settings, Store, Telegram
from storage import assistants
from storage.database import Database

ANNA, BORIS, VERA, GLEB, STRANGER = 1, 2, 3, 50, 99
ADMIN = 7
LIFETIME_S, OFFER_S, HOUR_S = 60.0, 15.0, 3600.0
OFF, WAITING, BUSY = AssistantState.OFF, AssistantState.WAITING, AssistantState.BUSY


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Shop:
    """A registry with three people on the list of store `a` and one on that of `b`."""

    registry: AssistantRegistry
    database: Database
    clock: Clock
    settings: Settings
    updates: int = 0
    #: What was sent: the notification by its assistant and visit.
    sent: dict[tuple[int, str], int] = field(default_factory=dict)

    async def wait(self, person: int) -> bool:
        self.updates += 1
        self.clock.now += 1
        return (await self.registry.wait(telegram_id=person, update=self.updates)).changed

    async def pause(self, person: int) -> bool:
        self.updates += 1
        return (await self.registry.pause(telegram_id=person, update=self.updates)).changed

    async def outbox(self) -> Outbox:
        return await self.registry.outbox(bot="main", seen=None, wait_s=0)

    async def queued(self) -> list[Notification]:
        return [one for one in (await self.outbox()).notifications if one.state is NotificationState.QUEUED]

    async def edits(self) -> list[Notification]:
        return [one for one in (await self.outbox()).notifications if one.state is not NotificationState.QUEUED]

    async def told(self) -> list[int]:
        """Who is to be told now; they are, too."""
        return [one.chat for one in await self.deliver()]

    async def deliver(self) -> list[Notification]:
        held = await self.queued()
        for one in held:
            self.sent[one.chat, one.visit] = one.id
            await self.registry.mark_sent(notification=one.id, message=100 + one.id, revision=one.revision)
        return held

    async def take(self, person: int, visit: str) -> Notification:
        return await self.registry.take(notification=self.sent[person, visit], telegram_id=person)

    async def decline(self, person: int, visit: str) -> Notification:
        return await self.registry.decline(notification=self.sent[person, visit], telegram_id=person)

    async def answer(self, person: int, visit: str, answer: str) -> Notification:
        return await self.registry.answer(notification=self.sent[person, visit], telegram_id=person, answer=answer)

    async def states(self, store: str = "a") -> dict[int, AssistantState]:
        async with self.database.transaction() as connection:
            return {one.telegram_id or 0: one.state for one in await assistants.all_of(connection, store)}

    async def counts(self) -> dict[str, int]:
        return (await self.registry.status())["a"]["notifications"]

    async def notices(self) -> list[Notice]:
        """What the admins are to be told; they are, too."""
        held = (await self.outbox()).notices
        for one in held:
            await self.registry.mark_noticed(notice=one.id)
        return list(held)

    def restart(self) -> None:
        """As after a kill: nothing is left but the database."""
        self.registry = AssistantRegistry(self.settings, self.database, self.clock)


def visit(name: str, store: str = "a", card: bytes | None = None, at: float = 1_000_000.0) -> Visit:
    ranking = (Ranked(department="Toys", probability=0.75), Ranked(department="Cars", probability=0.25))
    return Visit(
        id=name,
        store=store,
        camera="door",
        at=at,
        embedding=Embedding(vector=np.linspace(0, 1, 8, dtype=np.float32), encoder="e@1"),
        prediction=Prediction(ranking=ranking, classifier=3),
        card=card,
    )


@asynccontextmanager
async def open_shop(
    folder: Path, notify: str = "all", timezone: str = "Europe/Moscow", others: int = 0
) -> AsyncIterator[Shop]:
    """`others`: so many stores more, with somebody who waits in each."""
    stores = [
        Store.model_validate(
            {"id": name, "name": name, "departments": ["Toys", "Cars"], "notify": notify, "timezone": timezone}
        )
        for name in ("a", "b", *(f"other-{number}" for number in range(others)))
    ]
    clock = Clock()
    async with Database.open(folder / "amiko.db") as database:
        async with database.transaction() as connection:
            for person, name in ((ANNA, "Anna"), (BORIS, "Boris"), (VERA, "Vera")):
                await assistants.add(connection, store="a", name=name, username=None, telegram_id=person, now=clock.now)
            await assistants.add(connection, store="b", name="Gleb", username="Gleb_B", telegram_id=None, now=clock.now)
            for number in range(others):
                added = await assistants.add(
                    connection,
                    store=f"other-{number}",
                    name=f"№{number}",
                    username=None,
                    telegram_id=9000 + number,
                    now=clock.now,
                )
                await assistants.set_state(connection, added.id, AssistantState.WAITING, now=clock.now)
        everything = Settings(telegram=Telegram(token=SecretStr("1:a"), admins=[ADMIN]), stores=stores)
        yield Shop(AssistantRegistry(everything, database, clock), database, clock, everything)
