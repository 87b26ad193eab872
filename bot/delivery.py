"""The outbox to Telegram: every queued notification is sent, whatever happens in between, until it expires.

Where the answer to a send is lost, nobody can know whether the message has arrived. It is then sent again, marked
«Повторно»: a visitor whom nobody meets costs more than a message that comes twice, and both carry the same buttons.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import TypeVar

import httpx
from telegram.error import BadRequest, ChatMigrated, Forbidden, NetworkError, RetryAfter, TelegramError, TimedOut

from bot.application import Bot
from bot.pacing import Urgency
from bot.polling import explain
from bot.registry import Registry
from domain.records import Notification, NotificationState

_LOGGER = logging.getLogger(__name__)

#: Seconds that the outbox is asked to wait for something new.
_OUTBOX_S = 20.0
#: Seconds beyond that until the question itself counts as lost.
_LOST_S = 15.0
#: Seconds between two looks into the outbox while something is under way.
_LOOK_S = 0.1
#: Seconds between tries after a failure: the first, and the longest.
_BACK_OFF_S = (0.5, 8.0)
#: Seconds after a notification's end until nobody wants to know any more that it was sent.
_MARK_S = 60.0
#: Seconds that `stop` gives to what is under way.
_STOP_S = 5.0


#: Causes that show that not a word of the message has left.
_NOT_WRITTEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Fault(Enum):
    """What a failed send means for the next one."""

    #: Telegram says when: obey.
    PAUSE = auto()
    #: It was certainly not accepted: again, later.
    AGAIN = auto()
    #: It may have been accepted: again, marked.
    UNSURE = auto()
    #: Telegram doesn't like the picture: again, without it.
    CARD = auto()
    #: It won't ever be accepted.
    FINAL = auto()


def fault_of(error: TelegramError, *, with_card: bool) -> Fault:
    """What a failed send means."""
    match error:
        case RetryAfter():
            return Fault.PAUSE
        case Forbidden() | ChatMigrated():
            return Fault.FINAL
        case BadRequest():
            unknown = "chat not found" in error.message.lower()
            return Fault.CARD if with_card and not unknown else Fault.FINAL
        case TimedOut() | NetworkError() if error.__cause__ is not None:
            return Fault.AGAIN if isinstance(error.__cause__, _NOT_WRITTEN) else Fault.UNSURE
        case _:
            return Fault.AGAIN


class Delivery:
    """Sends what the outbox holds: chats beside each other, one notification never twice at the same time."""

    def __init__(self, bot: Bot, registry: Registry) -> None:
        self._bot = bot
        self._registry = registry
        #: The task of each notification that is under way, from the outbox until it is marked.
        self._under_way: dict[int, asyncio.Task[None]] = {}
        #: The last task of each chat, so that a chat's messages keep their order.
        self._chats: dict[int, asyncio.Task[None]] = {}
        #: Those under way that the outbox no longer holds.
        self._withdrawn: set[int] = set()
        #: When those ended that the outbox may still have held when it was last asked.
        self._ended: dict[int, float] = {}
        #: The version of the outbox that was had last.
        self._seen: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begin to deliver, within the running event loop."""
        self._stopping, self._seen = False, None
        self._task = asyncio.create_task(self._run(), name="delivery")

    async def stop(self) -> None:
        """Take nothing new, and give what is under way a few seconds. What remains stays in the outbox."""
        if self._task is None:
            return
        # Both, since the registry's client may take the cancellation for its own.
        self._stopping = True
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None
        if self._under_way:
            _, late = await asyncio.wait(self._under_way.values(), timeout=_STOP_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    @property
    def healthy(self) -> bool:
        """The loop is alive."""
        return self._task is not None and not self._task.done()

    async def _run(self) -> None:
        while not self._stopping:
            asked = time.monotonic()
            held = await self._outbox()
            # An answer can be older than a mark that was set while it was on its way.
            self._ended = {id_: at for id_, at in self._ended.items() if at >= asked}
            # Under way and no longer queued: declined by /cancel or expired, and not to be tried again.
            self._withdrawn = self._under_way.keys() - {one.id for one in held}
            skipped, now = self._under_way.keys() | self._ended.keys(), time.time()
            fresh = [one for one in held if one.id not in skipped and now < one.expires_at]
            for notification in fresh:
                self._begin(notification)
            if not fresh and (held or self._under_way):
                await self._pause()

    async def _pause(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(_LOOK_S)

    async def _outbox(self) -> list[Notification]:
        async def ask() -> list[Notification]:
            # What is under way is still in the outbox; as soon as it is not, that must be known.
            wait = 0.0 if self._under_way else _OUTBOX_S
            # Not wait_for: before Python 3.12 it can swallow the cancellation that `stop` sends.
            async with asyncio.timeout(wait + _LOST_S):
                seen = None if self._under_way else self._seen
                outbox = await self._registry.outbox(bot=self._bot.name, seen=seen, wait_s=wait)
                self._seen = outbox.version
                return [one for one in outbox.notifications if one.state is NotificationState.QUEUED]

        return await _insist(ask, "the outbox could not be read", until=math.inf) or []

    def _begin(self, notification: Notification) -> None:
        earlier = self._chats.get(notification.chat)
        task = asyncio.create_task(self._deliver(notification, earlier), name=f"notification {notification.id}")
        self._under_way[notification.id] = task
        self._chats[notification.chat] = task
        task.add_done_callback(lambda done: self._end(notification, done))

    def _end(self, notification: Notification, done: asyncio.Task[None]) -> None:
        del self._under_way[notification.id]
        self._ended[notification.id] = time.monotonic()
        if self._chats.get(notification.chat) is done:
            del self._chats[notification.chat]

    async def _deliver(self, notification: Notification, earlier: asyncio.Task[None] | None) -> None:
        if earlier is not None:
            await asyncio.wait([earlier])
        again, card, wait = False, True, _BACK_OFF_S[0]
        while await self._in_time(notification):
            try:
                message = await self._bot.send(notification, again=again, card=card)
            except TelegramError as error:
                fault = fault_of(error, with_card=card and notification.card is not None)
                _LOGGER.warning("notification %s: %s (%s)", notification.id, explain(error), fault.name)
                if fault is Fault.FINAL:
                    blocked = isinstance(error, Forbidden) or "chat not found" in error.message.lower()
                    await self._mark_failed(notification, explain(error), blocked=blocked)
                    return
                again = again or fault is Fault.UNSURE
                card = card and fault is not Fault.CARD
                if fault in {Fault.PAUSE, Fault.CARD}:
                    continue  # The bot knows until when it has to be silent.
            except Exception:  # whatever it is, the visitor stands in the door: it is on record, and tried again
                _LOGGER.exception("notification %s: sending failed in an unexpected way", notification.id)
                again = True
            else:
                late = time.time() - notification.created_at
                _LOGGER.info("notification %s: sent %.0f ms after it was made", notification.id, late * 1000)
                await self._mark_sent(notification, message)
                return
            await asyncio.sleep(min(wait, max(0.0, notification.expires_at - time.time())))
            wait = min(2 * wait, _BACK_OFF_S[1])
        _LOGGER.warning("notification %s: it is over before it could be sent", notification.id)

    async def _in_time(self, notification: Notification) -> bool:
        """Wait for its turn. False where the notification is over before."""
        left = notification.expires_at - time.time()
        if left <= 0:
            return False
        try:
            async with asyncio.timeout(left):
                await self._bot.turn(notification.chat, Urgency.VISITOR)
        except TimeoutError:
            return False
        return notification.id not in self._withdrawn

    async def _mark_sent(self, notification: Notification, message: int) -> None:
        async def mark() -> bool:
            await self._registry.mark_sent(
                notification=notification.id, message=message, revision=notification.revision
            )
            return True

        await self._mark(mark, notification)

    async def _mark_failed(self, notification: Notification, reason: str, *, blocked: bool) -> None:
        async def mark() -> bool:
            await self._registry.mark_failed(notification=notification.id, reason=reason, blocked=blocked)
            return True

        await self._mark(mark, notification)

    async def _mark(self, mark: Callable[[], Awaitable[bool]], notification: Notification) -> None:
        what = f"notification {notification.id} could not be marked"
        if not await _insist(mark, what, until=notification.expires_at + _MARK_S):
            _LOGGER.error("%s: given up", what)


_T = TypeVar("_T")


async def _insist(call: Callable[[], Awaitable[_T]], what: str, *, until: float) -> _T | None:
    """Ask the registry until it answers: it may be about to start again. None where `until` comes before."""
    wait = _BACK_OFF_S[0]
    while True:
        try:
            return await call()
        except Exception as error:  # noqa: BLE001 - a process that is being restarted fails in any way
            _LOGGER.warning("%s: %s: %s", what, type(error).__name__, error)
        if time.time() + wait > until:
            return None
        await asyncio.sleep(wait)
        wait = min(2 * wait, _BACK_OFF_S[1])
