import asyncio

import pytest
from telegram.error import BadRequest, NetworkError, RetryAfter, TimedOut

from bot.pacing import ONCE, Pacer, retry_after


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


async def test_it_gives_up_in_the_end():
    line = Line(*[NetworkError("Bad Gateway")] * 5)
    with pytest.raises(NetworkError):
        await call(Pacer(), line)
    assert len(line.times) == 3


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
    async with asyncio.timeout(1):
        assert await call(pacer, Line(), chat=2, limit=ONCE)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pacer.ready(1), 0.05)


async def test_two_loud_chats_mean_the_bot_as_a_whole():
    pacer = Pacer()
    for chat in (1, 2):
        with pytest.raises(RetryAfter):
            await call(pacer, Line(RetryAfter(30)), chat=chat, limit=ONCE)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pacer.ready(3), 0.05)


async def test_the_same_chat_twice_is_still_one_chat():
    pacer = Pacer()
    for _ in range(2):
        pacer._pause(1, 30)
    async with asyncio.timeout(1):
        await pacer.ready(2)


async def test_what_is_no_message_silences_no_chat():
    pacer = Pacer()
    with pytest.raises(RetryAfter):
        await call(pacer, Line(RetryAfter(30)), chat=None, limit=ONCE)
    async with asyncio.timeout(1):
        await pacer.ready(1)


async def test_a_pause_ends():
    pacer = Pacer()
    pacer._pause(1, 0.05)
    await asyncio.wait_for(pacer.ready(1), 5)
    assert await call(pacer, Line())


def test_seconds_are_seconds_whatever_the_library_calls_them(monkeypatch):
    assert retry_after(RetryAfter(7)) == 7.0
    error = RetryAfter(7)
    monkeypatch.setenv("PTB_TIMEDELTA", "false")
    with pytest.warns(DeprecationWarning, match="retry_after"):
        assert retry_after(error) == 7.0
