"""What the bot may rely on, of the real registry and of the stand-in in memory alike."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from support.chats import ANNA, BORIS, DEPARTMENTS, STRANGER, assistant, prediction

from actors.registry import AssistantRegistry
from bot.registry import Registry
from bot.testing import MemoryRegistry
from domain.errors import NotRegisteredError
from domain.records import NOT_A_CUSTOMER, NotificationState, Visit
from domain.settings import Settings, Store, Telegram
from storage import assistants
from storage.database import Database


@dataclass
class Desk:
    registry: Registry
    #: A visitor comes in while Anna waits; the visitor's notification expires after so many seconds.
    visitor: Callable[[float], Awaitable[None]]

    async def queued(self, lifetime_s: float = 60) -> int:
        """Anna waits, a visitor comes; the notification's number."""
        await self.registry.wait(telegram_id=ANNA, update=time.monotonic_ns())
        await self.visitor(lifetime_s)
        (one,) = await self.registry.outbox(wait_s=0)
        return one.id


async def in_memory(_: Path) -> AsyncIterator[Desk]:
    registry = MemoryRegistry([assistant(1, ANNA), assistant(2, None, username="boris")], DEPARTMENTS)

    async def visitor(lifetime_s: float) -> None:
        registry.announce(prediction(), telegram_id=ANNA, lifetime_s=lifetime_s)

    yield Desk(registry, visitor)


async def in_a_database(folder: Path) -> AsyncIterator[Desk]:
    late = 0.0
    store = Store(id="spb-1", name="Амико", departments=list(DEPARTMENTS), notification_lifetime_s=60)
    settings = Settings(telegram=Telegram(token=SecretStr("1:a")), stores=[store])
    async with Database.open(folder / "amiko.db") as database:
        async with database.transaction() as connection:
            for name, username, telegram_id in (("Анна", None, ANNA), ("Борис", "boris", None)):
                await assistants.add(
                    connection, store="spb-1", name=name, username=username, telegram_id=telegram_id, now=0.0
                )

        async def visitor(lifetime_s: float) -> None:
            nonlocal late
            name = f"visit-{time.monotonic_ns()}"
            await registry.announce(
                Visit(id=name, store="spb-1", camera="door", at=time.time(), prediction=prediction())
            )
            # The store's lifetime is a setting; the clock goes on instead.
            late += 60 - lifetime_s if lifetime_s < 1 else 0

        registry = AssistantRegistry(settings, database, clock=lambda: time.time() + late)
        yield Desk(registry, visitor)


@pytest.fixture(params=[in_memory, in_a_database], ids=["memory", "database"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    async for made in request.param(tmp_path):
        yield made


async def test_people_are_recognised_by_id_and_by_user_name(desk):
    anna = await desk.registry.login(telegram_id=ANNA, username="anna", name="A", language="en")
    assert (anna.telegram_id, anna.username, anna.language) == (ANNA, "anna", "en")
    boris = await desk.registry.login(telegram_id=BORIS, username="boris", name="B", language="ru")
    assert boris.telegram_id == BORIS
    assert await desk.registry.wait(telegram_id=BORIS, update=1)


async def test_a_user_name_that_has_found_its_owner_lets_nobody_else_in(desk):
    await desk.registry.login(telegram_id=BORIS, username="boris", name="B", language="ru")
    with pytest.raises(NotRegisteredError):
        await desk.registry.login(telegram_id=STRANGER, username="boris", name="B", language="ru")


async def test_strangers_are_refused(desk):
    with pytest.raises(NotRegisteredError):
        await desk.registry.login(telegram_id=STRANGER, username=None, name="X", language="ru")
    with pytest.raises(NotRegisteredError):
        await desk.registry.wait(telegram_id=STRANGER, update=1)
    assert await desk.registry.off(telegram_id=STRANGER, update=1) is False


async def test_waiting_and_not(desk):
    assert await desk.registry.wait(telegram_id=ANNA, update=1) is True
    assert await desk.registry.wait(telegram_id=ANNA, update=2) is False
    assert await desk.registry.off(telegram_id=ANNA, update=3) is True
    assert await desk.registry.off(telegram_id=ANNA, update=4) is False


async def test_the_same_update_has_the_same_answer_and_changes_nothing_more(desk):
    for _ in range(2):
        assert await desk.registry.wait(telegram_id=ANNA, update=1) is True
    for _ in range(2):
        assert await desk.registry.off(telegram_id=ANNA, update=2) is True
    assert await desk.registry.off(telegram_id=ANNA, update=3) is False


async def test_the_outbox_waits_for_something_and_holds_it_until_it_is_marked(desk):
    begin = time.monotonic()
    assert await desk.registry.outbox(wait_s=0.05) == []
    assert time.monotonic() - begin >= 0.04
    await desk.registry.wait(telegram_id=ANNA, update=1)
    asked = asyncio.create_task(desk.registry.outbox(wait_s=30))
    await asyncio.sleep(0)
    await desk.visitor(60)
    (one,) = await asyncio.wait_for(asked, 10)
    assert (one.chat, one.state, one.departments) == (ANNA, NotificationState.QUEUED, DEPARTMENTS)
    assert [again.id for again in await desk.registry.outbox(wait_s=30)] == [one.id]
    await desk.registry.mark_sent(notification=one.id, message=7)
    assert await desk.registry.outbox(wait_s=0) == []


@pytest.mark.parametrize("marked", [True, False])
async def test_going_and_answering_may_be_repeated_and_come_before_the_mark(desk, marked):
    number = await desk.queued()
    if marked:
        await desk.registry.mark_sent(notification=number, message=7)
    for _ in range(2):
        taken = await desk.registry.take(notification=number, telegram_id=ANNA)
        assert taken.state is NotificationState.TAKEN
    await desk.registry.mark_sent(notification=number, message=7)
    for answer in ("Toys", "Toys", NOT_A_CUSTOMER):
        answered = await desk.registry.answer(notification=number, telegram_id=ANNA, answer=answer)
        assert (answered.state, answered.answer) == (NotificationState.TAKEN, answer)
    declined = await desk.registry.decline(notification=number, telegram_id=ANNA)
    assert declined.state is NotificationState.TAKEN, "the first press counts"
    assert await desk.registry.outbox(wait_s=0) == []


async def test_who_declines_waits_again(desk):
    number = await desk.queued()
    for _ in range(2):
        declined = await desk.registry.decline(notification=number, telegram_id=ANNA)
        assert declined.state is NotificationState.DECLINED
    assert (await desk.registry.take(notification=number, telegram_id=ANNA)).state is NotificationState.DECLINED
    assert await desk.registry.wait(telegram_id=ANNA, update=99) is False


async def test_an_expired_one_stays_so(desk):
    await desk.registry.wait(telegram_id=ANNA, update=1)
    await desk.visitor(60)
    (one,) = await desk.registry.outbox(wait_s=0)
    await desk.registry.take(notification=one.id, telegram_id=ANNA)
    await desk.registry.wait(telegram_id=ANNA, update=2)
    await desk.visitor(0)
    assert await desk.registry.outbox(wait_s=0) == []
    expired = one.id + 1
    for act in (desk.registry.take, desk.registry.decline):
        assert (await act(notification=expired, telegram_id=ANNA)).state is NotificationState.EXPIRED


async def test_what_failed_is_no_longer_queued(desk):
    number = await desk.queued()
    for _ in range(2):
        await desk.registry.mark_failed(notification=number, reason="blocked")
    assert await desk.registry.outbox(wait_s=0) == []


async def test_anothers_notification_is_out_of_reach(desk):
    number = await desk.queued()
    await desk.registry.login(telegram_id=BORIS, username="boris", name="B", language="ru")
    for person, one in ((BORIS, number), (STRANGER, number), (ANNA, 10**17)):
        with pytest.raises(NotRegisteredError):
            await desk.registry.take(notification=one, telegram_id=person)
        with pytest.raises(NotRegisteredError):
            await desk.registry.decline(notification=one, telegram_id=person)
        with pytest.raises(NotRegisteredError):
            await desk.registry.answer(notification=one, telegram_id=person, answer="Toys")
