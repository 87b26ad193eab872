"""How fast the bot may talk: Telegram's limits, and what its 429 says.

Telegram allows about 30 messages a second to one bot and does not tell the other limits; it answers 429 with the
seconds to wait. The library's own limiter silences all chats for one chat's 429, and doesn't try again by default;
here only that chat is silent, unless a second one gets a 429 meanwhile: then it is the bot as a whole that is too loud.

What the bot answers to a person is also tried again where the line is bad: a word said twice does no harm there.
"""

import asyncio
import datetime as dt
import os
from collections.abc import Callable, Coroutine
from typing import Any

from aiolimiter import AsyncLimiter
from telegram.error import BadRequest, NetworkError, RetryAfter
from telegram.ext import BaseRateLimiter

# Without it the library warns of its own change of a type each time that Telegram answers 429.
os.environ.setdefault("PTB_TIMEDELTA", "true")

#: Messages a second to all chats together.
_OVERALL = 30
#: How often an answer to a person is tried again, and the seconds between two tries where Telegram names none.
_RETRIES, _BACK_OFF_S = 2, 0.5
#: As `rate_limit_args`: never tried again here. Delivery sees to it itself, since a notification may expire.
ONCE = "once"
#: Seconds; for longer than that no answer to a person is held back: nobody remembers the question.
_LONGEST = 60

#: What the library hands to a limiter and expects back.
Answer = bool | dict[str, Any] | list[dict[str, Any]]


def retry_after(error: RetryAfter) -> float:
    """The seconds that Telegram wants to be left alone."""
    value = error.retry_after
    return value.total_seconds() if isinstance(value, dt.timedelta) else float(value)


class Pacer(BaseRateLimiter[str]):
    """Paces messages and obeys 429."""

    def __init__(self) -> None:
        self._overall = AsyncLimiter(_OVERALL, 1)
        #: Until when a chat, or all of them, is left alone, in the event loop's time.
        self._chats: dict[int, float] = {}
        self._everyone = 0.0

    async def initialize(self) -> None:
        """Nothing to prepare."""

    async def shutdown(self) -> None:
        """Nothing to give back."""

    async def ready(self, chat: int) -> None:
        """Return once Telegram is to be bothered with that chat again."""
        while True:
            left = self._until(chat) - _now()
            if left <= 0:
                return
            await asyncio.sleep(left)

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Answer]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,  # noqa: ARG002 - the library's signature
        data: dict[str, Any],
        rate_limit_args: str | None,
    ) -> Answer:
        """Called by the library for each request but getUpdates."""
        given = data.get("chat_id")
        chat = given if isinstance(given, int) else None
        left = 0 if rate_limit_args == ONCE else _RETRIES
        while True:
            if chat is not None:
                await self.ready(chat)
                await self._overall.acquire()
            try:
                return await callback(*args, **kwargs)
            except RetryAfter as error:
                pause = retry_after(error)
                if chat is not None:
                    self._pause(chat, pause)
                if left == 0 or pause > _LONGEST:
                    raise
            except BadRequest:
                raise  # Of the library's network errors the one that's none.
            except NetworkError:
                if left == 0:
                    raise
                pause = _BACK_OFF_S
            left -= 1
            await asyncio.sleep(pause)

    def _until(self, chat: int) -> float:
        return max(self._everyone, self._chats.get(chat, 0.0))

    def _pause(self, chat: int, seconds: float) -> None:
        now = _now()
        self._chats = {other: until for other, until in self._chats.items() if until > now}
        until = now + seconds
        if self._chats.keys() - {chat}:
            self._everyone = max(self._everyone, until)
        self._chats[chat] = max(until, self._chats.get(chat, 0.0))


def _now() -> float:
    return asyncio.get_running_loop().time()
