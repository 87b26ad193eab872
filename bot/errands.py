"""What delivery has to do, one errand each: send a notification, change its message, tell an admin.

An errand is tried until it is done, or can never be done, or the registry no longer wants it. Where the answer to a
send is lost, nobody can know whether the message has arrived. It is then sent again, to the letter as it was: a
visitor whom nobody meets costs more than a message that comes twice, and both carry the same number and buttons.
"""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from telegram.error import TelegramError

from bot.application import Bot
from bot.failures import Fault, fault_of
from bot.pacing import Urgency
from bot.polling import explain
from bot.registry import Registry
from domain.records import Notice, Notification, NotificationState

_LOGGER = logging.getLogger(__name__)

#: Seconds between tries after a failure: the first, and the longest.
BACK_OFF_S = (0.5, 8.0)
#: Seconds that the registry is told of a deed until it has heard: a restart takes it two.
_MARK_S = 120.0
#: Only the assistant's own press brings these: whoever has just pressed looks at the screen.
_PRESSED = {NotificationState.TAKEN, NotificationState.DECLINED}

_T = TypeVar("_T")
_Item = TypeVar("_Item", Notification, Notice)


class Errand(ABC, Generic[_Item]):
    """One thing to do."""

    def __init__(self, bot: Bot, registry: Registry, item: _Item) -> None:
        self._bot = bot
        self._registry = registry
        self._name = f"{type(item).__name__.lower()} {item.id}"
        #: As the outbox said last; None: it no longer wants it.
        self._newest: _Item | None = item
        #: It waits, and nothing is lost where it is called off.
        self._waits = False
        #: It was done, or never can be: as it was then.
        self.settled: _Item | None = None
        self.task = asyncio.create_task(self._run(), name=self._name)

    def hear(self, item: _Item | None) -> None:
        """What the outbox says of it now; with None it is no longer wanted."""
        self._newest = item
        if self._waits and self._wanted() is None:
            self.call_off()

    def call_off(self) -> None:
        """Do it no more, unless it is being done at this moment."""
        if self._waits:
            self.task.cancel()

    async def _run(self) -> None:
        """Try until there is nothing more to be done."""
        wait = BACK_OFF_S[0]
        while (item := self._wanted()) is not None:
            with self._waiting():
                await self._bot.turn(item.chat, self._urgency(item))
            if (item := self._wanted()) is None:
                break
            try:
                await self._do(item)
            except TelegramError as error:
                fault = fault_of(error)
                _LOGGER.warning("%s: %s (%s)", self._name, explain(error), fault.name)
                if fault in {Fault.REFUSED, Fault.UNREACHABLE} and not self._otherwise(item, error):
                    self.settled = item
                    await self._fail(item, explain(error), blocked=fault is Fault.UNREACHABLE)
                    return
                if fault not in {Fault.AGAIN, Fault.UNSURE}:
                    continue  # The bot knows until when it has to be silent.
            except Exception:  # whatever it is, the visitor stands in the door: it is on record, and tried again
                _LOGGER.exception("%s: failed in an unexpected way", self._name)
            else:
                return
            with self._waiting():
                await asyncio.sleep(wait)
            wait = min(2 * wait, BACK_OFF_S[1])
        _LOGGER.info("%s: no longer wanted", self._name)

    def _wanted(self) -> _Item | None:
        return self._newest

    @abstractmethod
    def _urgency(self, item: _Item) -> Urgency: ...

    @abstractmethod
    async def _do(self, item: _Item) -> None:
        """Do it once, and tell the registry. Raises what the library raises."""

    @abstractmethod
    async def _fail(self, item: _Item, reason: str, *, blocked: bool) -> None:
        """Tell the registry that it never can be done."""

    def _otherwise(self, item: _Item, error: TelegramError) -> bool:  # noqa: ARG002 - for those who know another way
        """It was refused: whether it is to be tried in another way."""
        return False

    async def _mark(self, item: _Item, mark: Callable[[], Awaitable[None]]) -> None:
        self.settled = item

        async def marked() -> bool:
            await mark()
            return True

        what = f"{self._name} could not be marked"
        if not await insist(marked, what, for_s=_MARK_S):
            _LOGGER.error("%s: given up", what)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self._waits = True
        try:
            yield
        finally:
            self._waits = False


class Sending(Errand[Notification]):
    """Sends a notification, with its picture if there is one, and rather without than not at all."""

    def __init__(
        self, bot: Bot, registry: Registry, item: Notification, *, chat: asyncio.Lock, tried: dict[int, float]
    ) -> None:
        """`chat`: held by one at a time. `tried`: when notifications were first tried that are not sent yet."""
        super().__init__(bot, registry, item)
        self._chat = chat
        self._tried = tried
        self._with_card = True

    async def _run(self) -> None:
        with self._waiting():
            await self._chat.acquire()
        try:
            await super()._run()
        finally:
            self._chat.release()

    def _wanted(self) -> Notification | None:
        item = self._newest
        in_time = item is not None and item.state is NotificationState.QUEUED and time.time() < item.expires_at
        return item if in_time else None

    def _urgency(self, item: Notification) -> Urgency:
        # it has stood in line once, and those behind it wait for it
        return Urgency.ANSWER if item.id in self._tried else Urgency.VISITOR

    async def _do(self, item: Notification) -> None:
        # to the letter as it was before, the seconds since the visitor came in among them
        at = self._tried.setdefault(item.id, time.time())
        message = await self._bot.send(item, at=at, card=self._with_card)
        self._tried.pop(item.id, None)
        late = time.time() - item.created_at
        _LOGGER.info("%s: sent %.0f ms after it was made", self._name, late * 1000)
        await self._mark(
            item,
            lambda: self._registry.mark_sent(notification=item.id, message=message, revision=item.revision),
        )

    def _otherwise(self, item: Notification, error: TelegramError) -> bool:
        again = self._with_card and item.card is not None and fault_of(error) is Fault.REFUSED
        self._with_card = False
        return again

    async def _fail(self, item: Notification, reason: str, *, blocked: bool) -> None:
        await self._mark(item, lambda: self._registry.mark_failed(notification=item.id, reason=reason, blocked=blocked))


class Changing(Errand[Notification]):
    """Brings a notification's message up to date."""

    def _urgency(self, item: Notification) -> Urgency:
        return Urgency.ANSWER if item.state in _PRESSED else Urgency.CHANGE

    async def _do(self, item: Notification) -> None:
        await self._bot.change(item)
        message = item.message or 0
        await self._mark(
            item,
            lambda: self._registry.mark_shown(notification=item.id, message=message, revision=item.revision),
        )

    async def _fail(self, item: Notification, reason: str, *, blocked: bool) -> None:
        await self._mark(item, lambda: self._registry.mark_failed(notification=item.id, reason=reason, blocked=blocked))


class Telling(Errand[Notice]):
    """Tells an admin."""

    def _urgency(self, item: Notice) -> Urgency:  # noqa: ARG002 - the signature of them all
        return Urgency.NOTICE

    async def _do(self, item: Notice) -> None:
        await self._bot.tell(item)
        await self._mark(item, lambda: self._registry.mark_noticed(notice=item.id))

    async def _fail(self, item: Notice, reason: str, *, blocked: bool) -> None:  # noqa: ARG002 - the signature of them all
        await self._mark(item, lambda: self._registry.mark_noticed(notice=item.id))


async def insist(call: Callable[[], Awaitable[_T]], what: str, *, for_s: float) -> _T | None:
    """Ask the registry until it answers: it may be about to start again. None where it does not within that time."""
    until, wait = time.monotonic() + for_s, BACK_OFF_S[0]
    while True:
        try:
            return await call()
        except Exception as error:  # noqa: BLE001 - a process that is being restarted fails in any way
            _LOGGER.warning("%s: %s: %s", what, type(error).__name__, error)
        if time.monotonic() + wait > until:
            return None
        await asyncio.sleep(wait)
        wait = min(2 * wait, BACK_OFF_S[1])
