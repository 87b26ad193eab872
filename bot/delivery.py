"""The outbox to Telegram: what is queued is sent, messages that should say something else are changed, admins told."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from bot.application import Bot
from bot.errands import Changing, Errand, Sending, Telling, insist
from bot.registry import Registry
from domain.records import Notice, Notification, NotificationState, Outbox

_LOGGER = logging.getLogger(__name__)

#: Seconds that the outbox is asked to wait for something new.
_OUTBOX_S = 20.0
#: Seconds beyond that until the question itself counts as lost.
_LOST_S = 15.0
#: Seconds between an answer and the next question: what happens meanwhile is had at once.
_LOOK_S = 0.02
#: Seconds that `stop` gives to what is under way.
_STOP_S = 5.0
#: Notifications of which it is remembered when they were tried first, though they are not sent yet.
_TRIED = 1000

_Item = TypeVar("_Item", Notification, Notice)


class Delivery:
    """Does what the outbox holds: chats beside each other, none of it twice at the same time."""

    def __init__(self, bot: Bot, registry: Registry) -> None:
        self._bot = bot
        self._registry = registry
        self._notifications: _Desk[Notification] = _Desk(self._notify)
        self._notices: _Desk[Notice] = _Desk(self._tell)
        #: Held by what is being sent to each chat, so that a chat's visitors keep their order.
        self._chats: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        #: When those were first tried whose answer was lost: they are sent again to the letter.
        self._tried: dict[int, float] = {}
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
        tasks = [*self._notifications.close(), *self._notices.close()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_STOP_S)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    @property
    def healthy(self) -> bool:
        """The loop is alive."""
        return self._task is not None and not self._task.done()

    @property
    def under_way(self) -> int:
        """How much is being sent, changed or told at this moment, or waits for its turn."""
        return self._notifications.under_way + self._notices.under_way

    async def _run(self) -> None:
        while not self._stopping:
            asked_at = time.monotonic()
            outbox = await insist(self._ask, "the outbox could not be read", for_s=math.inf)
            assert outbox is not None
            self._seen = outbox.version
            self._notifications.hear(outbox.notifications, asked_at=asked_at)
            self._notices.hear(outbox.notices, asked_at=asked_at)
            await asyncio.sleep(_LOOK_S)

    async def _ask(self) -> Outbox:
        # Not wait_for: before Python 3.12 it can swallow the cancellation that `stop` sends.
        async with asyncio.timeout(_OUTBOX_S + _LOST_S):
            return await self._registry.outbox(bot=self._bot.name, seen=self._seen, wait_s=_OUTBOX_S)

    def _notify(self, item: Notification, settled: Notification | None) -> Errand[Notification] | None:
        if item.state is not NotificationState.QUEUED:
            stale = settled is None or settled.message != item.message or settled.revision < item.revision
            return Changing(self._bot, self._registry, item) if stale else None
        # sent already: the outbox' answer is older than that
        if settled is not None:
            return None
        while len(self._tried) > _TRIED:
            del self._tried[next(iter(self._tried))]
        chat = self._chats.setdefault(item.chat, asyncio.Lock())
        return Sending(self._bot, self._registry, item, chat=chat, tried=self._tried)

    def _tell(self, item: Notice, settled: Notice | None) -> Errand[Notice] | None:
        return Telling(self._bot, self._registry, item) if settled is None else None


class _Desk(Generic[_Item]):
    """What of one kind is to be done, and what is under way: never two errands for the same thing."""

    def __init__(self, errand: Callable[[_Item, _Item | None], Errand[_Item] | None]) -> None:
        """`errand` makes one for what the outbox holds, seen what was settled before; None where that says nothing."""
        self._errand: Callable[[_Item, _Item | None], Errand[_Item] | None] = errand
        self._held: dict[int, _Item] = {}
        self._under_way: dict[int, Errand[_Item]] = {}
        #: What was done, or never can be, and when: of what the outbox still holds, or may hold in an answer that is
        #: older than that.
        self._settled: dict[int, tuple[float, _Item]] = {}
        self._closed = False

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    def hear(self, items: Iterable[_Item], *, asked_at: float) -> None:
        """All that the outbox holds now, asked at that moment."""
        self._held = {item.id: item for item in items}
        self._settled = {
            id_: (at, settled) for id_, (at, settled) in self._settled.items() if id_ in self._held or at > asked_at
        }
        for id_, errand in self._under_way.items():
            errand.hear(self._held.get(id_))
        for item in self._held.values():
            self._begin(item)

    def close(self) -> list[asyncio.Task[None]]:
        """Begin nothing more; what waits is called off. Returns what is being done."""
        self._closed = True
        for errand in self._under_way.values():
            errand.call_off()
        return [errand.task for errand in self._under_way.values()]

    def _begin(self, item: _Item) -> None:
        if self._closed or item.id in self._under_way:
            return
        _, settled = self._settled.get(item.id, (0.0, None))
        errand = self._errand(item, settled)
        if errand is not None:
            self._under_way[item.id] = errand
            errand.task.add_done_callback(lambda done: self._end(item.id, errand, done))

    def _end(self, id_: int, errand: Errand[_Item], done: asyncio.Task[None]) -> None:
        del self._under_way[id_]
        if not done.cancelled() and (error := done.exception()) is not None:
            _LOGGER.error("%s: given up in an unexpected way", done.get_name(), exc_info=error)
        if errand.settled is not None:
            self._settled[id_] = time.monotonic(), errand.settled
            if id_ in self._held:
                # what the outbox has said of it meanwhile
                self._begin(self._held[id_])
