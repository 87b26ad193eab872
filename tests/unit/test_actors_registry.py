import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
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
    Notification,
    NotificationState,
    Prediction,
    Ranked,
    Visit,
)
from domain.settings import Settings, Store, Telegram
from storage import assistants
from storage.database import Database

ANNA, BORIS, VERA = 1, 2, 3
LIFETIME_S = 60.0


@dataclass
class Clock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Shop:
    """A registry with three people on the list of store `a` and one on that of `b`, who does not matter."""

    registry: AssistantRegistry
    database: Database
    clock: Clock
    updates: int = 0

    async def wait(self, person: int) -> bool:
        self.updates += 1
        self.clock.now += 1
        return await self.registry.wait(telegram_id=person, update=self.updates)

    async def off(self, person: int) -> bool:
        self.updates += 1
        return await self.registry.off(telegram_id=person, update=self.updates)

    async def outbox(self) -> list[Notification]:
        return await self.registry.outbox(wait_s=0)

    async def states(self) -> dict[int, AssistantState]:
        async with self.database.transaction() as connection:
            return {one.telegram_id or 0: one.state for one in await assistants.all_of(connection, "a")}

    async def counts(self) -> dict[str, int]:
        return (await self.registry.status())["a"]["notifications"]


def visit(name: str, store: str = "a", card: bytes | None = None) -> Visit:
    ranking = (Ranked(department="Toys", probability=0.75), Ranked(department="Cars", probability=0.25))
    return Visit(
        id=name,
        store=store,
        camera="door",
        at=1_000_000.0,
        embedding=Embedding(vector=np.linspace(0, 1, 8, dtype=np.float32), encoder="e@1"),
        prediction=Prediction(ranking=ranking, classifier=3),
        card=card,
    )


@asynccontextmanager
async def open_shop(folder: Path, notify: str = "longest_waiting") -> AsyncIterator[Shop]:
    stores = [
        Store.model_validate({"id": name, "name": name, "departments": ["Toys", "Cars"], "notify": notify})
        for name in ("a", "b")
    ]
    clock = Clock()
    async with Database.open(folder / "amiko.db") as database:
        async with database.transaction() as connection:
            for person, name in ((ANNA, "Anna"), (BORIS, "Boris"), (VERA, "Vera")):
                await assistants.add(connection, store="a", name=name, username=None, telegram_id=person, now=clock.now)
            await assistants.add(connection, store="b", name="Gleb", username="Gleb_B", telegram_id=None, now=clock.now)
        everything = Settings(telegram=Telegram(token=SecretStr("1:a")), stores=stores)
        yield Shop(AssistantRegistry(everything, database, clock), database, clock)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as opened:
        yield opened


async def test_who_waits_hears_of_a_visit(shop: Shop) -> None:
    assert await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    (notification,) = await shop.outbox()
    assert notification.chat == ANNA
    assert notification.visit == "v1"
    assert notification.departments == ("Toys", "Cars")
    assert notification.prediction is not None
    assert notification.prediction.ranking[0] == Ranked(department="Toys", probability=0.75)
    assert (await shop.states())[ANNA] == AssistantState.BUSY


async def test_announcing_twice_is_announcing_once(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.wait(BORIS)
    for _ in range(3):
        await shop.registry.announce(visit("v1"))
    assert len(await shop.outbox()) == 1


async def test_who_waits_longest_goes_first(shop: Shop) -> None:
    for person in (BORIS, ANNA, VERA):
        await shop.wait(person)
    for name in ("v1", "v2", "v3"):
        await shop.registry.announce(visit(name))
    assert [one.chat for one in await shop.outbox()] == [BORIS, ANNA, VERA]


async def test_everyone_can_be_told(tmp_path: Path) -> None:
    async with open_shop(tmp_path, notify="everyone") as shop:
        await shop.wait(ANNA)
        await shop.wait(VERA)
        await shop.registry.announce(visit("v1"))
        assert [one.chat for one in await shop.outbox()] == [ANNA, VERA]


async def test_other_stores_visitors_are_not_ones_own(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1", store="b"))
    assert await shop.outbox() == []


async def test_an_unknown_store_is_refused(shop: Shop) -> None:
    with pytest.raises(InputError, match="no store 'c'"):
        await shop.registry.announce(visit("v1", store="c"))


async def test_a_visitor_whom_nobody_waited_for_is_told_to_the_next_who_does(shop: Shop) -> None:
    await shop.registry.announce(visit("v1"))
    assert await shop.outbox() == []
    assert await shop.wait(ANNA)
    assert [one.visit for one in await shop.outbox()] == ["v1"]


async def test_but_not_after_a_minute(shop: Shop) -> None:
    await shop.registry.announce(visit("v1"))
    shop.clock.now += LIFETIME_S + 1
    await shop.wait(ANNA)
    assert await shop.outbox() == []
    assert (await shop.states())[ANNA] == AssistantState.WAITING


async def test_waiting_twice_is_told(shop: Shop) -> None:
    assert await shop.wait(ANNA)
    assert not await shop.wait(ANNA)


async def test_who_is_about_to_be_told_waits_already(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    assert not await shop.wait(ANNA)
    await shop.registry.announce(visit("v2"))
    assert [one.visit for one in await shop.outbox()] == ["v1"]


async def test_the_same_update_twice_has_the_same_answer(shop: Shop) -> None:
    assert await shop.registry.wait(telegram_id=ANNA, update=7)
    assert await shop.registry.wait(telegram_id=ANNA, update=7)
    assert not await shop.registry.wait(telegram_id=ANNA, update=8)
    assert await shop.registry.off(telegram_id=ANNA, update=9)
    assert await shop.registry.off(telegram_id=ANNA, update=9)


async def test_a_late_repetition_does_not_undo_what_came_after(shop: Shop) -> None:
    await shop.registry.wait(telegram_id=ANNA, update=7)
    await shop.registry.announce(visit("v1"))
    await shop.registry.wait(telegram_id=ANNA, update=7)
    assert (await shop.states())[ANNA] == AssistantState.BUSY


async def test_a_stranger_is_refused(shop: Shop) -> None:
    with pytest.raises(NotRegisteredError):
        await shop.wait(99)
    with pytest.raises(NotRegisteredError):
        await shop.registry.login(telegram_id=99, username="somebody", name="Somebody", language="ru")
    assert not await shop.off(99)


async def test_a_login_by_user_name_binds_the_number(shop: Shop) -> None:
    login = shop.registry.login
    bound = await login(telegram_id=50, username="gleb_b", name="Г", language="en")
    assert (bound.telegram_id, bound.store, bound.language) == (50, "b", "en")
    # the same name in somebody else's hands is no key any more
    with pytest.raises(NotRegisteredError):
        await login(telegram_id=51, username="Gleb_B", name="Вор", language="ru")
    # and a new user name is noted at the next login
    again = await login(telegram_id=50, username="gleb_new", name="Г", language="ru")
    assert (again.id, again.username, again.language) == (bound.id, "gleb_new", "ru")


async def test_sent_and_taken(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    (queued,) = await shop.outbox()
    await shop.registry.mark_sent(notification=queued.id, message=77)
    assert await shop.outbox() == []
    for _ in range(2):
        taken = await shop.registry.take(notification=queued.id, telegram_id=ANNA)
        assert (taken.state, taken.message) == (NotificationState.TAKEN, 77)


async def test_a_press_that_overtakes_the_mark_is_kept(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    (queued,) = await shop.outbox()
    await shop.registry.take(notification=queued.id, telegram_id=ANNA)
    await shop.registry.mark_sent(notification=queued.id, message=77)
    assert await shop.counts() == {"taken": 1}


async def test_a_declined_visit_goes_to_the_next(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.wait(BORIS)
    await shop.registry.announce(visit("v1"))
    (first,) = await shop.outbox()
    await shop.registry.mark_sent(notification=first.id, message=1)
    for _ in range(2):
        declined = await shop.registry.decline(notification=first.id, telegram_id=ANNA)
        assert declined.state == NotificationState.DECLINED
    (second,) = await shop.outbox()
    assert (second.chat, second.visit) == (BORIS, "v1")
    assert (await shop.states())[ANNA] == AssistantState.WAITING


async def test_a_declined_visit_does_not_come_back_to_the_same_person(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    (first,) = await shop.outbox()
    await shop.registry.decline(notification=first.id, telegram_id=ANNA)
    await shop.off(ANNA)
    await shop.wait(ANNA)
    assert await shop.outbox() == []
    await shop.wait(BORIS)
    assert [one.chat for one in await shop.outbox()] == [BORIS]


async def test_off_hands_on_what_was_not_sent(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.wait(BORIS)
    await shop.registry.announce(visit("v1"))
    assert await shop.off(ANNA)
    (second,) = await shop.outbox()
    assert second.chat == BORIS
    assert (await shop.states())[ANNA] == AssistantState.OFF


async def test_who_blocked_the_bot_is_off_and_the_next_is_told(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.wait(BORIS)
    await shop.registry.announce(visit("v1"))
    (first,) = await shop.outbox()
    for _ in range(2):
        await shop.registry.mark_failed(notification=first.id, reason="blocked")
    (second,) = await shop.outbox()
    assert second.chat == BORIS
    assert (await shop.states())[ANNA] == AssistantState.OFF
    assert await shop.counts() == {"failed": 1, "queued": 1}


async def test_what_is_not_sent_in_time_expires_and_the_assistant_waits_again(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    (late,) = await shop.outbox()
    shop.clock.now += LIFETIME_S + 1
    assert await shop.outbox() == []
    assert await shop.counts() == {"expired": 1}
    assert (await shop.states())[ANNA] == AssistantState.WAITING
    taken = await shop.registry.take(notification=late.id, telegram_id=ANNA)
    assert taken.state == NotificationState.EXPIRED


async def test_an_answer_is_kept_and_may_be_corrected(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    (queued,) = await shop.outbox()
    await shop.registry.take(notification=queued.id, telegram_id=ANNA)
    for answer in ("Cars", "Cars", NOT_A_CUSTOMER):
        answered = await shop.registry.answer(notification=queued.id, telegram_id=ANNA, answer=answer)
        assert answered.answer == answer


async def learned(shop: Shop) -> list[tuple[str, str, str]]:
    rows = await shop.database.read("SELECT id, department, origin FROM samples ORDER BY id")
    return [(row["id"], row["department"], row["origin"]) for row in rows]


async def test_an_answer_makes_a_sample_and_a_correction_changes_it(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    (queued,) = await shop.outbox()
    await shop.registry.take(notification=queued.id, telegram_id=ANNA)
    for answer, expected in (
        ("Toys", [("visit:v1", "Toys", "assistant")]),
        ("Cars", [("visit:v1", "Cars", "assistant")]),
        (NOT_A_CUSTOMER, []),
        ("no longer a department", []),
    ):
        await shop.registry.answer(notification=queued.id, telegram_id=ANNA, answer=answer)
        assert await learned(shop) == expected


async def test_a_camera_whose_clock_is_far_behind_is_heard(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(replace(visit("v1"), at=0.0))
    assert [one.visit for one in await shop.outbox()] == ["v1"]


async def test_old_visits_are_forgotten(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("old"))
    shop.clock.now += 91 * 24 * 3600
    await shop.registry.announce(replace(visit("new"), at=shop.clock.now))
    assert [row["id"] for row in await shop.database.read("SELECT id FROM visits")] == ["new"]
    assert (await shop.database.read("SELECT COUNT(*) AS n FROM notifications WHERE visit = 'old'"))[0]["n"] == 0


async def test_somebody_elses_notification_is_refused(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"))
    (queued,) = await shop.outbox()
    for call in (shop.registry.take, shop.registry.decline):
        with pytest.raises(NotRegisteredError):
            await call(notification=queued.id, telegram_id=BORIS)
    with pytest.raises(NotRegisteredError):
        await shop.registry.answer(notification=queued.id, telegram_id=BORIS, answer="Toys")
    with pytest.raises(NotRegisteredError):
        await shop.registry.take(notification=4711, telegram_id=ANNA)


async def test_the_outbox_wakes_up_for_a_visit(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        registry = AssistantRegistry(
            Settings(telegram=Telegram(token=SecretStr("1:a")), stores=[Store(id="a", name="a", departments=["Toys"])]),
            shop.database,
        )
        await registry.wait(telegram_id=ANNA, update=1)
        waiting = asyncio.create_task(registry.outbox(wait_s=30))
        await asyncio.sleep(0)
        await registry.announce(visit("v1"))
        assert len(await asyncio.wait_for(waiting, 10)) == 1


async def test_a_card_is_in_memory_alone(shop: Shop, tmp_path: Path) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1", card=b"PICTURE-OF-A-PERSON"))
    (queued,) = await shop.outbox()
    assert queued.card == b"PICTURE-OF-A-PERSON"
    files = list(tmp_path.glob("amiko.db*"))
    assert files
    assert all(b"PICTURE-OF-A-PERSON" not in path.read_bytes() for path in files)


async def test_a_killed_registry_loses_nothing(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.wait(ANNA)
        await shop.registry.announce(visit("v1"))
        # as after a kill: the database is not closed, another process opens it
        other = await Database.connect(tmp_path / "amiko.db")
        store = Store(id="a", name="a", departments=["Toys", "Cars"])
        settings_ = Settings(telegram=Telegram(token=SecretStr("1:a")), stores=[store])
        registry = AssistantRegistry(settings_, other, shop.clock)
        assert [one.visit for one in await registry.outbox(wait_s=0)] == ["v1"]
        await other.close()


STEPS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([ANNA, BORIS, VERA])),
    st.tuples(st.just("off"), st.sampled_from([ANNA, BORIS, VERA])),
    st.tuples(st.just("visit"), st.integers(0, 9)),
    st.tuples(st.just("send"), st.integers(0, 5)),
    st.tuples(st.just("take"), st.integers(0, 5)),
    st.tuples(st.just("decline"), st.integers(0, 5)),
    st.tuples(st.just("fail"), st.integers(0, 5)),
    st.tuples(st.just("later"), st.integers(1, 90)),
)


@given(st.lists(STEPS, max_size=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_happens_nobody_is_busy_for_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    asyncio.run(check_invariants(tmp_path_factory.mktemp("shop"), steps))


async def act(shop: Shop, step: str, number: int, chosen: Notification | None) -> None:
    match step:
        case "wait":
            await shop.wait(number)
        case "off":
            await shop.off(number)
        case "visit":
            await shop.registry.announce(visit(f"v{number}"))
        case "later":
            shop.clock.now += number
        case "send" if chosen:
            await shop.registry.mark_sent(notification=chosen.id, message=number)
        case "take" if chosen:
            await shop.registry.take(notification=chosen.id, telegram_id=chosen.chat)
        case "decline" if chosen:
            await shop.registry.decline(notification=chosen.id, telegram_id=chosen.chat)
        case "fail" if chosen:
            await shop.registry.mark_failed(notification=chosen.id, reason="blocked")


async def check_invariants(folder: Path, steps: list[tuple[str, int]]) -> None:
    async with open_shop(folder) as shop:
        known: dict[int, Notification] = {}
        for step, number in steps:
            known |= {one.id: one for one in await shop.outbox()}
            chosen = list(known.values())[number % len(known)] if known else None
            await act(shop, step, number, chosen)
        queued = await shop.outbox()
        # one visit is with one assistant at a time, and what is queued is for somebody who was moved on for it
        rows = await shop.database.read(
            "SELECT visit, COUNT(*) AS n FROM notifications WHERE state IN ('queued', 'sent', 'taken') GROUP BY visit"
        )
        assert all(row["n"] == 1 for row in rows)
        states = await shop.states()
        assert all(states[one.chat] == AssistantState.BUSY for one in queued)
        # nobody waits while a visit that they could hear of is open
        waiting = [person for person, state in states.items() if state == AssistantState.WAITING]
        for person in waiting:
            open_ = await shop.database.read(
                "SELECT id FROM visits WHERE open_until > ? AND id NOT IN (SELECT visit FROM notifications n"
                " JOIN assistants a ON a.id = n.assistant WHERE a.telegram_id = ?)",
                (shop.clock.now, person),
            )
            assert not open_
