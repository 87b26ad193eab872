import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from actors.registry import AssistantRegistry
from domain.errors import InputError, NotRegisteredError
from domain.records import (
    NOT_A_CUSTOMER,
    AssistantState,
    Embedding,
    Notice,
    NoticeKind,
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


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as opened:
        yield opened


@pytest.fixture
async def one_each(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, notify="one") as opened:
        yield opened


@pytest.fixture(params=["all", "one"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, notify=request.param) as opened:
        yield opened


# -- who hears --------------------------------------------------------------------------------------------


async def test_who_waits_hears_of_a_visit_and_goes_on_waiting(either: Shop) -> None:
    assert await either.wait(ANNA)
    await either.registry.announce(visit("v1"))
    (notification,) = await either.queued()
    assert (notification.chat, notification.visit, notification.bot) == (ANNA, "v1", "main")
    assert (notification.number, notification.camera, notification.came_at) == (1, "door", 1_000_000.0)
    assert (notification.revision, notification.shown) == (1, None)
    assert notification.departments == ("Toys", "Cars")
    assert notification.prediction is not None
    assert notification.prediction.ranking[0] == Ranked(department="Toys", probability=0.75)
    assert (await either.states())[ANNA] is WAITING


async def test_announcing_twice_is_announcing_once(either: Shop) -> None:
    await either.wait(ANNA)
    for _ in range(3):
        await either.registry.announce(visit("v1"))
    assert len(await either.queued()) == 1


async def test_told_to_all_everybody_who_waits_hears(shop: Shop) -> None:
    for person in (BORIS, ANNA):
        await shop.wait(person)
    await shop.registry.announce(visit("v1"))
    assert await shop.told() == [BORIS, ANNA]


async def test_told_one_after_the_other_who_has_waited_longest_goes_first(one_each: Shop) -> None:
    for person in (BORIS, ANNA, VERA):
        await one_each.wait(person)
    # who has been asked goes to the end of the line, even without an answer
    for number, person in enumerate((BORIS, ANNA, VERA, BORIS)):
        one_each.clock.now += 1
        await one_each.registry.announce(visit(f"v{number}"))
        assert await one_each.told() == [person]
        one_each.clock.now += LIFETIME_S


@pytest.mark.parametrize("notify", ["all", "one"])
async def test_who_knows_the_predicted_department_comes_first(tmp_path: Path, notify: str) -> None:
    async with open_shop(tmp_path, notify=notify) as shop:
        for person in (BORIS, ANNA, VERA):
            await shop.wait(person)
        standing = await shop.registry.know(telegram_id=VERA, departments=["Toys", "Spaceships"])
        assert (standing.assistant.departments, standing.changed) == (("Toys",), True)
        await shop.registry.know(telegram_id=BORIS, departments=["Cars"])
        await shop.registry.announce(visit("v1"))
        assert await shop.told() == ([VERA, BORIS, ANNA] if notify == "all" else [VERA])


async def test_after_fifteen_seconds_without_an_answer_the_next_hears_as_well(one_each: Shop) -> None:
    for person in (BORIS, ANNA, VERA):
        await one_each.wait(person)
    await one_each.registry.announce(visit("v1"))
    assert await one_each.told() == [BORIS]
    one_each.clock.now += OFFER_S - 0.1
    assert await one_each.told() == []
    one_each.clock.now += 0.1
    assert await one_each.told() == [ANNA]
    one_each.clock.now += OFFER_S
    assert await one_each.told() == [VERA]
    one_each.clock.now += OFFER_S
    assert await one_each.told() == [], "nobody is left"
    # the first keeps the buttons
    assert (await one_each.take(BORIS, "v1")).state is NotificationState.TAKEN


async def test_a_declined_visit_goes_to_the_next_at_once(one_each: Shop) -> None:
    for person in (BORIS, ANNA):
        await one_each.wait(person)
    await one_each.registry.announce(visit("v1"))
    assert await one_each.told() == [BORIS]
    for _ in range(2):
        assert (await one_each.decline(BORIS, "v1")).state is NotificationState.DECLINED
    assert await one_each.told() == [ANNA]
    assert (await one_each.states())[BORIS] is WAITING


async def test_who_has_not_answered_yet_is_not_asked_about_another(one_each: Shop) -> None:
    await one_each.wait(ANNA)
    await one_each.registry.announce(visit("v1"))
    await one_each.registry.announce(visit("v2"))
    assert [one.visit for one in await one_each.deliver()] == ["v1"]
    await one_each.decline(ANNA, "v1")
    assert [one.visit for one in await one_each.deliver()] == ["v2"]


async def test_whose_hands_come_free_hears_of_who_still_stands_there(one_each: Shop) -> None:
    for person in (ANNA, BORIS):
        await one_each.wait(person)
    await one_each.registry.announce(visit("v1"))
    await one_each.told()
    one_each.clock.now += OFFER_S
    assert await one_each.told() == [BORIS]
    await one_each.registry.announce(visit("v2"))
    assert await one_each.told() == [], "both think about the first"
    await one_each.take(ANNA, "v1")
    assert await one_each.told() == [BORIS]


async def test_other_stores_visitors_are_not_ones_own(either: Shop) -> None:
    await either.wait(ANNA)
    await either.registry.announce(visit("v1", store="b"))
    assert await either.queued() == []


async def test_an_unknown_store_is_refused(shop: Shop) -> None:
    with pytest.raises(InputError, match="no store 'c'"):
        await shop.registry.announce(visit("v1", store="c"))


async def test_a_visitor_whom_nobody_waited_for_is_told_to_the_next_who_does(either: Shop) -> None:
    await either.registry.announce(visit("v1"))
    assert await either.queued() == []
    assert await either.wait(ANNA)
    assert [one.visit for one in await either.queued()] == ["v1"]


async def test_so_is_one_whom_all_have_declined(either: Shop) -> None:
    await either.wait(ANNA)
    await either.registry.announce(visit("v1"))
    await either.told()
    await either.decline(ANNA, "v1")
    await either.wait(BORIS)
    assert await either.told() == [BORIS]


async def test_but_not_after_a_minute_and_not_once_somebody_goes(either: Shop) -> None:
    await either.registry.announce(visit("v1"))
    either.clock.now += LIFETIME_S
    await either.wait(ANNA)
    assert await either.queued() == []
    await either.registry.announce(visit("v2"))
    await either.told()
    await either.take(ANNA, "v2")
    await either.wait(BORIS)
    assert await either.queued() == []


async def test_a_declined_visit_does_not_come_back_to_the_same_person(either: Shop) -> None:
    await either.wait(ANNA)
    await either.registry.announce(visit("v1"))
    await either.told()
    await either.decline(ANNA, "v1")
    await either.pause(ANNA)
    await either.wait(ANNA)
    assert await either.queued() == []


# -- states -----------------------------------------------------------------------------------------------


async def test_waiting_twice_is_told(shop: Shop) -> None:
    assert await shop.wait(ANNA)
    assert not await shop.wait(ANNA)
    assert await shop.pause(ANNA)
    assert not await shop.pause(ANNA)
    assert (await shop.registry.standing(telegram_id=ANNA)).assistant.state is OFF


async def test_the_same_update_twice_has_the_same_answer(shop: Shop) -> None:
    for _ in range(2):
        assert (await shop.registry.wait(telegram_id=ANNA, update=7)).changed
    assert not (await shop.registry.wait(telegram_id=ANNA, update=8)).changed
    for _ in range(2):
        assert (await shop.registry.pause(telegram_id=ANNA, update=9)).changed


async def test_updates_that_come_again_do_not_undo_what_came_after(shop: Shop) -> None:
    await shop.registry.wait(telegram_id=ANNA, update=7)
    await shop.registry.pause(telegram_id=ANNA, update=8)
    again = await shop.registry.wait(telegram_id=ANNA, update=7)
    assert (again.changed, again.assistant.state) == (True, OFF), "the truth of now"


async def test_a_stranger_is_refused(shop: Shop) -> None:
    with pytest.raises(NotRegisteredError):
        await shop.registry.login(telegram_id=STRANGER, username="somebody", name="Somebody", language="ru")
    for call in (shop.registry.wait, shop.registry.pause):
        with pytest.raises(NotRegisteredError):
            await call(telegram_id=STRANGER, update=1)
    for ask in (shop.registry.standing, shop.registry.day):
        with pytest.raises(NotRegisteredError):
            await ask(telegram_id=STRANGER)


async def test_a_login_by_user_name_binds_the_number(shop: Shop) -> None:
    login = shop.registry.login
    bound = await login(telegram_id=GLEB, username="gleb_b", name="Г", language="en")
    assert (bound.telegram_id, bound.store, bound.language) == (GLEB, "b", "en")
    # the same name in somebody else's hands is no key any more
    with pytest.raises(NotRegisteredError):
        await login(telegram_id=51, username="Gleb_B", name="Вор", language="ru")
    # and a new user name is noted at the next login
    again = await login(telegram_id=GLEB, username="gleb_new", name="Г", language="ru")
    assert (again.id, again.username, again.language) == (bound.id, "gleb_new", "ru")


async def test_a_user_name_that_passes_on_takes_nobody_off_the_list(shop: Shop) -> None:
    for person in (ANNA, BORIS):
        await shop.registry.login(telegram_id=person, username="well_known", name="?", language="ru")
    names = {one.telegram_id: one.username for one in await shop.registry.assistants()}
    assert (names[ANNA], names[BORIS]) == (None, "well_known")


async def test_a_pause_declines_what_was_not_answered(either: Shop) -> None:
    for person in (ANNA, BORIS):
        await either.wait(person)
    await either.registry.announce(visit("v1"))
    told = await either.told()
    assert told[0] == ANNA
    assert await either.pause(ANNA)
    assert (await either.take(ANNA, "v1")).state is NotificationState.DECLINED
    assert BORIS in [*told, *(await either.told())]


# -- taking and answering ---------------------------------------------------------------------------------


async def test_the_first_takes_the_visit_and_the_others_read_who_it_is(shop: Shop) -> None:
    for person in (ANNA, BORIS, VERA):
        await shop.wait(person)
    await shop.registry.announce(visit("v1"))
    assert len(await shop.told()) == 3
    for _ in range(2):
        taken = await shop.take(ANNA, "v1")
        assert (taken.state, taken.met_by, taken.revision) == (NotificationState.TAKEN, None, 2)
    late = await shop.take(BORIS, "v1")
    assert (late.state, late.met_by) == (NotificationState.EXPIRED, "Anna")
    assert (await shop.decline(VERA, "v1")).state is NotificationState.EXPIRED
    assert await shop.states() == {ANNA: BUSY, BORIS: WAITING, VERA: WAITING}
    assert {one.chat: one.state for one in await shop.edits()} == {
        ANNA: NotificationState.TAKEN,
        BORIS: NotificationState.EXPIRED,
        VERA: NotificationState.EXPIRED,
    }


async def test_of_two_at_the_same_moment_exactly_one_takes(shop: Shop) -> None:
    for person in (ANNA, BORIS):
        await shop.wait(person)
    await shop.registry.announce(visit("v1"))
    await shop.told()
    # as two processes' registries would, on two connections
    async with Database.open(Path((await shop.database.read("PRAGMA database_list"))[0]["file"])) as other:
        second = AssistantRegistry(shop.settings, other, shop.clock)
        ends = await asyncio.gather(
            shop.take(ANNA, "v1"),
            second.take(notification=shop.sent[BORIS, "v1"], telegram_id=BORIS),
        )
    assert sorted(one.state for one in ends) == [NotificationState.EXPIRED, NotificationState.TAKEN]


async def test_a_press_that_overtakes_the_mark_is_kept_and_the_message_changes(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    (queued,) = await shop.queued()
    await shop.registry.take(notification=queued.id, telegram_id=ANNA)
    await shop.registry.mark_sent(notification=queued.id, message=77, revision=queued.revision)
    assert await shop.counts() == {"taken": 1}
    (edit,) = await shop.edits()
    assert (edit.message, edit.shown, edit.revision) == (77, 1, 2)
    await shop.registry.mark_shown(notification=edit.id, message=edit.message, revision=edit.revision)
    assert await shop.edits() == []


async def test_an_answer_is_kept_and_may_be_corrected_for_an_hour(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    await shop.told()
    taken = await shop.take(ANNA, "v1")
    assert taken.answerable_until == shop.clock.now + HOUR_S
    for answer in ("Cars", "Cars", NOT_A_CUSTOMER, "Toys"):
        assert (await shop.answer(ANNA, "v1", answer)).answer == answer
    assert (await shop.answer(ANNA, "v1", "no such department")).answer == "Toys"
    shop.clock.now += HOUR_S
    assert (await shop.answer(ANNA, "v1", "Cars")).answer == "Cars"
    shop.clock.now += 1
    assert (await shop.answer(ANNA, "v1", "Toys")).answer == "Cars"


@pytest.mark.parametrize("end", ["queued", "sent", "declined", "expired", "met by another"])
async def test_what_was_not_taken_has_no_answer(shop: Shop, end: str) -> None:
    for person in (ANNA, BORIS):
        await shop.wait(person)
    await shop.registry.announce(visit("v1"))
    numbers = {one.chat: one.id for one in await shop.queued()}
    if end != "queued":
        await shop.told()
    if end == "declined":
        await shop.decline(ANNA, "v1")
    elif end == "expired":
        shop.clock.now += LIFETIME_S
    elif end == "met by another":
        await shop.take(BORIS, "v1")
    answered = await shop.registry.answer(notification=numbers[ANNA], telegram_id=ANNA, answer="Toys")
    assert answered.answer is None
    assert answered.answerable_until is None
    assert await learned(shop) == []


async def learned(shop: Shop) -> list[tuple[str, str, str]]:
    rows = await shop.database.read("SELECT id, department, origin FROM samples ORDER BY id")
    return [(row["id"], row["department"], row["origin"]) for row in rows]


async def test_an_answer_makes_a_sample_and_a_correction_changes_it(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    await shop.told()
    await shop.take(ANNA, "v1")
    for answer, expected in (
        ("Toys", [("visit:v1", "Toys", "assistant")]),
        ("Cars", [("visit:v1", "Cars", "assistant")]),
        (NOT_A_CUSTOMER, []),
    ):
        await shop.answer(ANNA, "v1", answer)
        assert await learned(shop) == expected


async def test_somebody_elses_notification_is_refused(shop: Shop) -> None:
    await shop.registry.login(telegram_id=GLEB, username="gleb_b", name="Г", language="ru")
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    (queued,) = await shop.queued()
    for person, number in ((BORIS, queued.id), (GLEB, queued.id), (STRANGER, queued.id), (ANNA, 4711)):
        for call in (shop.registry.take, shop.registry.decline):
            with pytest.raises(NotRegisteredError):
                await call(notification=number, telegram_id=person)
        with pytest.raises(NotRegisteredError):
            await shop.registry.answer(notification=number, telegram_id=person, answer="Toys")
    assert await shop.counts() == {"queued": 1}


# -- the outbox -------------------------------------------------------------------------------------------


async def test_what_nobody_takes_in_time_expires_sent_or_not(shop: Shop) -> None:
    for person in (ANNA, BORIS):
        await shop.wait(person)
    await shop.registry.announce(visit("v1"))
    first, _ = await shop.queued()
    await shop.registry.mark_sent(notification=first.id, message=5, revision=first.revision)
    shop.clock.now += LIFETIME_S
    assert await shop.queued() == []
    assert await shop.counts() == {"expired": 2}
    (edit,) = await shop.edits()
    assert (edit.id, edit.state, edit.met_by) == (first.id, NotificationState.EXPIRED, None)
    for person in (ANNA, BORIS):
        assert (await shop.states())[person] is WAITING


async def test_edits_are_given_up_after_ten_minutes(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    await shop.told()
    await shop.take(ANNA, "v1")
    assert len(await shop.edits()) == 1
    shop.clock.now += 600
    assert await shop.edits() == []


async def test_a_second_copy_shows_what_it_was_sent_with(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    await shop.told()
    await shop.take(ANNA, "v1")
    (edit,) = await shop.edits()
    await shop.registry.mark_shown(notification=edit.id, message=edit.message, revision=2)
    await shop.registry.mark_sent(notification=edit.id, message=edit.message or 0, revision=1)
    assert await shop.edits() == [], "a mark that comes late takes nothing back"
    await shop.registry.mark_sent(notification=edit.id, message=999, revision=1)
    assert [one.message for one in await shop.edits()] == [999]


async def test_who_blocked_the_bot_is_off_and_the_admins_hear(either: Shop) -> None:
    for person in (ANNA, BORIS):
        await either.wait(person)
    await either.registry.announce(visit("v1"))
    first = (await either.queued())[0]
    for _ in range(2):
        await either.registry.mark_failed(notification=first.id, reason="blocked", blocked=True)
    assert await either.told() == [BORIS]
    assert (await either.states())[ANNA] is OFF
    (notice,) = await either.notices()
    assert (notice.chat, notice.kind, notice.values) == (ADMIN, NoticeKind.BLOCKED, {"name": "Anna", "store": "a"})


async def test_what_telegram_dislikes_fails_and_switches_nobody_off(either: Shop) -> None:
    for person in (ANNA, BORIS):
        await either.wait(person)
    await either.registry.announce(visit("v1"))
    first = (await either.queued())[0]
    await either.registry.mark_failed(notification=first.id, reason="Bad Request", blocked=False)
    assert await either.told() == [BORIS]
    assert (await either.states())[ANNA] is WAITING
    assert await either.notices() == []
    # the edit of one that was sent is given up, and its state stays
    await either.take(BORIS, "v1")
    (edit,) = await either.edits()
    await either.registry.mark_failed(notification=edit.id, reason="Bad Request", blocked=False)
    assert await either.edits() == []
    assert await either.counts() == {"failed": 1, "taken": 1}


async def test_each_bot_has_an_outbox_of_its_own(shop: Shop) -> None:
    stores = [shop.settings.stores[0], shop.settings.stores[1].model_copy(update={"bot": "second"})]
    shop.settings = shop.settings.model_copy(update={"stores": stores})
    shop.restart()
    await shop.registry.login(telegram_id=GLEB, username="gleb_b", name="Г", language="ru")
    for person in (ANNA, GLEB):
        await shop.wait(person)
    await shop.registry.announce(visit("v1"))
    await shop.registry.announce(visit("v2", store="b"))
    for bot, expected in (("main", "v1"), ("second", "v2")):
        held = await shop.registry.outbox(bot=bot, seen=None, wait_s=0)
        assert [one.visit for one in held.notifications] == [expected]


@pytest.mark.parametrize("what", ["visit", "press", "expiry", "offer"])
async def test_the_outbox_wakes_up_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    async with open_shop(tmp_path, notify="one") as opened:
        store = opened.settings.stores[0].model_copy(update={"notification_lifetime_s": 0.6, "offer_s": 0.2})
        clock = Clock(time.time())
        registry = AssistantRegistry(opened.settings.model_copy(update={"stores": [store]}), opened.database, clock)
        await registry.wait(telegram_id=ANNA, update=1)
        if what in {"press", "expiry"}:
            await registry.announce(visit("v1"))
        held = await registry.outbox(bot="main", seen=None, wait_s=0)
        for one in held.notifications:
            await registry.mark_sent(notification=one.id, message=1, revision=one.revision)
        if what == "offer":
            await registry.wait(telegram_id=BORIS, update=2)
            await registry.announce(visit("v1"))
            held = await registry.outbox(bot="main", seen=held.version, wait_s=0)
        asked = asyncio.create_task(registry.outbox(bot="main", seen=held.version, wait_s=30))
        await asyncio.sleep(0)
        # nothing fell due until now, however long that took
        began, then = clock.now, time.monotonic()
        monkeypatch.setattr(registry, "_clock", lambda: began + time.monotonic() - then)
        if what == "visit":
            await registry.announce(visit("v1"))
        elif what == "press":
            await registry.take(notification=held.notifications[0].id, telegram_id=ANNA)
        news = await asyncio.wait_for(asked, 10)
        assert news.version != held.version
        assert len(news.notifications) == (2 if what == "offer" else 1)


async def test_an_outbox_without_news_stays_silent_whatever_it_holds(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    held = await shop.outbox()
    assert held.notifications
    asked = asyncio.create_task(shop.registry.outbox(bot="main", seen=held.version, wait_s=30))
    await asyncio.sleep(0.05)
    assert not asked.done()
    asked.cancel()
    # another process' registry has other versions: it answers at once
    shop.restart()
    again = await asyncio.wait_for(shop.registry.outbox(bot="main", seen=held.version, wait_s=30), 10)
    assert again.notifications == held.notifications


async def test_a_card_is_in_memory_alone(shop: Shop, tmp_path: Path) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1", card=b"PICTURE-OF-A-PERSON"))
    (queued,) = await shop.queued()
    assert queued.card == b"PICTURE-OF-A-PERSON"
    files = list(tmp_path.glob("amiko.db*"))
    assert files
    assert all(b"PICTURE-OF-A-PERSON" not in path.read_bytes() for path in files)


async def test_a_killed_registry_loses_nothing(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.wait(ANNA)
        await shop.registry.announce(visit("v1"))
        # as after a kill: the database is not closed, another process opens it
        async with Database.open(tmp_path / "amiko.db") as other:
            registry = AssistantRegistry(shop.settings, other, shop.clock)
            held = await registry.outbox(bot="main", seen=None, wait_s=0)
            assert [one.visit for one in held.notifications] == ["v1"]


# -- visits -----------------------------------------------------------------------------------------------


async def test_a_camera_whose_clock_is_far_behind_is_heard(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1", at=0.0))
    assert [one.visit for one in await shop.queued()] == ["v1"]


async def test_old_visits_are_forgotten(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("old"))
    shop.clock.now += 91 * 24 * 3600
    await shop.registry.announce(visit("new", at=shop.clock.now))
    assert [row["id"] for row in await shop.database.read("SELECT id FROM visits")] == ["new"]
    assert (await shop.database.read("SELECT COUNT(*) AS n FROM notifications WHERE visit = 'old'"))[0]["n"] == 0


@pytest.mark.parametrize("timezone", ["Europe/Moscow", "America/New_York", "UTC"])
async def test_visits_are_numbered_by_the_stores_day(tmp_path: Path, timezone: str) -> None:
    # midnight in Moscow is 21:00 UTC, in New York (summer) 04:00 UTC
    midnight = {"Europe/Moscow": 21, "America/New_York": 4, "UTC": 0}[timezone]
    at = datetime(2026, 7, 2, midnight, tzinfo=UTC).timestamp()
    async with open_shop(tmp_path, timezone=timezone) as shop:
        await shop.wait(ANNA)
        for name, ago in (("v1", 7200.0), ("v2", 1.0), ("v3", 0.0), ("v4", -60.0)):
            shop.clock.now = at - ago
            await shop.registry.announce(visit(name, at=at - ago))
            await shop.registry.announce(visit(f"{name}b", store="b", at=at - ago))
        rows = await shop.database.read("SELECT id, number FROM visits WHERE store = 'a' ORDER BY id")
        assert [row["number"] for row in rows] == [1, 2, 1, 2]


@pytest.mark.parametrize("notify", ["all", "one"])
async def test_no_question_goes_through_all_there_ever_was(tmp_path: Path, notify: str) -> None:
    """SQLite says how it would answer each; tables that grow are never gone through from end to end."""
    async with open_shop(tmp_path, notify=notify) as shop:
        asked: set[str] = set()
        await shop.database._connection.set_trace_callback(asked.add)
        for person in (ANNA, BORIS):
            await shop.wait(person)
        await shop.registry.announce(visit("v1"))
        await shop.told()
        await shop.decline(ANNA, "v1")
        await shop.told()
        await shop.take(BORIS, "v1")
        await shop.answer(BORIS, "v1", "Toys")
        await shop.edits()
        await shop.pause(ANNA)
        await shop.registry.day(telegram_id=ANNA)
        await shop.registry.report(store="a", days=3)
        await shop.registry.stores()
        await shop.registry.status()
        await shop.registry.see_cameras(lost=[("a", "door")])
        await shop.notices()
        await shop.database._connection.set_trace_callback(None)
        questions = [one for one in asked if one.startswith(("SELECT", "UPDATE", "DELETE", "INSERT"))]
        assert len(questions) > 30
        plans = [
            (row["detail"], question)
            for question in questions
            for row in await shop.database.read(f"EXPLAIN QUERY PLAN {question}")
        ]
        # what is queued, and what is to be edited, is an index of its own and small; so is the staff
        small = r"json_each|notifications_(queued|stale)|assistants|SCAN (a|t)$|CONSTANT ROW"
        gone_through = [plan for plan in plans if plan[0].startswith("SCAN") and not re.search(small, plan[0])]
        assert not gone_through


@pytest.mark.parametrize("notify", ["all", "one"])
async def test_a_visit_costs_the_same_with_many_stores_as_with_few(tmp_path: Path, notify: str) -> None:
    """Counted in SQLite's own steps: announced, sent, expired, among few stores and among many with staff of theirs."""
    steps = {}
    for others in (3, 300):
        (folder := tmp_path / f"{others}").mkdir()
        async with open_shop(folder, notify=notify, others=others) as shop:
            for number in range(3):
                await shop.registry.announce(visit(f"before-{number}", store=f"other-{number}", at=shop.clock.now))
            await shop.wait(ANNA)
            counted = []
            await shop.database._connection.set_progress_handler(lambda counted=counted: counted.append(1), 1)
            await shop.registry.announce(visit("v1", at=shop.clock.now))
            await shop.told()
            shop.clock.now += 61
            await shop.edits()
            await shop.database._connection.set_progress_handler(None, 1)
            steps[others] = len(counted)
    assert steps[3] == steps[300]


# -- whatever happens -------------------------------------------------------------------------------------

STEPS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([ANNA, BORIS, VERA])),
    st.tuples(st.just("pause"), st.sampled_from([ANNA, BORIS, VERA])),
    st.tuples(st.just("visit"), st.integers(0, 9)),
    st.tuples(st.just("send"), st.integers(0, 5)),
    st.tuples(st.just("take"), st.integers(0, 5)),
    st.tuples(st.just("decline"), st.integers(0, 5)),
    st.tuples(st.just("fail"), st.integers(0, 5)),
    st.tuples(st.just("later"), st.integers(1, 90)),
    st.tuples(st.just("restart"), st.just(0)),
)


@given(st.lists(STEPS, max_size=30), st.sampled_from(["all", "one"]))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_happens_nobody_stands_there_unheard_of(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], notify: str
) -> None:
    asyncio.run(check_invariants(tmp_path_factory.mktemp("shop"), steps, notify))


async def act(shop: Shop, step: str, number: int, chosen: Notification | None) -> None:
    match step:
        case "wait":
            await shop.wait(number)
        case "pause":
            await shop.pause(number)
        case "visit":
            await shop.registry.announce(visit(f"v{number}"))
        case "later":
            shop.clock.now += number
        case "restart":
            shop.restart()
        case "send" if chosen:
            await shop.registry.mark_sent(notification=chosen.id, message=number, revision=chosen.revision)
        case "take" if chosen:
            await shop.registry.take(notification=chosen.id, telegram_id=chosen.chat)
        case "decline" if chosen:
            await shop.registry.decline(notification=chosen.id, telegram_id=chosen.chat)
        case "fail" if chosen:
            await shop.registry.mark_failed(notification=chosen.id, reason="blocked", blocked=bool(number % 2))


async def check_invariants(folder: Path, steps: list[tuple[str, int]], notify: str) -> None:
    async with open_shop(folder, notify=notify) as shop:
        known: dict[int, Notification] = {}
        ended: dict[int, NotificationState] = {}
        for step, number in steps:
            known |= {one.id: one for one in (await shop.outbox()).notifications}
            chosen = list(known.values())[number % len(known)] if known else None
            await act(shop, step, number, chosen)
            rows = await shop.database.read("SELECT id, state FROM notifications WHERE state NOT IN ('queued', 'sent')")
            now_ended = {row["id"]: NotificationState(row["state"]) for row in rows}
            # an end is for ever
            assert ended.items() <= now_ended.items()
            ended = now_ended
        await shop.outbox()
        # at most one takes a visit, and nobody is asked about it then
        rows = await shop.database.read(
            "SELECT visit, SUM(state = 'taken') AS taken, SUM(state IN ('queued', 'sent')) AS asked"
            " FROM notifications GROUP BY visit"
        )
        assert all(row["taken"] <= 1 and not (row["taken"] and row["asked"]) for row in rows)
        # nobody waits, free for a visitor, while a visit that they could hear of is open and nobody's to think about
        free = (
            ""
            if notify == "all"
            else (
                " AND NOT EXISTS (SELECT 1 FROM notifications WHERE assistant = a.id AND state IN ('queued', 'sent'))"
                " AND v.next_offer_at IS NULL"
            )
        )
        unheard = await shop.database.read(
            "SELECT v.id, a.name FROM visits v JOIN assistants a ON a.store = v.store WHERE v.open_until > ?"
            " AND a.state = 'waiting' AND NOT EXISTS"
            f" (SELECT 1 FROM notifications n WHERE n.visit = v.id AND n.assistant = a.id){free}",
            (shop.clock.now,),
        )
        assert not unheard


async def test_a_visit_that_comes_late_has_what_is_left_of_its_time(shop: Shop) -> None:
    await shop.registry.announce(visit("v1"), age_s=LIFETIME_S - 10)
    await shop.wait(ANNA)
    assert [one.visit for one in await shop.queued()] == ["v1"]
    shop.clock.now += 10
    assert await shop.queued() == []


async def test_a_visit_that_comes_too_late_is_recorded_and_told_to_nobody(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"), age_s=LIFETIME_S)
    assert await shop.queued() == []
    assert (await shop.registry.status())["a"]["visits"] == 1
