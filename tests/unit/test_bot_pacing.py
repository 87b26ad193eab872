import asyncio
from collections.abc import Coroutine

import pytest
from telegram.error import BadRequest, NetworkError, RetryAfter, TimedOut

import bot.pacing
from bot.pacing import CHAT_BURST, CHAT_KEPT, ONCE, OVERALL, Pacer, Urgency, retry_after


class Line:
    """Calls that fail as told, and then go through; notes when each was made."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.times: list[float] = []

    async def __call__(self) -> bool:
        self.times.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)
        return True


async def call(pacer: Pacer, line: Line, chat: int | None = 1, limit: str | None = None) -> object:
    data = {} if chat is None else {"chat_id": chat}
    return await pacer.process_request(line, (), {}, "sendMessage", data, limit)


async def test_an_answer_to_a_person_is_tried_again_after_the_time_that_telegram_wants():
    line = Line(RetryAfter(1))
    assert await call(Pacer(), line)
    assert line.times[1] - line.times[0] >= 1


async def test_a_bad_line_is_tried_again_and_a_bad_request_is_not():
    line = Line(TimedOut(), NetworkError("Bad Gateway"))
    assert await call(Pacer(), line)
    assert len(line.times) == 3
    refused = Line(BadRequest("message text is empty"))
    with pytest.raises(BadRequest):
        await call(Pacer(), refused)
    assert len(refused.times) == 1


@pytest.mark.parametrize(("chat", "tries"), [(1, 30), (None, 3)])
async def test_an_answer_is_tried_for_longer_than_what_pops_up_and_neither_for_ever(monkeypatch, chat, tries):
    monkeypatch.setattr(bot.pacing, "_BACK_OFF_S", (0.001, 0.001))
    monkeypatch.setattr(bot.pacing, "CHAT_BURST", 100)
    line = Line(*[NetworkError("Bad Gateway")] * 100)
    # each try takes a second
    monkeypatch.setattr(bot.pacing, "_now", lambda: float(len(line.times)))
    with pytest.raises(NetworkError):
        await call(Pacer(), line, chat=chat)
    assert len(line.times) == tries


async def test_nobody_waits_an_hour_for_an_answer():
    line = Line(RetryAfter(3600))
    with pytest.raises(RetryAfter):
        await call(Pacer(), line)


@pytest.mark.parametrize("error", [RetryAfter(1), TimedOut()])
async def test_once_is_once(error):
    line = Line(error)
    with pytest.raises(type(error)):
        await call(Pacer(), line, limit=ONCE)
    assert len(line.times) == 1


async def test_a_loud_chat_is_silent_and_the_others_are_not():
    pacer = Pacer()
    with pytest.raises(RetryAfter):
        await call(pacer, Line(RetryAfter(30)), chat=1, limit=ONCE)
    async with asyncio.timeout(20):
        assert await call(pacer, Line(), chat=2, limit=ONCE)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pacer.turn(1, Urgency.VISITOR), 0.05)


async def test_two_loud_chats_mean_the_bot_as_a_whole():
    pacer = Pacer()
    for chat in (1, 2):
        with pytest.raises(RetryAfter):
            await call(pacer, Line(RetryAfter(30)), chat=chat, limit=ONCE)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pacer.turn(3, Urgency.VISITOR), 0.05)


async def test_the_same_chat_twice_is_still_one_chat():
    pacer = Pacer()
    for _ in range(2):
        pacer._pause(1, 30)
    async with asyncio.timeout(20):
        await pacer.turn(2, Urgency.VISITOR)


async def test_what_is_no_message_silences_no_chat():
    pacer = Pacer()
    with pytest.raises(RetryAfter):
        await call(pacer, Line(RetryAfter(30)), chat=None, limit=ONCE)
    async with asyncio.timeout(20):
        await pacer.turn(1, Urgency.VISITOR)


async def test_a_pause_ends():
    pacer = Pacer()
    pacer._pause(1, 0.05)
    await asyncio.wait_for(pacer.turn(1, Urgency.VISITOR), 5)
    assert await call(pacer, Line())


async def took(*turns: Coroutine[None, None, None]) -> float:
    """How long it took until all had their turn, in the event loop's time."""
    now = asyncio.get_running_loop().time
    before = now()
    await asyncio.gather(*turns)
    return now() - before


async def test_one_chat_gets_a_few_messages_at_once_and_then_one_a_second():
    pacer = Pacer()
    seconds = await took(*(pacer.turn(1, Urgency.VISITOR) for _ in range(CHAT_BURST + 1)))
    assert seconds >= 0.99


async def test_all_chats_together_get_thirty_a_second():
    pacer = Pacer()
    seconds = await took(*(pacer.turn(chat, Urgency.VISITOR) for chat in range(OVERALL + 1)))
    assert seconds >= 0.99


async def test_answers_and_visitors_do_not_wait_behind_changes_and_notices():
    pacer, order = Pacer(), []

    async def one(chat: int, urgency: Urgency) -> None:
        await pacer.turn(chat, urgency)
        order.append(urgency)

    wanted = [Urgency.ANSWER, Urgency.VISITOR, Urgency.VISITOR, Urgency.CHANGE, Urgency.CHANGE, Urgency.NOTICE]
    await pacer.turn(0, Urgency.VISITOR)
    await asyncio.gather(*(one(chat, urgency) for chat, urgency in enumerate(reversed(wanted), start=1)))
    assert order == wanted


async def test_nor_within_one_chat(monkeypatch):
    monkeypatch.setattr(bot.pacing, "CHAT_S", 0.3)
    pacer, order = Pacer(), []

    async def one(urgency: Urgency) -> None:
        await pacer.turn(1, urgency)
        order.append(urgency)

    for _ in range(CHAT_BURST):
        await pacer.turn(1, Urgency.CHANGE)
    wanted = [Urgency.ANSWER, Urgency.ANSWER, Urgency.VISITOR, Urgency.CHANGE, Urgency.NOTICE]
    await asyncio.gather(*(one(urgency) for urgency in reversed(wanted)))
    assert order == wanted


async def test_a_chat_full_of_visitors_answers_at_once(monkeypatch):
    monkeypatch.setattr(bot.pacing, "CHAT_S", 600.0)
    pacer = Pacer()
    visitors = [asyncio.create_task(pacer.turn(1, Urgency.VISITOR)) for _ in range(20)]
    async with asyncio.timeout(5):
        await asyncio.wait(visitors[: CHAT_BURST - CHAT_KEPT])
        for _ in range(CHAT_KEPT):
            assert await call(pacer, Line())
    assert not any(one.done() for one in visitors[CHAT_BURST - CHAT_KEPT :])
    for one in visitors:
        one.cancel()


@pytest.mark.parametrize("starving", [Urgency.VISITOR, Urgency.CHANGE, Urgency.NOTICE])
async def test_who_presses_all_the_time_is_told_of_the_rest_too(monkeypatch, starving):
    monkeypatch.setattr(bot.pacing, "CHAT_S", 0.05)
    monkeypatch.setattr(bot.pacing, "CHAT_TURN_S", dict.fromkeys(bot.pacing.CHAT_TURN_S, 0.1))
    pacer = Pacer()

    async def press() -> None:
        while True:
            await pacer.turn(1, Urgency.ANSWER)

    pressing = [asyncio.create_task(press()) for _ in range(10)]
    await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        await pacer.turn(1, starving)
    for one in pressing:
        one.cancel()


async def test_of_equals_the_first_who_came_is_the_first():
    pacer, order = Pacer(), []

    async def one(chat: int) -> None:
        await pacer.turn(chat, Urgency.VISITOR)
        order.append(chat)

    await asyncio.gather(*(one(chat) for chat in range(10)))
    assert order == list(range(10))


async def test_who_gives_up_costs_nobody_a_turn():
    pacer = Pacer()
    given_up = [asyncio.create_task(pacer.turn(chat, Urgency.ANSWER)) for chat in range(2000)]
    await asyncio.sleep(0)
    for task in given_up:
        task.cancel()
    # a minute's turns
    async with asyncio.timeout(20):
        await pacer.turn(201, Urgency.NOTICE)


async def test_told_to_be_silent_while_it_stands_in_line_a_chat_is_silent():
    pacer = Pacer()
    for chat in range(2, 5):
        await pacer.turn(chat, Urgency.VISITOR)
    waiting = asyncio.create_task(pacer.turn(1, Urgency.VISITOR))
    await asyncio.sleep(0)
    pacer._pause(1, 30)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waiting, 0.3)


async def test_what_writes_to_no_chat_does_not_wait():
    pacer = Pacer()
    ahead = [asyncio.create_task(pacer.turn(chat, Urgency.ANSWER)) for chat in range(2000)]
    async with asyncio.timeout(20):
        for _ in range(50):
            assert await call(pacer, Line(), chat=None)
    for task in ahead:
        task.cancel()


async def test_chats_that_have_been_silent_are_forgotten(monkeypatch):
    monkeypatch.setattr(bot.pacing, "_CHATS", 3)
    monkeypatch.setattr(bot.pacing, "CHAT_S", 0.01)
    pacer = Pacer()
    for chat in range(20):
        await pacer.turn(chat, Urgency.VISITOR)
    assert len(pacer._lines) <= 4


def test_seconds_are_seconds_whatever_the_library_calls_them(monkeypatch):
    assert retry_after(RetryAfter(7)) == 7.0
    error = RetryAfter(7)
    monkeypatch.setenv("PTB_TIMEDELTA", "false")
    with pytest.warns(DeprecationWarning, match="retry_after"):
        assert retry_after(error) == 7.0
