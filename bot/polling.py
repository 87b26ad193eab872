"""Long polling by hand: updates come in, are handled, and only then acknowledged.

The library's own polling acknowledges what it has fetched and not what was handled, and one 401 or 404 ends it
without a word. Here a batch is acknowledged by the next poll after its handlers are done, so that a kill in
between delivers it again (handlers may be repeated), and no answer of Telegram's ends the loop.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from telegram import Update
from telegram.error import Conflict, InvalidToken, NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.ext import ExtBot

from bot import limits
from bot.heard import ALLOWED_UPDATES
from bot.pacing import retry_after

_LOGGER = logging.getLogger(__name__)

#: Seconds that Telegram holds a poll open while there's nothing new.
POLL_S = 25
#: Seconds beyond that until a poll counts as lost.
_ANSWER_S = 10
#: Seconds that the next poll waits for handlers; those that take longer go on beside it, and later ones of the same
#: person are not waited for: whoever writes faster than the bot may answer holds nobody else up.
_PATIENCE_S = 3
#: Seconds that a second poller is told of after it was last noticed: the two take turns in being refused.
_CONFLICT_S = 60.0
#: Seconds without an answered poll after which something is wrong.
_STALE_S = POLL_S + _ANSWER_S + _PATIENCE_S + 15
#: Seconds between tries after a failure: the first, and the longest.
_BACK_OFF_S = (1.0, 30.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """How the bot's line to Telegram is."""

    #: The polling task is alive.
    polling: bool
    #: Seconds since Telegram last answered a poll; None before the first.
    answered_s_ago: float | None
    #: What is wrong, in a line with the remedy; None if nothing is.
    problem: str | None

    @property
    def ok(self) -> bool:
        fresh = self.answered_s_ago is not None and self.answered_s_ago < _STALE_S
        return self.polling and fresh and self.problem is None


def explain(error: TelegramError) -> str:
    """What went wrong between the bot and Telegram, with the remedy. Never holds the token."""
    match error:
        case InvalidToken():
            return "Telegram refuses the bot's token: ask @BotFather for the right one and set telegram.token"
        case Conflict():
            return "another program polls with the same token: stop it, or get a second token from @BotFather"
        case RetryAfter():
            return f"Telegram wants to be left alone for {retry_after(error):.0f} s"
        case TimedOut():
            return "Telegram does not answer in time: check the network"
        case NetworkError() if error.__cause__ is not None:
            cause = type(error.__cause__).__name__
            return f"Telegram can't be reached ({cause}): check the network and telegram.api_url"
        case _:
            # A proxy's answer may quote the request's address, and the token is part of it.
            message = re.sub(r"bot\d+:[\w-]+", "bot<token>", error.message)
            return f"Telegram answers {type(error).__name__}: {message[:200]}"


class Poller:
    """Fetches updates and has them handled: in order within a chat, chats beside each other."""

    def __init__(
        self,
        bot: ExtBot[str],
        handle: Callable[[Update], Awaitable[None]],
        *,
        conflict: Callable[[], Awaitable[None]],
    ) -> None:
        """`conflict` tells whom it concerns that another program polls with the same token."""
        self._bot = bot
        self._handle = handle
        self._conflict = conflict
        self._telling: asyncio.Task[None] | None = None
        self._offset: int | None = None
        self._limit = limits.updates()
        #: The last update under way of each chat.
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._answered_at: float | None = None
        self._conflict_at: float | None = None
        self._problem: str | None = None
        #: What went wrong with polls, by the library's name for it.
        self.errors: Counter[str] = Counter()

    @property
    def problem(self) -> str | None:
        """See `Health.problem`."""
        if self._conflict_at is not None and time.monotonic() - self._conflict_at < _CONFLICT_S:
            return explain(Conflict(""))
        return self._problem

    def note(self, problem: str) -> None:
        """Tell of a problem; it is logged where it is a new one, and forgotten when Telegram answers a poll."""
        if problem != self.problem:
            _LOGGER.warning("%s", problem)
        self._problem = problem

    @property
    def answered_s_ago(self) -> float | None:
        return None if self._answered_at is None else time.monotonic() - self._answered_at

    async def run(self) -> None:
        """Poll until cancelled. What is being handled then is left to `finish`."""
        wait = _BACK_OFF_S[0]
        while True:
            try:
                # the first one at once: whether the line is good is to be known now, not in half a minute
                updates = await self._poll(POLL_S if self._answered_at is not None else 0)
            except TelegramError as error:
                pause = wait if not isinstance(error, RetryAfter) else retry_after(error)
                self.errors[type(error).__name__] += 1
                self.note(explain(error))
                if isinstance(error, Conflict):
                    self._conflict_at = time.monotonic()
                    if self._telling is None or self._telling.done():
                        self._telling = asyncio.create_task(self._tell(), name="second poller")
            except Exception:  # an answer that is no update, for example: the line must not go dead for it
                _LOGGER.exception("a poll failed in an unexpected way")
                pause = wait
                self._problem = "a poll failed in an unexpected way: see the log"
            else:
                self._answered_at = time.monotonic()
                if self._problem is not None:
                    _LOGGER.info("Telegram answers again")
                self._problem = None
                wait = _BACK_OFF_S[0]
                await self._handle_all(updates)
                continue
            wait = min(2 * wait, _BACK_OFF_S[1])
            await asyncio.sleep(pause)

    async def finish(self) -> None:
        """Wait for what is being handled and acknowledge it, so that it isn't delivered again at the next start."""
        unfinished: set[asyncio.Task[None]] = set()
        if self._under_way:
            _, unfinished = await asyncio.wait(self._under_way.values(), timeout=_PATIENCE_S)
        for task in unfinished:
            task.cancel()
        if self._offset is not None and not unfinished:
            # It is a courtesy: where it fails, the updates come again and are handled again.
            with contextlib.suppress(TelegramError):
                await self._bot.get_updates(offset=self._offset, timeout=0, limit=1, read_timeout=2)

    async def _tell(self) -> None:
        try:
            await self._conflict()
        except Exception as error:  # noqa: BLE001 - the registry may be starting again; the next refusal tells it
            _LOGGER.warning("nobody could be told of the second poller: %s", type(error).__name__)

    async def _poll(self, seconds: int) -> tuple[Update, ...]:
        return await self._bot.get_updates(
            offset=self._offset, timeout=seconds, read_timeout=_ANSWER_S, allowed_updates=ALLOWED_UPDATES
        )

    async def _handle_all(self, updates: tuple[Update, ...]) -> None:
        if not updates:
            return
        self._offset = updates[-1].update_id + 1
        updates = tuple(update for update in updates if self._limit.allows(_person(update)))
        late = set(self._under_way)
        begun = [(_person(update), self._start(update)) for update in updates]
        if awaited := [task for person, task in begun if person not in late]:
            await asyncio.wait(awaited, timeout=_PATIENCE_S)

    def _start(self, update: Update) -> asyncio.Task[None]:
        key = _person(update)
        task = asyncio.create_task(self._after(self._under_way.get(key), update), name=f"update {update.update_id}")
        self._under_way[key] = task
        task.add_done_callback(lambda done: self._forget(key, done))
        return task

    async def _after(self, earlier: asyncio.Task[None] | None, update: Update) -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        try:
            await self._handle(update)
        except Exception:  # one update's fault must not stop the others; it is on record
            _LOGGER.exception("update %s could not be handled", update.update_id)

    def _forget(self, key: int, done: asyncio.Task[None]) -> None:
        if self._under_way.get(key) is done:
            del self._under_way[key]


def _person(update: Update) -> int:
    """Whose updates are handled in order."""
    return update.effective_user.id if update.effective_user else 0
