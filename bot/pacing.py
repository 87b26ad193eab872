"""How fast the bot may talk: Telegram's limits, and what its 429 says.

Telegram's FAQ for bots names two numbers: not more than one message a second in one chat, where "short bursts" pass,
and about 30 messages a second for the whole bot. How short a burst is, and what counts as a message, it does not say.
Assumed here, on the careful side: five messages to one chat at once; a message that is changed counts as one that is
sent; the bot as a whole has no bursts: one message every 33 ms. What writes to no chat (`answerCallbackQuery`, the menu
of commands) does not count. Where that is wrong, Telegram answers 429 with the seconds to wait, and is obeyed.

The library's own limiter silences all chats for one chat's 429, doesn't try again by default, and lets everybody wait
in one line; here only that chat is silent, unless a second one gets a 429 meanwhile: then it is the bot as a whole that
is too loud. And who is next is said by how urgent it is: 199 messages that change to "somebody has met the visitor"
do not hold up the next visitor.

What the bot answers to a person is also tried again where the line is bad: a word said twice does no harm there.
"""

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import Callable, Coroutine
from enum import IntEnum
from heapq import heappop, heappush
from itertools import count
from typing import Any

from aiolimiter import AsyncLimiter
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError
from telegram.ext import BaseRateLimiter

#: Messages a second to all chats together.
OVERALL = 30
#: Messages to one chat: so many at once, and then one in so many seconds.
CHAT_BURST, CHAT_S = 5, 1.0
#: Chats whose pace is remembered; beyond that those are forgotten that have been silent for long enough.
_CHATS = 1000
#: Seconds for which an answer to a person is tried again where the line is bad: it says what state the person is in,
#: and that is to be known. What pops up at a press, and what is no message at all, is tried for less long.
_INSIST_S, _BRIEF_S = 30.0, 3.0
#: Seconds between two tries where Telegram names none: the first, and the longest.
_BACK_OFF_S = (0.5, 4.0)
#: As `rate_limit_args`: its turn has come already, and it is not tried again here. Delivery sees to both itself, since
#: a notification may expire or be taken while it waits.
ONCE = "once"
#: Seconds; for longer than that no answer to a person is held back: nobody remembers the question.
_LONGEST = 60

#: What the library hands to a limiter and expects back.
Answer = bool | dict[str, Any] | list[dict[str, Any]]


class Urgency(IntEnum):
    """What goes first where not everything can go at once."""

    #: To a person who has written or pressed, and looks at the screen.
    ANSWER = 0
    #: A visitor.
    VISITOR = 1
    #: A message that is brought up to date.
    CHANGE = 2
    #: Words to an admin.
    NOTICE = 3


#: Within one chat a visitor goes before answers: whoever presses once in two seconds has a chat full of answers, and
#: would hear of the visitor when it is too late. For the bot as a whole it is the other way round: one visitor told to
#: 200 people takes seven seconds, and nobody is to wait for an answer so long.
_IN_CHAT = {Urgency.VISITOR: 0, Urgency.ANSWER: 1, Urgency.CHANGE: 2, Urgency.NOTICE: 3}


def retry_after(error: RetryAfter) -> float:
    """The seconds that Telegram wants to be left alone."""
    value = error.retry_after
    return value.total_seconds() if isinstance(value, dt.timedelta) else float(value)


class Pacer(BaseRateLimiter[str]):
    """Paces one bot's messages and obeys 429."""

    def __init__(self) -> None:
        self._line = _Line(1, 1 / OVERALL)
        self._lines: dict[int, _Line] = {}
        #: Until when a chat, or all of them, is left alone, in the event loop's time.
        self._chats: dict[int, float] = {}
        self._everyone = 0.0
        #: What went wrong with calls, by the library's name for it.
        self.errors: Counter[str] = Counter()

    async def initialize(self) -> None:
        """Nothing to prepare."""

    async def shutdown(self) -> None:
        """Nothing to give back: a line ends with those who stand in it."""

    async def turn(self, chat: int, urgency: Urgency) -> None:
        """Return once one message may go to that chat."""
        await self._quiet(chat)
        await self._line_of(chat).turn(_IN_CHAT[urgency])
        await self._line.turn(urgency)
        # told to be silent while it stood in line
        while self._until(chat) > _now():
            await self._quiet(chat)
            await self._line.turn(urgency)

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
        once = rate_limit_args == ONCE
        until = _now() + (_BRIEF_S if chat is None else _INSIST_S)
        wait = _BACK_OFF_S[0]
        while True:
            if chat is not None and not once:
                await self.turn(chat, Urgency.ANSWER)
            try:
                return await self._counted(callback, args, kwargs)
            except RetryAfter as error:
                pause = retry_after(error)
                if chat is not None:
                    self._pause(chat, pause)
                if once or pause > _LONGEST or _now() > until:
                    raise
            except BadRequest:
                raise  # Of the library's network errors the one that's none.
            except NetworkError:
                pause, wait = wait, min(2 * wait, _BACK_OFF_S[1])
                if once or _now() + pause > until:
                    raise
            await asyncio.sleep(pause)

    async def _counted(self, callback: Callable[..., Coroutine[Any, Any, Answer]], args: Any, kwargs: Any) -> Answer:
        try:
            return await callback(*args, **kwargs)
        except TelegramError as error:
            self.errors[type(error).__name__] += 1
            raise

    def _line_of(self, chat: int) -> "_Line":
        if chat not in self._lines:
            if len(self._lines) >= _CHATS:
                self._lines = {other: line for other, line in self._lines.items() if not line.idle}
            self._lines[chat] = _Line(CHAT_BURST, CHAT_BURST * CHAT_S)
        return self._lines[chat]

    async def _quiet(self, chat: int) -> None:
        while (left := self._until(chat) - _now()) > 0:  # noqa: ASYNC110 - it may have been made longer
            await asyncio.sleep(left)

    def _until(self, chat: int) -> float:
        return max(self._everyone, self._chats.get(chat, 0.0))

    def _pause(self, chat: int, seconds: float) -> None:
        now = _now()
        self._chats = {other: until for other, until in self._chats.items() if until > now}
        until = now + seconds
        if self._chats.keys() - {chat}:
            self._everyone = max(self._everyone, until)
        self._chats[chat] = max(until, self._chats.get(chat, 0.0))


class _Line:
    """Lets through so many at once and so many in so many seconds: the lowest rank first, and of equals the first."""

    def __init__(self, many: int, seconds: float) -> None:
        self._many = many
        self._pace = AsyncLimiter(many, seconds)
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = count()
        self._doorman: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Nobody stands here, and so many could go through at once."""
        return not self._waiting and self._pace.has_capacity(self._many)

    async def turn(self, rank: int) -> None:
        if not self._waiting and self._pace.has_capacity():
            await self._pace.acquire()
            return
        called = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (rank, next(self._number), called))
        if self._doorman is None or self._doorman.done():
            self._doorman = asyncio.create_task(self._let_through(), name="pace")
        await called

    async def _let_through(self) -> None:
        while self._waiting:
            # first the moment, then who it is for: somebody more urgent may come until then
            await self._pace.acquire()
            while self._waiting:
                _, _, called = heappop(self._waiting)
                # who gave up meanwhile costs no turn
                if not called.done():
                    called.set_result(None)
                    break


def _now() -> float:
    return asyncio.get_running_loop().time()
