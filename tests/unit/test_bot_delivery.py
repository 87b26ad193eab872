"""What delivery takes from the outbox and when, with a bot that does as told; by HTTP: the integration tests."""

import asyncio
import time
from dataclasses import replace

import pytest
from support.chats import ANNA, BORIS, CAROL, prediction, until
from support.delivering import LOST, Desk, PlayedBot
from telegram.error import (
    Forbidden,
)

import bot.delivery
import bot.errands
from bot.delivery import Delivery
from domain.records import NotificationState, Outbox

pytestmark = pytest.mark.usefixtures("quick")


async def test_what_is_queued_is_sent_and_marked():
    desk = Desk()
    before = await desk.registry.announce(prediction(), telegram_id=ANNA)
    async with desk.open():
        await desk.becomes(before, NotificationState.SENT)
        later = await desk.registry.announce(prediction(), telegram_id=BORIS)
        await desk.becomes(later, NotificationState.SENT)
    assert desk.bot.sent == [(before.id, True), (later.id, True)]
    assert desk.registry.notifications[later.id].message == 100 + later.id


async def test_an_idle_outbox_is_not_asked_all_the_time():
    desk = Desk()
    async with desk.open():
        await asyncio.sleep(0.3)
    assert desk.registry.calls["outbox"] <= 2


async def test_who_is_overtaken_by_newer_ones_is_sent_later_and_once_and_to_the_letter():
    desk = Desk()
    desk.bot.errors[ANNA] = [LOST]
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await until(lambda: desk.bot.tries == [one.id])
        newer = [await desk.registry.announce(telegram_id=ANNA) for _ in range(17)]
        for each in (one, *newer):
            await desk.becomes(each, NotificationState.SENT)
    assert sorted(id_ for id_, _ in desk.bot.sent) == sorted([one.id, *(each.id for each in newer)])
    assert len(desk.bot.times[one.id]) == 1


async def test_an_answer_of_the_outbox_that_is_older_than_the_send_sends_nothing_again():
    desk = Desk()
    one = await desk.registry.announce(telegram_id=ANNA)
    real, held, hold = desk.registry.real.outbox, asyncio.Event(), asyncio.Event()
    answers = [await real(bot="main", seen=None, wait_s=0)]
    # newer ones go before it, and then it is there again, as it was before it was sent
    answers += [Outbox(version=1), *answers]

    async def outbox(**_: object) -> Outbox:
        if len(answers) == 2:
            held.set()
            await until(lambda: desk.bot.sent)
        if not answers:
            await hold.wait()
        return answers.pop(0)

    desk.registry.real.outbox = outbox
    desk.bot.stuck[ANNA] = held
    async with desk.open() as delivery:
        await until(lambda: not answers)
        await until(lambda: not delivery.under_way)
        await asyncio.sleep(0.05)
    assert desk.bot.sent == [(one.id, True)]


async def test_a_stuck_chat_holds_nobody_up_and_keeps_its_own_order():
    desk = Desk()
    desk.bot.stuck[ANNA] = asyncio.Event()
    first, second = [await desk.registry.announce(telegram_id=ANNA) for _ in range(2)]
    async with desk.open():
        await until(lambda: desk.bot.under_way)
        others = [await desk.registry.announce(telegram_id=person) for person in (BORIS, CAROL)]
        for one in others:
            await desk.becomes(one, NotificationState.SENT)
        assert desk.bot.under_way == 1, "one at a time in a chat"
        desk.bot.stuck[ANNA].set()
        await desk.becomes(second, NotificationState.SENT)
    assert [id_ for id_, _ in desk.bot.sent][-2:] == [first.id, second.id]


async def test_while_it_is_under_way_it_is_not_sent_once_more():
    desk = Desk()
    desk.bot.stuck[ANNA] = asyncio.Event()
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        for _ in range(3):
            other = await desk.registry.announce(telegram_id=BORIS)
            await desk.becomes(other, NotificationState.SENT)
        assert desk.bot.tries.count(one.id) == 1
        desk.bot.stuck[ANNA].set()
        await desk.becomes(one, NotificationState.SENT)
    assert desk.bot.tries.count(one.id) == 1


async def test_an_outbox_older_than_a_mark_sends_nothing_twice():
    desk = Desk()
    desk.bot.stuck[ANNA] = asyncio.Event()
    one = await desk.registry.announce(telegram_id=ANNA)
    outbox, stale = desk.registry.outbox, []

    async def late(**asked: object) -> Outbox:
        held = await outbox(**asked)
        if desk.bot.under_way:
            # The answer travels slowly: meanwhile what it holds is sent and marked.
            desk.bot.stuck[ANNA].set()
            await desk.becomes(one, NotificationState.SENT)
            stale.append(held)
        return held

    desk.registry.outbox = late
    async with desk.open():
        await until(lambda: desk.bot.under_way)
        other = await desk.registry.announce(telegram_id=BORIS)
        await desk.becomes(other, NotificationState.SENT)
        last = await desk.registry.announce(telegram_id=CAROL)
        await desk.becomes(last, NotificationState.SENT)
    assert one.id in {held.id for held in stale[0].notifications}
    assert desk.bot.tries.count(one.id) == 1


@pytest.mark.parametrize("method", ["outbox", "mark_sent", "mark_failed"])
async def test_a_registry_that_starts_again_is_waited_for(method, caplog):
    desk = Desk()
    desk.registry.fail_next(method, 3)
    one = await desk.registry.announce(telegram_id=ANNA)
    if method == "mark_failed":
        desk.bot.errors[ANNA] = [Forbidden("x")]
    async with desk.open() as delivery:
        wanted = NotificationState.FAILED if method == "mark_failed" else NotificationState.SENT
        await desk.becomes(one, wanted)
        assert delivery.healthy
    assert desk.bot.tries == [one.id], "it is the mark that is made again, not the message"
    assert "the registry is starting again" in caplog.text


async def test_a_question_that_is_never_answered_is_asked_again(monkeypatch):
    monkeypatch.setattr(bot.delivery, "_OUTBOX_S", 0.01)
    monkeypatch.setattr(bot.delivery, "_LOST_S", 0.05)
    desk = Desk()
    one = await desk.registry.announce(telegram_id=ANNA)
    outbox, asked = desk.registry.outbox, []

    async def deaf_once(**question: object) -> Outbox:
        asked.append(question)
        if len(asked) == 1:
            await asyncio.Event().wait()
        return await outbox(**question)

    desk.registry.outbox = deaf_once
    async with desk.open():
        await desk.becomes(one, NotificationState.SENT)


async def test_an_outbox_that_does_not_let_go_of_what_has_expired_is_not_asked_without_end():
    desk = Desk()
    one = await desk.registry.announce(telegram_id=ANNA, lifetime_s=0)
    stale = replace(one, expires_at=time.time() - 1)
    asked = []

    async def stubborn(**question: object) -> Outbox:
        asked.append(question)
        return Outbox(version=1, notifications=(stale,))

    desk.registry.outbox = stubborn
    async with desk.open():
        await asyncio.sleep(0.2)
    assert not desk.bot.tries
    assert len(asked) < 100


async def test_stopping_waits_for_what_is_under_way_but_not_for_ever():
    desk = Desk()
    desk.bot.stuck[ANNA] = asyncio.Event()
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open() as delivery:
        await until(lambda: desk.bot.under_way)
        async with asyncio.timeout(30):
            await delivery.stop()
        assert not delivery.healthy
    assert desk.state(one) is NotificationState.QUEUED, "it waits in the outbox for the next start"


@pytest.mark.parametrize("steps", range(6))
async def test_stopping_at_the_very_moment_at_which_something_comes_in(steps):
    desk = Desk()
    async with asyncio.timeout(30), desk.open() as delivery:
        await until(lambda: desk.registry.calls["outbox"])
        await desk.registry.announce(telegram_id=ANNA)
        for _ in range(steps):
            await asyncio.sleep(0)
        await delivery.stop()
        assert not delivery.healthy


async def test_a_registry_that_takes_the_cancellation_for_its_own_does_not_keep_delivery_alive():
    desk = Desk()
    asked = asyncio.Event()

    async def deaf(**_: object) -> Outbox:
        asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Outbox(version=1)
        raise AssertionError

    desk.registry.outbox = deaf
    async with asyncio.timeout(30), desk.open():
        await asked.wait()


async def test_stopping_twice_or_before_the_start_does_nothing():
    delivery = Delivery(PlayedBot(), Desk().registry)
    await delivery.stop()
    delivery.start()
    await delivery.stop()
    await delivery.stop()
