"""What delivery decides, with a bot that does as told; the same over HTTP stands with the integration tests."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from support.chats import ANNA, BORIS, CAROL, assistant, card, prediction, settings_of, until
from support.registry import ShopRegistry
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

import bot.delivery
from bot.delivery import Delivery, Fault, fault_of
from bot.pacing import Urgency
from domain.records import Notification, NotificationState, Outbox


def after(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


LOST = after(NetworkError("httpx.ReadError: "), httpx.ReadError(""))


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (RetryAfter(3), Fault.PAUSE),
        (Forbidden("bot was blocked by the user"), Fault.FINAL),
        (ChatMigrated(-100), Fault.FINAL),
        (BadRequest("Chat not found"), Fault.FINAL),
        (BadRequest("message text is empty"), Fault.FINAL),
        (NetworkError("Bad Gateway"), Fault.AGAIN),
        (Conflict("terminated by other getUpdates request"), Fault.AGAIN),
        (InvalidToken(), Fault.AGAIN),
        (TelegramError("Invalid server response"), Fault.AGAIN),
        (after(NetworkError("x"), httpx.ConnectError("refused")), Fault.AGAIN),
        (after(TimedOut(), httpx.ConnectTimeout("")), Fault.AGAIN),
        (after(TimedOut(), httpx.PoolTimeout("")), Fault.AGAIN),
        (after(TimedOut(), httpx.ReadTimeout("")), Fault.UNSURE),
        (after(TimedOut(), httpx.WriteTimeout("")), Fault.UNSURE),
        (after(NetworkError("x"), httpx.RemoteProtocolError("")), Fault.UNSURE),
        (after(NetworkError("x"), httpx.WriteError("")), Fault.UNSURE),
        (after(NetworkError("x"), RuntimeError("")), Fault.UNSURE),
        (LOST, Fault.UNSURE),
    ],
    ids=lambda value: getattr(value, "name", None) or repr(value.__cause__ or value),
)
def test_what_a_failure_means(error, fault):
    assert fault_of(error, with_card=False) is fault


def test_a_picture_that_telegram_dislikes_is_left_out_but_not_where_nobody_is():
    assert fault_of(BadRequest("IMAGE_PROCESS_FAILED"), with_card=True) is Fault.CARD
    assert fault_of(BadRequest("Chat not found"), with_card=True) is Fault.FINAL


class PlayedBot:
    """Fails as told, by chat; notes what was sent."""

    name = "main"

    def __init__(self) -> None:
        self.errors: dict[int, list[Exception]] = {}
        self.sent: list[tuple[int, bool, bool]] = []
        self.tries: list[int] = []
        self.under_way = 0
        #: Chats whose sends hang until the event is set.
        self.stuck: dict[int, asyncio.Event] = {}
        self.silent: dict[int, float] = {}

    async def turn(self, chat: int, urgency: Urgency) -> None:
        await asyncio.sleep(self.silent.pop(chat, 0.0))

    async def send(self, notification: Notification, *, again: bool, card: bool) -> int:
        self.tries.append(notification.id)
        if notification.chat in self.stuck:
            self.under_way += 1
            await self.stuck[notification.chat].wait()
            self.under_way -= 1
        if errors := self.errors.get(notification.chat):
            raise errors.pop(0)
        self.sent.append((notification.id, again, card))
        return 100 + notification.id


class Desk:
    def __init__(self) -> None:
        self.bot = PlayedBot()
        self.registry = ShopRegistry(settings_of(), [assistant(1, ANNA), assistant(2, BORIS), assistant(3, CAROL)])

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Delivery]:
        delivery = Delivery(self.bot, self.registry)
        delivery.start()
        try:
            yield delivery
        finally:
            await delivery.stop()

    def state(self, one: Notification) -> NotificationState:
        return self.registry.notifications[one.id].state

    async def becomes(self, one: Notification, state: NotificationState) -> None:
        await until(lambda: self.state(one) is state)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Tests don't wait as long as people do."""
    monkeypatch.setattr(bot.delivery, "_BACK_OFF_S", (0.01, 0.05))
    monkeypatch.setattr(bot.delivery, "_LOOK_S", 0.01)
    monkeypatch.setattr(bot.delivery, "_STOP_S", 0.2)


async def test_what_is_queued_is_sent_and_marked():
    desk = Desk()
    before = await desk.registry.announce(prediction(), telegram_id=ANNA)
    async with desk.open():
        await desk.becomes(before, NotificationState.SENT)
        later = await desk.registry.announce(prediction(), telegram_id=BORIS)
        await desk.becomes(later, NotificationState.SENT)
    assert desk.bot.sent == [(before.id, False, True), (later.id, False, True)]
    assert desk.registry.notifications[later.id].message == 100 + later.id


async def test_an_idle_outbox_is_not_asked_all_the_time():
    desk = Desk()
    async with desk.open():
        await asyncio.sleep(0.3)
    assert desk.registry.calls["outbox"] <= 2


async def test_a_lost_answer_is_sent_again_and_says_so():
    desk = Desk()
    desk.bot.errors[ANNA] = [LOST, NetworkError("Bad Gateway")]
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await desk.becomes(one, NotificationState.SENT)
    assert desk.bot.sent == [(one.id, True, True)], "the doubt remains, whatever goes wrong after it"


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
    assert desk.bot.sent == [(one.id, False, True)]


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
    assert desk.bot.sent == [(one.id, False, False)]


async def test_a_text_that_telegram_dislikes_fails_even_where_there_was_a_picture():
    desk = Desk()
    desk.bot.errors[ANNA] = [BadRequest("x"), BadRequest("x")]
    one = await desk.registry.announce(telegram_id=ANNA, card=card())
    async with desk.open():
        await desk.becomes(one, NotificationState.FAILED)


async def test_after_its_time_nothing_is_sent():
    desk = Desk()
    desk.bot.errors[ANNA] = [NetworkError("Bad Gateway")] * 10_000
    one = await desk.registry.announce(telegram_id=ANNA, lifetime_s=0.3)
    async with desk.open() as delivery:
        await until(lambda: desk.bot.tries and not delivery._under_way and time.time() > one.expires_at)
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
        await until(lambda: delivery._under_way)
        await until(lambda: not delivery._under_way, 5)
    assert not desk.bot.tries


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
    assert [id_ for id_, _, _ in desk.bot.sent][-2:] == [first.id, second.id]


async def test_while_it_is_under_way_it_is_not_sent_once_more():
    desk = Desk()
    desk.bot.stuck[ANNA] = asyncio.Event()
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await until(lambda: desk.registry.calls["outbox"] > 10)
        assert desk.bot.tries == [one.id]
        desk.bot.stuck[ANNA].set()
        await desk.becomes(one, NotificationState.SENT)
    assert desk.bot.tries == [one.id]


async def test_an_outbox_older_than_a_mark_sends_nothing_twice():
    desk = Desk()
    desk.bot.stuck[ANNA] = asyncio.Event()
    one = await desk.registry.announce(telegram_id=ANNA)
    outbox = desk.registry.outbox

    async def late(**asked: object) -> Outbox:
        held = await outbox(**asked)
        if desk.bot.under_way:
            # The answer travels slowly: meanwhile what it holds is sent and marked.
            desk.bot.stuck[ANNA].set()
            await desk.becomes(one, NotificationState.SENT)
        return held

    desk.registry.outbox = late
    async with desk.open():
        await desk.becomes(one, NotificationState.SENT)
        calls = desk.registry.calls["outbox"]
        await until(lambda: desk.registry.calls["outbox"] > calls)
    assert desk.bot.tries == [one.id]


async def test_what_is_no_longer_queued_is_not_tried_again():
    desk = Desk()
    desk.bot.errors[ANNA] = [NetworkError("Bad Gateway")] * 10_000
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open() as delivery:
        await until(lambda: desk.bot.tries)
        await desk.registry.decline(notification=one.id, telegram_id=ANNA)
        await until(lambda: not delivery._under_way)
        desk.bot.errors.clear()
        later = await desk.registry.announce(telegram_id=ANNA)
        await desk.becomes(later, NotificationState.SENT)
    assert [id_ for id_, _, _ in desk.bot.sent] == [later.id]


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


async def test_a_mark_that_nobody_wants_any_more_is_given_up(monkeypatch, caplog):
    monkeypatch.setattr(bot.delivery, "_MARK_S", 0.0)
    desk = Desk()
    desk.registry.fail_next("mark_sent", 10_000)
    await desk.registry.announce(telegram_id=ANNA, lifetime_s=0.2)
    async with desk.open() as delivery:
        await until(lambda: desk.bot.tries)
        await until(lambda: not delivery._under_way)
        assert delivery.healthy
    assert "given up" in caplog.text


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


async def test_an_unexpected_error_is_on_record_and_the_message_goes_out(caplog):
    desk = Desk()
    desk.bot.errors[ANNA] = [RuntimeError("surprise")]
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await desk.becomes(one, NotificationState.SENT)
    assert "surprise" in caplog.text
    assert desk.bot.sent == [(one.id, True, True)]


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
        async with asyncio.timeout(5):
            await delivery.stop()
        assert not delivery.healthy
    assert desk.state(one) is NotificationState.QUEUED, "it waits in the outbox for the next start"


@pytest.mark.parametrize("steps", range(6))
async def test_stopping_at_the_very_moment_at_which_something_comes_in(steps):
    desk = Desk()
    async with asyncio.timeout(5), desk.open() as delivery:
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
    async with asyncio.timeout(5), desk.open():
        await asked.wait()


async def test_stopping_twice_or_before_the_start_does_nothing():
    delivery = Delivery(PlayedBot(), Desk().registry)
    await delivery.stop()
    delivery.start()
    await delivery.stop()
    await delivery.stop()
