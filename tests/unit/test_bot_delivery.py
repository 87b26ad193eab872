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
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

import bot.delivery
import bot.errands
from bot.delivery import Delivery
from bot.pacing import Urgency
from domain.records import AssistantState, Notice, NoticeKind, Notification, NotificationState, Outbox


def after(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


LOST = after(NetworkError("httpx.ReadError: "), httpx.ReadError(""))


class PlayedBot:
    """Fails as told, by chat; notes what was sent."""

    name = "main"

    def __init__(self) -> None:
        self.errors: dict[int, list[Exception]] = {}
        self.sent: list[tuple[int, bool]] = []
        self.tries: list[int] = []
        self.times: dict[int, set[float]] = {}
        self.under_way = 0
        #: Chats whose sends hang until the event is set.
        self.stuck: dict[int, asyncio.Event] = {}
        self.silent: dict[int, float] = {}
        self.changed: list[tuple[int, int]] = []
        self.told: list[Notice] = []
        self.urgencies: list[Urgency] = []

    async def turn(self, chat: int, urgency: Urgency) -> None:
        self.urgencies.append(urgency)
        await asyncio.sleep(self.silent.pop(chat, 0.0))

    async def send(self, notification: Notification, *, at: float, card: bool) -> int:
        self.tries.append(notification.id)
        self.times.setdefault(notification.id, set()).add(at)
        await self._call(notification.chat)
        self.sent.append((notification.id, card))
        return 100 + notification.id

    async def change(self, notification: Notification) -> None:
        await self._call(notification.chat)
        self.changed.append((notification.id, notification.revision))

    async def tell(self, notice: Notice) -> None:
        await self._call(notice.chat)
        self.told.append(notice)

    async def _call(self, chat: int) -> None:
        if chat in self.stuck:
            self.under_way += 1
            await self.stuck[chat].wait()
            self.under_way -= 1
        if errors := self.errors.get(chat):
            raise errors.pop(0)


class Desk:
    def __init__(self) -> None:
        self.bot = PlayedBot()
        self.registry = ShopRegistry(
            settings_of(admins=(CAROL,)), [assistant(1, ANNA), assistant(2, BORIS), assistant(3, CAROL)]
        )

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
    monkeypatch.setattr(bot.errands, "BACK_OFF_S", (0.01, 0.05))
    monkeypatch.setattr(bot.delivery, "_LOOK_S", 0.01)
    monkeypatch.setattr(bot.delivery, "_STOP_S", 0.2)


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


async def test_after_a_lost_answer_it_is_sent_again_as_it_was():
    desk = Desk()
    desk.bot.errors[ANNA] = [LOST, NetworkError("Bad Gateway")]
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await desk.becomes(one, NotificationState.SENT)
    assert desk.bot.sent == [(one.id, True)]
    assert len(desk.bot.times[one.id]) == 1, "as many seconds after the visitor came in"


async def test_who_is_overtaken_by_newer_ones_is_sent_later_and_once_and_to_the_letter():
    desk = Desk()
    desk.bot.errors[ANNA] = [LOST]
    one = await desk.registry.announce(telegram_id=ANNA)
    async with desk.open():
        await until(lambda: desk.bot.tries == [one.id])
        newer = [await desk.registry.announce(telegram_id=ANNA) for _ in range(5)]
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
    monkeypatch.setattr(bot.errands, "_MARK_S", 0.0)
    desk = Desk()
    desk.registry.fail_next("mark_sent", 10_000)
    await desk.registry.announce(telegram_id=ANNA, lifetime_s=0.2)
    async with desk.open() as delivery:
        await until(lambda: desk.bot.tries)
        await until(lambda: not delivery.under_way)
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
    assert desk.bot.sent == [(one.id, True)]


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
