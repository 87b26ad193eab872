"""The assistant registry: who waits, who hears of which visit, and what they said.

All of it lies in SQLite, and each change is one transaction, so that a kill at any moment loses nothing. Calls
that change something carry an id and may be repeated.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

import aiosqlite

from actors import offers
from actors.cards import Cards
from actors.office import Office
from domain.days import day_of, midnight
from domain.errors import NotRegisteredError
from domain.records import (
    NOT_A_CUSTOMER,
    AssistantDay,
    AssistantState,
    Notice,
    NoticeKind,
    Notification,
    NotificationState,
    Origin,
    Outbox,
    Sample,
    Standing,
    Visit,
)
from domain.settings import Settings
from storage import assistants, figures, leases, moments, notices, notifications, samples, visits
from storage.database import Database

#: Of each kind that a bot is given at once: seven seconds of work at Telegram's pace.
_OUTBOX = 200
#: And of each assistant: what a chat takes within half a minute, beside answers. Of more than that, the newest few.
_OUTBOX_EACH = 15

_LOGGER = logging.getLogger(__name__)


class AssistantRegistry(Office):
    """Plain and without Ray; one thin line makes an actor of it."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(settings, database, clock, steady)
        self._cards = Cards()
        #: By bot: there is more to do than was handed out.
        self._more: dict[str, bool] = {}

    # -- cameras ------------------------------------------------------------------------------------------

    async def announce(self, visit: Visit, *, age_s: float = 0, lease: tuple[str, int] | None = None) -> None:
        """Tell of a visit: in one transaction it is stored, and who waits gets a notification.

        `age_s`: how long ago it was, by the camera's own clock; one that comes after its lifetime is recorded only.
        `lease`: the camera's, and the token that must be its newest one.
        Announcing the same visit again changes nothing. Raises InputError for an unknown store, LeaseLostError.
        """
        store = self._store(visit.store)
        now = await self._now()
        until = now - age_s + store.notification_lifetime_s

        async def work(connection: aiosqlite.Connection) -> bool:
            if lease is not None:
                await leases.check(connection, *lease)
            await offers.catch_up(connection, self._stores, now=now)
            if not await visits.insert(connection, visit, day=day_of(visit.at, store.timezone), open_until=until):
                return False
            if until > now:
                await offers.announced(connection, store, visit.id, now=now)
            else:
                _LOGGER.warning("visit %s came %.0f s late and is over", visit.id, age_s)
            return True

        if not await self._database.run(work):
            return
        self._cards.keep(visit, until=until, now=now)
        self._news()

    # -- assistants, by way of the bot --------------------------------------------------------------------

    async def standing(self, *, telegram_id: int) -> Standing:
        """What an assistant does now. Raises NotRegisteredError."""
        async with self._database.transaction() as connection:
            return Standing(assistant=await self._known(connection, telegram_id), changed=False)

    async def wait(self, *, telegram_id: int, update: int) -> Standing:
        """Wait for visitors; those whom nobody has met yet are told of at once. Raises NotRegisteredError."""
        return await self._move(telegram_id, update, AssistantState.WAITING)

    async def pause(self, *, telegram_id: int, update: int) -> Standing:
        """Wait no longer; what this one was told and has not answered is declined. Raises NotRegisteredError."""
        return await self._move(telegram_id, update, AssistantState.OFF)

    async def know(self, *, telegram_id: int, departments: Collection[str]) -> Standing:
        """Note which departments the assistant knows best. Raises NotRegisteredError."""
        async with self._database.transaction() as connection:
            assistant = await self._known(connection, telegram_id)
            known = tuple(name for name in self._stores[assistant.store].departments if name in departments)
            await assistants.set_departments(connection, assistant.id, known)
            return Standing(assistant=replace(assistant, departments=known), changed=known != assistant.departments)

    async def day(self, *, telegram_id: int) -> AssistantDay:
        """The assistant's own day so far. Raises NotRegisteredError."""
        async with self._database.transaction() as connection:
            assistant = await self._known(connection, telegram_id)
            zone = self._stores[assistant.store].timezone
            since = midnight(self._clock(), zone)
            return await figures.assistant_day(connection, assistant.id, since=since, timezone=zone)

    async def take(self, *, notification: int, telegram_id: int) -> Notification:
        """The assistant goes to the visitor; the first one does. Raises NotRegisteredError for another's."""
        now = await self._now()
        async with self._database.transaction() as connection:
            await offers.catch_up(connection, self._stores, now=now)
            found = await self._own(connection, notification, telegram_id)
            if found.state in {NotificationState.QUEUED, NotificationState.SENT} and await visits.take(
                connection, found.visit, assistant=found.assistant, now=now
            ):
                await notifications.end(connection, found.id, NotificationState.TAKEN, now=now)
                await notifications.end_others(connection, found.visit, found.id, now=now)
                await assistants.set_state(connection, found.assistant, AssistantState.BUSY, now=now)
                await offers.taken(connection, self._stores[found.store], now=now)
            taken = await self._own(connection, notification, telegram_id)
        self._news()
        return taken

    async def decline(self, *, notification: int, telegram_id: int) -> Notification:
        """The assistant can't go, and goes on waiting. Raises NotRegisteredError for another's."""
        now = await self._now()
        async with self._database.transaction() as connection:
            await offers.catch_up(connection, self._stores, now=now)
            found = await self._own(connection, notification, telegram_id)
            if found.state in {NotificationState.QUEUED, NotificationState.SENT}:
                await notifications.end(connection, found.id, NotificationState.DECLINED, now=now)
                await offers.turned_down(connection, self._stores[found.store], found.visit, now=now)
            declined = await self._own(connection, notification, telegram_id)
        self._news()
        return declined

    async def answer(self, *, notification: int, telegram_id: int, answer: str) -> Notification:
        """Note which department it really was, or `NOT_A_CUSTOMER`; a later answer replaces an earlier one.

        Unchanged for an answer that is none, and an hour after the visit was taken. Raises NotRegisteredError for
        another's.
        """
        now = await self._now()
        async with self._database.transaction() as connection:
            found = await self._own(connection, notification, telegram_id)
            ranking = found.prediction.ranking if found.prediction else ()
            possible = {*found.departments, NOT_A_CUSTOMER, *(one.department for one in ranking[:1])}
            in_time = found.answerable_until is not None and now <= found.answerable_until
            if in_time and answer in possible and answer != found.answer:
                await visits.set_answer(connection, found.visit, answer)
                await notifications.touch(connection, found.id, now=now)
                await self._learn(connection, found, answer)
            answered = await self._own(connection, notification, telegram_id)
        self._news()
        return answered

    async def look_at(self, *, notification: int, telegram_id: int, message: int) -> None:
        """The assistant looks at that message, which may show anything. Raises NotRegisteredError for another's."""
        async with self._database.transaction() as connection:
            found = await self._own(connection, notification, telegram_id)
            await notifications.look_at(connection, found.id, message=message, now=self._clock())
        self._news()

    # -- delivery -----------------------------------------------------------------------------------------

    async def outbox(self, *, bot: str, seen: int | None, wait_s: float) -> Outbox:
        """What a bot has to do; waits up to so many seconds for something new. See `bot.registry.Registry`."""
        deadline = time.monotonic() + wait_s
        while True:
            now = await self._now()
            changed, version = self._changed, self._version
            left = deadline - time.monotonic()
            caught_up, held, more, words, due = await self._database.run(partial(self._look, bot, now))
            self._more[bot] = more
            if caught_up:
                self._news()
                version = self._version
            news = version != seen if seen is not None else bool(held or words)
            if news or left <= 0:
                return Outbox(
                    version=version,
                    notifications=tuple(self._cards.onto(notification) for notification in held),
                    notices=tuple(words),
                )
            waits = [left, *(moment - now for moment in due if moment is not None)]
            try:
                async with asyncio.timeout(max(0.0, min(waits))):
                    await changed.wait()
            except TimeoutError:
                continue

    async def _look(
        self, bot: str, now: float, connection: aiosqlite.Connection
    ) -> tuple[bool, list[Notification], bool, list[Notice], list[float | None]]:
        """What the bot has to do, now that time has gone on.

        Whether time has brought something; notifications, and whether there are more; notices; and when time may bring
        something next.
        """
        caught_up = await offers.catch_up(connection, self._stores, now=now)
        held, more = await notifications.pending(
            connection, self._stores, bot, now=now, limit=_OUTBOX, each=_OUTBOX_EACH
        )
        words = await notices.pending(connection, bot, now=now, limit=_OUTBOX)
        due = [await offers.next_moment(connection), await notices.next_due(connection, now=now)]
        return caught_up, held, more, words, due

    async def mark_sent(self, *, notification: int, message: int, revision: int) -> None:
        """Telegram has the message, which shows that revision. May be told twice."""

        async def work(connection: aiosqlite.Connection) -> Notification | None:
            await notifications.mark_sent(
                connection, notification, message=message, revision=revision, now=self._clock()
            )
            return await notifications.by_id(connection, notification, self._stores)

        found = await self._database.run(work)
        if found is not None:
            self._sent(found)
            if found.revision > revision or self._more.get(found.bot):
                self._news()

    def _sent(self, notification: Notification) -> None:
        """One was; the actor measures how long it took."""

    async def mark_shown(self, *, notification: int, message: int, revision: int) -> None:
        """The message shows that revision now. May be told twice."""
        await self._database.run(
            partial(notifications.mark_shown, notification=notification, message=message, revision=revision)
        )
        if any(self._more.values()):
            self._news()

    async def mark_failed(self, *, notification: int, reason: str, blocked: bool) -> None:
        """It can't be delivered to this assistant; in a store that tells one after the other the next one hears."""
        now = await self._now()
        async with self._database.transaction() as connection:
            found = await notifications.by_id(connection, notification, self._stores)
            if found is None:
                return
            await notifications.fail(connection, found.id, reason=reason, now=now)
            if blocked:
                await self._switch_off(connection, found, now=now)
            if found.state is NotificationState.QUEUED and found.store in self._stores:
                await offers.turned_down(connection, self._stores[found.store], found.visit, now=now)
        self._news()

    async def _now(self) -> float:
        """What the clock says. Where it was set meanwhile, what waits for a moment waits as long as it would have."""
        by = self._steps.step()
        if by:
            _LOGGER.warning("the clock was set by %.0f s; what waits for a moment is moved with it", by)
            async with self._database.transaction() as connection:
                await moments.shift(connection, by=by, now=self._clock())
            self._cards.shift(by)
            self._news()
        return self._clock()

    async def after_start(self) -> None:
        """Hold nothing longer than it may be held: the clock may have been set back while nobody looked."""
        now = self._clock()
        async with self._database.transaction() as connection:
            for store in self._stores.values():
                await moments.clamp(connection, store=store.id, lifetime_s=store.notification_lifetime_s, now=now)

    # -- within a transaction -----------------------------------------------------------------------------

    async def _move(self, telegram_id: int, update: int, state: AssistantState) -> Standing:
        now = await self._now()
        async with self._database.transaction() as connection:
            await offers.catch_up(connection, self._stores, now=now)
            assistant = await self._known(connection, telegram_id)
            before = await assistants.remembered(connection, assistant.id, update)
            if before is not None:
                return Standing(assistant=assistant, changed=before)
            changed = assistant.state is not state
            if changed:
                await assistants.set_state(connection, assistant.id, state, now=now)
                store = self._stores[assistant.store]
                if state is AssistantState.WAITING:
                    await offers.began_to_wait(connection, store, assistant.id, now=now)
                else:
                    declined = await notifications.end_all_of(connection, assistant.id, now=now)
                    await offers.turned_down(connection, store, *declined, now=now)
            await assistants.remember(connection, assistant.id, update, changed=changed)
            standing = Standing(assistant=await self._known(connection, telegram_id), changed=changed)
        self._news()
        return standing

    async def _switch_off(self, connection: aiosqlite.Connection, notification: Notification, *, now: float) -> None:
        """Its assistant has blocked the bot: nothing more for this one until «Начнём!»."""
        found = await assistants.by_id(connection, notification.assistant)
        if found is None or found.state is AssistantState.OFF:
            return
        await assistants.set_state(connection, found.id, AssistantState.OFF, now=now)
        store = self._stores.get(found.store)
        if store is not None:
            declined = await notifications.end_all_of(connection, found.id, now=now)
            await offers.turned_down(connection, store, *declined, now=now)
        await self._tell(
            connection,
            NoticeKind.BLOCKED,
            str(found.id),
            {"name": found.name, "store": store.name if store else found.store},
            admins=self._admins,
            now=now,
        )

    async def _learn(self, connection: aiosqlite.Connection, notification: Notification, answer: str) -> None:
        """An answer that names a department makes the visit a sample; another answer changes or withdraws it."""
        visit = await visits.by_id(connection, notification.visit)
        store = self._stores[notification.store]
        identity = f"visit:{notification.visit}"
        if visit is None or visit.embedding is None or answer not in store.departments:
            await samples.remove(connection, identity)
            return
        sample = Sample(
            id=identity,
            store=store.id,
            department=answer,
            origin=Origin.ASSISTANT,
            camera=visit.camera,
            day=day_of(visit.at, store.timezone),
            group=identity,
            embedding=visit.embedding,
        )
        await samples.insert(connection, sample)

    async def _own(self, connection: aiosqlite.Connection, notification: int, telegram_id: int) -> Notification:
        found = await notifications.by_id(connection, notification, self._stores)
        if found is None or found.chat != telegram_id or found.store not in self._stores:
            raise NotRegisteredError("that notification is somebody else's")
        return found
