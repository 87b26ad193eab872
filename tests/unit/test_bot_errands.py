"""What becomes of each errand when Telegram and the registry fail, with a bot that does as told."""

import asyncio
import time

import httpx
import pytest
from support.chats import ANNA, BORIS, CAROL, card, until
from support.delivering import LOST, Desk, after
from telegram.error import (
    BadRequest,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
)

import bot.delivery
import bot.errands
from bot.pacing import Urgency
from domain.records import AssistantState, NoticeKind, NotificationState

pytestmark = pytest.mark.usefixtures("quick")


async def test_after_a_lost_answer_it_is_sent_again_as_it_was():
    desk = Desk()
    desk.bot.errors[ANNA] = [LOST, NetworkError("Bad Gateway")]
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await desk.becomes(one, NotificationState.SENT)
    assert desk.bot.sent == [(one.id, True)]
    assert len(desk.bot.times[one.id]) == 1, "as many seconds after the visitor came in"


@pytest.mark.parametrize(
    "error",
    [NetworkError("Bad Gateway"), after(NetworkError("x"), httpx.ConnectError("")), InvalidToken(), Conflict("x")],
)
async def test_what_was_not_accepted_is_sent_again_as_it_is(error):
    desk = Desk()
    desk.bot.errors[ANNA] = [error, error, error]
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await desk.becomes(one, NotificationState.SENT)
    assert desk.bot.sent == [(one.id, True)]


@pytest.mark.parametrize("error", [Forbidden("Forbidden: bot was blocked by the user"), BadRequest("Chat not found")])
async def test_what_can_never_be_delivered_has_failed_with_its_reason(error):
    desk = Desk()
    desk.bot.errors[ANNA] = [error]
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await desk.becomes(one, NotificationState.FAILED)
    assert str(error.message) in desk.registry.reasons[one.id]
    assert desk.bot.tries == [one.id]


async def test_without_the_picture_rather_than_not_at_all():
    desk = Desk()
    desk.bot.errors[ANNA] = [BadRequest("IMAGE_PROCESS_FAILED")]
    one = await desk.registry.announce(telegram_id=ANNA, card=card())
    async with desk.open():
        await desk.becomes(one, NotificationState.SENT)
    assert desk.bot.sent == [(one.id, False)]


async def test_a_text_that_telegram_dislikes_fails_even_where_there_was_a_picture():
    desk = Desk()
    desk.bot.errors[ANNA] = [BadRequest("x"), BadRequest("x")]
    one = await desk.registry.announce(telegram_id=ANNA, card=card())
    async with desk.open():
        await desk.becomes(one, NotificationState.FAILED)


async def test_a_message_follows_what_becomes_of_its_visit():
    desk = Desk()
    mine, other = [await desk.registry.announce(telegram_id=person) for person in (ANNA, BORIS)]
    async with desk.open() as delivery:
        for one in (mine, other):
            await desk.becomes(one, NotificationState.SENT)
        await desk.registry.take(notification=mine.id, telegram_id=ANNA)
        await desk.registry.decline(notification=other.id, telegram_id=BORIS)
        await until(lambda: len(desk.bot.changed) == 2)
        await until(lambda: not delivery.under_way)
        assert [desk.registry.notifications[one.id].shown for one in (mine, other)] == [2, 2]
        await desk.registry.answer(notification=mine.id, telegram_id=ANNA, answer="Toys")
        await until(lambda: desk.registry.notifications[mine.id].shown == 3)
    assert sorted(desk.bot.changed) == [(mine.id, 2), (mine.id, 3), (other.id, 2)]


async def test_what_changes_while_its_message_is_being_sent_is_shown_after_it():
    desk = Desk()
    desk.bot.stuck[ANNA] = asyncio.Event()
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await until(lambda: desk.bot.under_way)
        await desk.registry.take(notification=one.id, telegram_id=ANNA)
        desk.bot.stuck[ANNA].set()
        await until(lambda: desk.registry.notifications[one.id].shown == 2)
    assert desk.bot.sent == [(one.id, True)]
    assert desk.bot.changed == [(one.id, 2)]


async def test_a_second_copy_that_arrives_late_is_brought_up_to_date_as_well():
    desk = Desk()
    desk.bot.errors[ANNA] = [LOST]
    desk.bot.stuck[ANNA] = asyncio.Event()
    desk.bot.stuck[ANNA].set()
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await until(lambda: desk.bot.tries)
        desk.bot.stuck[ANNA] = asyncio.Event()
        await until(lambda: desk.bot.under_way)
        # the first copy is pressed while the second one is on its way
        await desk.registry.take(notification=one.id, telegram_id=ANNA)
        await desk.registry.look_at(notification=one.id, telegram_id=ANNA, message=7)
        desk.bot.stuck[ANNA].set()
        await until(lambda: desk.registry.notifications[one.id].message == 100 + one.id)
        await until(lambda: desk.registry.notifications[one.id].shown == 3)
    assert len(desk.bot.tries) == 2


async def test_what_changes_while_it_is_being_changed_is_changed_again():
    desk = Desk()
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await desk.becomes(one, NotificationState.SENT)
        desk.bot.stuck[ANNA] = asyncio.Event()
        await desk.registry.take(notification=one.id, telegram_id=ANNA)
        await until(lambda: desk.bot.under_way)
        await desk.registry.answer(notification=one.id, telegram_id=ANNA, answer="Toys")
        calls = desk.registry.calls["outbox"]
        await until(lambda: desk.registry.calls["outbox"] > calls)
        desk.bot.stuck[ANNA].set()
        await until(lambda: desk.registry.notifications[one.id].shown == 3)
    assert desk.bot.changed == [(one.id, 2), (one.id, 3)]


@pytest.mark.parametrize(
    "error", [NetworkError("Bad Gateway"), LOST, RetryAfter(0)], ids=lambda one: type(one).__name__
)
async def test_a_change_is_tried_again(error):
    desk = Desk()
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await desk.becomes(one, NotificationState.SENT)
        desk.bot.errors[ANNA] = [error, error]
        await desk.registry.take(notification=one.id, telegram_id=ANNA)
        await until(lambda: desk.registry.notifications[one.id].shown == 2)
    assert desk.bot.changed == [(one.id, 2)]


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (BadRequest("Message to edit not found"), AssistantState.BUSY),
        (Forbidden("bot was blocked by the user"), AssistantState.OFF),
    ],
)
async def test_a_message_that_cannot_be_changed_is_left_as_it_is(error, state):
    desk = Desk()
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open() as delivery:
        await desk.becomes(one, NotificationState.SENT)
        desk.bot.errors[ANNA] = [error]
        await desk.registry.take(notification=one.id, telegram_id=ANNA)
        await until(lambda: desk.registry.reasons[one.id])
        await until(lambda: not delivery.under_way)
        assert desk.registry.notifications[one.id].shown == 2
        assert desk.registry.state(ANNA) is state
    assert desk.state(one) is NotificationState.TAKEN
    assert not desk.bot.changed


async def test_whoever_has_pressed_is_served_before_those_who_look_on():
    desk = Desk()
    mine, other = [await desk.registry.announce(telegram_id=person) for person in (ANNA, BORIS)]
    async with desk.open():
        for one in (mine, other):
            await desk.becomes(one, NotificationState.SENT)
        desk.registry.ahead_s = 61
        await desk.registry.standing(telegram_id=ANNA)
        await until(lambda: len(desk.bot.changed) == 2)
        assert desk.bot.urgencies[-2:] == [Urgency.CHANGE] * 2
        desk.registry.ahead_s = 0
        third = await desk.registry.announce(telegram_id=ANNA)
        await desk.becomes(third, NotificationState.SENT)
        assert desk.bot.urgencies[-1] is Urgency.VISITOR
        await desk.registry.take(notification=third.id, telegram_id=ANNA)
        await until(lambda: len(desk.bot.changed) == 3)
        assert desk.bot.urgencies[-1] is Urgency.ANSWER


async def test_a_visitor_whose_message_failed_does_not_stand_in_line_again():
    desk = Desk()
    desk.bot.errors[ANNA] = [NetworkError("Bad Gateway")]
    async with desk.open():
        one = await desk.registry.announce(telegram_id=ANNA)
        await desk.becomes(one, NotificationState.SENT)
        other = await desk.registry.announce(telegram_id=ANNA)
        await desk.becomes(other, NotificationState.SENT)
    assert desk.bot.urgencies == [Urgency.VISITOR, Urgency.ANSWER, Urgency.VISITOR]


async def test_what_waits_for_its_turn_and_is_no_longer_wanted_is_called_off():
    desk = Desk()
    desk.bot.silent[BORIS] = 60
    one = await desk.registry.announce(telegram_id=BORIS)
    async with desk.open() as delivery:
        await until(lambda: delivery.under_way)
        await desk.registry.decline(notification=one.id, telegram_id=BORIS)
        await until(lambda: not delivery.under_way)
    assert not desk.bot.tries


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ([], 1),
        ([NetworkError("Bad Gateway"), LOST], 1),
        ([Forbidden("bot was blocked by the user")], 0),
        ([BadRequest("Chat not found")], 0),
    ],
)
async def test_admins_are_told_or_never_can_be(errors, told):
    desk = Desk()
    desk.bot.errors[CAROL] = list(errors)
    async with desk.open() as delivery:
        await desk.registry.alarm(kind=NoticeKind.CAMERA_LOST, subject="door", values={"camera": "door"})
        await until(lambda: desk.registry.calls["mark_noticed"])
        await until(lambda: not delivery.under_way)
        other = await desk.registry.announce(telegram_id=ANNA)
        await desk.becomes(other, NotificationState.SENT)
    assert len(desk.bot.told) == told
    assert desk.registry.calls["mark_noticed"] == 1


async def test_after_its_time_nothing_is_sent():
    desk = Desk()
    desk.bot.errors[ANNA] = [NetworkError("Bad Gateway")] * 10_000
    one = await desk.registry.announce(telegram_id=ANNA, lifetime_s=0.3)
    async with desk.open() as delivery:
        await until(lambda: not delivery.under_way and time.time() > one.expires_at)
        tries = len(desk.bot.tries)
        desk.bot.errors.clear()
        await asyncio.sleep(0.1)
    assert len(desk.bot.tries) == tries
    assert not desk.bot.sent


async def test_a_pause_longer_than_its_time_ends_with_it():
    desk = Desk()
    desk.bot.silent[ANNA] = 60
    await desk.registry.announce(telegram_id=ANNA, lifetime_s=0.2)
    async with desk.open() as delivery:
        await until(lambda: delivery.under_way)
        await until(lambda: not delivery.under_way, 5)
    assert not desk.bot.tries


async def test_what_is_no_longer_queued_is_not_tried_again():
    desk = Desk()
    desk.bot.errors[ANNA] = [NetworkError("Bad Gateway")] * 10_000
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open() as delivery:
        await until(lambda: desk.bot.tries)
        await desk.registry.decline(notification=one.id, telegram_id=ANNA)
        await until(lambda: not delivery.under_way)
        desk.bot.errors.clear()
        later = await desk.registry.announce(telegram_id=ANNA)
        await desk.becomes(later, NotificationState.SENT)
    assert [id_ for id_, _ in desk.bot.sent] == [later.id]


async def test_a_mark_that_nobody_wants_any_more_is_given_up(monkeypatch, caplog):
    monkeypatch.setattr(bot.errands, "_MARK_S", 0.0)
    desk = Desk()
    desk.registry.fail_next("mark_sent", 10_000)
    await desk.registry.announce(telegram_id=ANNA, lifetime_s=0.2)
    async with desk.open() as delivery:
        await until(lambda: desk.bot.tries)
        await until(lambda: not delivery.under_way)
        assert delivery.healthy
    assert "given up" in caplog.text


async def test_an_unexpected_error_is_on_record_and_the_message_goes_out(caplog):
    desk = Desk()
    desk.bot.errors[ANNA] = [RuntimeError("surprise")]
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await desk.becomes(one, NotificationState.SENT)
    assert "surprise" in caplog.text
    assert desk.bot.sent == [(one.id, True)]
