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

In a chat that has more to be told than it may be, an answer to its person goes first, and two messages of the burst are
kept for it, so that it goes at once. But whoever presses all the time hears of visitors too, and sees messages change:
each kind has its turn once in so many seconds, whatever else waits.

What the bot answers to a person is also tried again where the line is bad: a word said twice does no harm there.
"""

import asyncio
import datetime as dt
import math
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from enum import IntEnum
from typing import Any

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


#: Of a chat's burst so many are for answers alone.
CHAT_KEPT = 2
#: Seconds after which something of that kind is next in its chat, whatever else waits there: visitors and answers take
#: turns where both wait.
CHAT_TURN_S = {Urgency.VISITOR: 1.5, Urgency.CHANGE: 10.0, Urgency.NOTICE: 30.0}


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
        await self._line_of(chat).turn(urgency)
        await self._line.turn(urgency)
        # told to be silent while it stood in line
        while self._until(chat) > _now():
            await self._quiet(chat)
            await self._line.turn(urgency)

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Answer]],
        args: Any,  # noqa: ANN401 - the library's signature
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

    async def _counted(
        self,
        callback: Callable[..., Coroutine[Any, Any, Answer]],
        args: Iterable[object],
        kwargs: Mapping[str, object],
    ) -> Answer:
        try:
            return await callback(*args, **kwargs)
        except TelegramError as error:
            self.errors[type(error).__name__] += 1
            raise

    def _line_of(self, chat: int) -> "_Line":
        if chat not in self._lines:
            if len(self._lines) >= _CHATS:
                self._lines = {other: line for other, line in self._lines.items() if not line.idle}
            self._lines[chat] = _Line(CHAT_BURST, CHAT_S, kept=CHAT_KEPT, turn_s=CHAT_TURN_S)
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
    """Lets through so many at once and then one in so many seconds: the most urgent first, and of equals the first."""

    def __init__(
        self, many: int, gap_s: float, *, kept: int = 0, turn_s: Mapping[Urgency, float] | None = None
    ) -> None:
        """`kept`: so many of `many` are for answers alone. `turn_s`: see `CHAT_TURN_S`."""
        self._many = many
        self._gap_s = gap_s
        self._kept = kept
        self._turn_s = turn_s or {}
        #: How many may go now, as it was counted last.
        self._free = float(many)
        self._counted_at = _now()
        self._waiting: dict[Urgency, deque[asyncio.Future[None]]] = {urgency: deque() for urgency in Urgency}
        #: Since when each kind waits for its next turn.
        self._since: dict[Urgency, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Nobody stands here, and so many could go through at once."""
        self._count()
        return self._free == self._many and not any(self._waiting.values())

    async def turn(self, urgency: Urgency) -> None:
        called = asyncio.get_running_loop().create_future()
        if not self._waiting[urgency]:
            self._since[urgency] = _now()
        self._waiting[urgency].append(called)
        self._let_through()
        await called

    def _let_through(self) -> None:
        """Whoever may go now goes; who is next then is said at the moment when one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._count()
        while (urgency := self._next()) is not None:
            overdue_in = self._since[urgency] + self._turn_s.get(urgency, math.inf) - _now()
            kept = self._kept if urgency is not Urgency.ANSWER and overdue_in > 0 else 0
            free_in = (1 + kept - self._free) * self._gap_s
            if free_in > 0:
                wait = min(free_in, overdue_in) if overdue_in > 0 else free_in
                self._timer = asyncio.get_running_loop().call_later(wait, self._let_through)
                return
            self._free -= 1
            self._since[urgency] = _now()
            self._waiting[urgency].popleft().set_result(None)

    def _next(self) -> Urgency | None:
        """Who goes next: what has waited for its turn, or else what is most urgent."""
        for called in self._waiting.values():
            # who gave up costs no turn
            while called and called[0].done():
                called.popleft()
        waiting = [urgency for urgency in Urgency if self._waiting[urgency]]
        overdue = (one for one in waiting if _now() >= self._since[one] + self._turn_s.get(one, math.inf))
        return next(overdue, waiting[0] if waiting else None)

    def _count(self) -> None:
        now = _now()
        self._free = min(float(self._many), self._free + (now - self._counted_at) / self._gap_s)
        self._counted_at = now


def _now() -> float:
    return asyncio.get_running_loop().time()
