"""A clock that is set forward or back by an hour: nothing is over for it, and nothing is held up."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from support.chats import settings_of, store

from actors.clock import Steps, steady
from actors.registry import AssistantRegistry
from domain.records import Outbox, Visit
from domain.settings import Settings
from storage import assistants, leases, moments
from storage.database import Database

ANNA, BORIS = 1001, 1002
HOURS = pytest.mark.parametrize("by", [3600.0, -3600.0])


class Clock:
    """A wall clock that can be set, and the time that passes."""

    def __init__(self) -> None:
        self.wall, self.passed = 1_000_000.0, 50.0

    def go(self, seconds: float) -> None:
        self.wall += seconds
        self.passed += seconds


class Shop:
    """A registry with two assistants."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings, self.database, self.clock = settings, database, Clock()
        self.registry = self.started()
        self._updates = iter(range(1, 100))

    def started(self) -> AssistantRegistry:
        return AssistantRegistry(self.settings, self.database, lambda: self.clock.wall, lambda: self.clock.passed)

    async def wait(self, *people: int) -> None:
        for person in people:
            self.clock.go(1)
            await self.registry.wait(telegram_id=person, update=next(self._updates))

    async def comes(self, visit: str) -> None:
        await self.registry.announce(Visit(id=visit, store="spb-1", camera="door", at=self.clock.wall))

    async def outbox(self) -> Outbox:
        return await self.registry.outbox(bot="main", seen=None, wait_s=0)

    async def told(self) -> list[tuple[int, str]]:
        """Whom the outbox has something for, and what has become of it."""
        return [(one.chat, one.state.value) for one in (await self.outbox()).notifications]


Open = Callable[..., AbstractAsyncContextManager[Shop]]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    @asynccontextmanager
    async def open_shop(**fields: object) -> AsyncIterator[Shop]:
        async with Database.open(tmp_path / "amiko.db") as database:
            async with database.transaction() as connection:
                for person in (ANNA, BORIS):
                    await assistants.add(
                        connection, store="spb-1", name=f"{person}", username=None, telegram_id=person, now=0
                    )
            yield Shop(settings_of(store(**fields)), database)

    return open_shop


@HOURS
async def test_a_visit_has_its_minute(opened: Open, by: float) -> None:
    async with opened() as shop:
        await shop.wait(ANNA)
        await shop.comes("v")
        shop.clock.go(20)
        shop.clock.wall += by
        (notification,) = (await shop.outbox()).notifications
        assert notification.state == "queued"
        assert notification.expires_at == pytest.approx(shop.clock.wall + 40)
        # what the message says of it: how long ago
        assert shop.clock.wall - notification.came_at == pytest.approx(20)
        shop.clock.go(30)
        await shop.wait(BORIS)
        assert await shop.told() == [(ANNA, "queued"), (BORIS, "queued")]
        shop.clock.go(10)
        await shop.outbox()
        rows = await shop.database.read("SELECT DISTINCT state FROM notifications")
        assert [row["state"] for row in rows] == ["expired"]


@HOURS
async def test_the_next_one_hears_in_time(opened: Open, by: float) -> None:
    async with opened(notify="one", offer_s=15) as shop:
        await shop.wait(ANNA, BORIS)
        await shop.comes("v")
        assert await shop.told() == [(ANNA, "queued")]
        shop.clock.go(5)
        shop.clock.wall += by
        assert await shop.told() == [(ANNA, "queued")]
        shop.clock.go(10.5)
        assert await shop.told() == [(ANNA, "queued"), (BORIS, "queued")]


@HOURS
async def test_a_lease_lasts_as_long_as_it_should(opened: Open, by: float) -> None:
    async with opened() as shop:
        async with shop.database.transaction() as connection:
            await leases.take(connection, "bot", holder="h", now=shop.clock.wall, lasts_s=20, gone=None)
        shop.clock.go(5)
        shop.clock.wall += by
        await shop.outbox()
        (row,) = await shop.database.read("SELECT until FROM leases")
        assert row["until"] == pytest.approx(shop.clock.wall + 15)


@HOURS
async def test_an_answer_may_be_given_for_an_hour(opened: Open, by: float) -> None:
    async with opened() as shop:
        await shop.wait(ANNA)
        await shop.comes("v")
        (told,) = (await shop.outbox()).notifications
        await shop.registry.take(notification=told.id, telegram_id=ANNA)
        shop.clock.go(60)
        shop.clock.wall += by
        answered = await shop.registry.answer(notification=told.id, telegram_id=ANNA, answer="Toys")
        assert answered.answer == "Toys"
        assert answered.answerable_until == pytest.approx(shop.clock.wall + 3540)


async def test_set_back_while_nobody_looked_a_visit_is_held_no_longer_than_a_new_one(opened: Open) -> None:
    async with opened() as shop:
        await shop.wait(ANNA)
        await shop.comes("v")
        shop.clock.wall -= 3600
        shop.registry = shop.started()
        await shop.registry.after_start()
        shop.clock.go(61)
        await shop.outbox()
        rows = await shop.database.read("SELECT state FROM notifications")
        assert [row["state"] for row in rows] == ["expired"]


async def test_a_clock_that_is_slewed_is_followed_and_no_step() -> None:
    clock = Clock()
    steps = Steps(lambda: clock.wall, lambda: clock.passed)
    for _ in range(3):
        clock.go(100)
        clock.wall += 0.5
        assert steps.step() == 0
    clock.wall += 3600
    assert steps.step() == pytest.approx(3601.5)
    assert steps.step() == 0


async def test_what_is_over_stays_as_it_was(opened: Open) -> None:
    async with opened() as shop:
        await shop.wait(ANNA)
        await shop.comes("v")
        shop.clock.go(100)
        await shop.outbox()
        before = await shop.database.read("SELECT at FROM visits")
        async with shop.database.transaction() as connection:
            await moments.shift(connection, by=3600, now=shop.clock.wall + 3600)
        assert await shop.database.read("SELECT at FROM visits") == before


def test_time_only_passes() -> None:
    first = steady()
    assert steady() >= first
