import asyncio
import time
from pathlib import Path

import pytest
from support.staffed import (
    ADMIN,
    ANNA,
    BORIS,
    BUSY,
    GLEB,
    HOUR_S,
    LIFETIME_S,
    OFF,
    STRANGER,
    VERA,
    WAITING,
    Clock,
    Shop,
    open_shop,
    visit,
)

from actors.registry import AssistantRegistry
from domain.errors import NotRegisteredError
from domain.records import (
    NOT_A_CUSTOMER,
    NoticeKind,
    NotificationState,
)
from storage.database import Database

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
    rows = await shop.database.read("SELECT reason FROM notifications ORDER BY id")
    assert [row["reason"] for row in rows] == [None, "its time was over before it could be sent"]
    for person in (ANNA, BORIS):
        assert (await shop.states())[person] is WAITING


async def test_of_too_many_visitors_the_newest_are_told_of_and_older_ones_when_there_is_time(shop: Shop) -> None:
    await shop.wait(ANNA)
    for number in range(15):
        await shop.registry.announce(visit(f"v{number}"))
    assert [one.visit for one in await shop.queued()] == [f"v{number}" for number in range(15)]
    for number in range(15, 20):
        await shop.registry.announce(visit(f"v{number}"))
    held = await shop.outbox()
    assert [one.visit for one in held.notifications] == ["v17", "v18", "v19"]
    waiting = asyncio.create_task(shop.registry.outbox(bot="main", seen=held.version, wait_s=60))
    one = held.notifications[0]
    await shop.registry.mark_sent(notification=one.id, message=5, revision=one.revision)
    async with asyncio.timeout(5):
        assert [one.visit for one in (await waiting).notifications] == ["v16", "v18", "v19"]
    assert [one.visit for one in await shop.deliver()] == ["v16", "v18", "v19"]
    assert [one.visit for one in await shop.deliver()] == ["v13", "v14", "v15"]
    assert [one.visit for one in await shop.deliver()] == [f"v{number}" for number in range(13)]


async def test_a_chat_with_too_many_visitors_hides_no_other(shop: Shop) -> None:
    await shop.registry.login(telegram_id=GLEB, username="gleb_b", name="Г", language="ru")
    for person in (ANNA, GLEB):
        await shop.wait(person)
    for number in range(300):
        await shop.registry.announce(visit(f"v{number}"))
    await shop.registry.announce(visit("w", store="b"))
    assert [one.visit for one in await shop.queued()] == ["v297", "v298", "v299", "w"]


async def test_what_was_pressed_is_shown_before_what_others_have_changed(shop: Shop) -> None:
    for person in (ANNA, BORIS):
        await shop.wait(person)
    for number in range(20):
        await shop.registry.announce(visit(f"v{number}"))
        await shop.deliver()
    await shop.take(ANNA, "v0")
    for number in range(1, 20):
        await shop.take(BORIS, f"v{number}")
    edits = [one.visit for one in await shop.edits() if one.chat == ANNA]
    assert edits == ["v0", "v18", "v19"]


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
