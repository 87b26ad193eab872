"""The assistant registry: who waits, who hears of which visit, and what they said.

All of it lies in SQLite, and each change is one transaction, so that a kill at any moment loses nothing. Calls
that change something carry an id and may be repeated.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypedDict
from zoneinfo import ZoneInfo

import aiosqlite

from actors.plan import DATABASE, Plan
from domain.errors import InputError, NotRegisteredError
from domain.records import Assistant, AssistantState, Notification, NotificationState, Origin, Sample, Visit
from domain.settings import Settings
from storage import assistants, notifications, samples, visits
from storage.database import Database


class StoreStatus(TypedDict):
    """One store's part of `amiko status`."""

    assistants: list[dict[str, str | float | None]]
    #: Of the last 24 hours.
    visits: int
    #: Of the last 24 hours, by state.
    notifications: dict[str, int]


class AssistantRegistry:
    """Plain and without Ray; one thin line makes an actor of it."""

    def __init__(self, settings: Settings, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._stores = {store.id: store for store in settings.stores}
        self._catalogue = {store.id: store.departments for store in settings.stores}
        self._keep_s = settings.training.keep_samples_days * 24 * 3600
        self._database = database
        self._clock = clock
        #: Set whenever something new may be in the outbox.
        self._news = asyncio.Event()
        #: Visitors' small pictures, by visit: in memory alone, and no longer than their notifications live.
        self._cards: dict[str, tuple[float, bytes]] = {}

    # -- cameras ------------------------------------------------------------------------------------------

    async def announce(self, visit: Visit) -> None:
        """Tell of a visit: in one transaction it is stored, and who waits moves on and gets a notification.

        Announcing the same visit again changes nothing. Raises InputError for an unknown store.
        """
        if visit.store not in self._stores:
            raise InputError(f"visit {visit.id}: no store {visit.store!r} in the settings")
        now = self._clock()
        async with self._database.transaction() as connection:
            await self._expire(connection, now)
            # first, so that a visit from a camera whose clock is far behind is told of all the same
            await visits.forget_before(connection, now - self._keep_s)
            if not await visits.insert(connection, visit):
                return
            until = now + self._stores[visit.store].notification_lifetime_s
            await self._offer(connection, visit.id, visit.store, now=now, until=until)
        if visit.card is not None:
            self._cards[visit.id] = (until, visit.card)
        self._news.set()

    # -- assistants, by way of the bot --------------------------------------------------------------------

    async def login(self, *, telegram_id: int, username: str | None, name: str, language: str) -> Assistant:
        """Recognise a person by Telegram id, else by user name, and note what Telegram says of them now.

        `name` is what Telegram calls the person; the staff list's name stays. Raises NotRegisteredError.
        """
        async with self._database.transaction() as connection:
            found = await assistants.by_telegram_id(connection, telegram_id)
            if found is None and username is not None:
                found = await assistants.by_username(connection, username)
                if found is not None and found.telegram_id is not None:
                    found = None
            if found is None or found.store not in self._stores:
                raise NotRegisteredError(f"{name} is on no store's staff list; add: amiko assistants add")
            await assistants.bind(connection, found.id, telegram_id=telegram_id, username=username, language=language)
            bound = await assistants.by_id(connection, found.id)
            assert bound is not None
            return bound

    async def wait(self, *, telegram_id: int, update: int) -> bool:
        """Wait for visitors; False where the assistant did already. Raises NotRegisteredError."""
        now = self._clock()
        async with self._database.transaction() as connection:
            await self._expire(connection, now)
            assistant = await self._known(connection, telegram_id)
            before = await assistants.remembered(connection, assistant.id, update)
            if before is not None:
                return before
            # who is about to be told of a visitor is taken for one who waits, and not for one who is free for another
            told = await notifications.queued_of(connection, assistant.id, self._catalogue)
            changed = assistant.state != AssistantState.WAITING and not told
            if changed:
                await self._let_wait(connection, assistant.id, assistant.store, now=now)
            await assistants.remember(connection, assistant.id, update, changed=changed)
        self._news.set()
        return changed

    async def off(self, *, telegram_id: int, update: int) -> bool:
        """Wait no longer; False where the assistant did not. What was still to be sent goes to somebody else.

        Somebody who is nobody's assistant does not wait either.
        """
        now = self._clock()
        async with self._database.transaction() as connection:
            await self._expire(connection, now)
            assistant = await assistants.by_telegram_id(connection, telegram_id)
            if assistant is None:
                return False
            before = await assistants.remembered(connection, assistant.id, update)
            if before is not None:
                return before
            changed = assistant.state != AssistantState.OFF
            await assistants.set_state(connection, assistant.id, AssistantState.OFF, now=now)
            for queued in await notifications.queued_of(connection, assistant.id, self._catalogue):
                await self._pass_on(connection, queued, NotificationState.DECLINED, now=now)
            await assistants.remember(connection, assistant.id, update, changed=changed)
        self._news.set()
        return changed

    async def take(self, *, notification: int, telegram_id: int) -> Notification:
        """The assistant goes to the visitor. Raises NotRegisteredError for somebody else's notification."""
        now = self._clock()
        async with self._database.transaction() as connection:
            found = await self._own(connection, notification, telegram_id)
            if found.state in {NotificationState.QUEUED, NotificationState.SENT}:
                await notifications.set_state(connection, found.id, NotificationState.TAKEN, now=now)
            return await self._again(connection, found)

    async def decline(self, *, notification: int, telegram_id: int) -> Notification:
        """The assistant can't go: the next who waits hears of the visit, and this one waits again, as the last.

        Raises NotRegisteredError for somebody else's notification.
        """
        now = self._clock()
        async with self._database.transaction() as connection:
            found = await self._own(connection, notification, telegram_id)
            if found.state in {NotificationState.QUEUED, NotificationState.SENT}:
                await self._pass_on(connection, found, NotificationState.DECLINED, now=now)
                assistant = await self._known(connection, telegram_id)
                if assistant.state == AssistantState.BUSY:
                    await self._let_wait(connection, assistant.id, assistant.store, now=now)
            declined = await self._again(connection, found)
        self._news.set()
        return declined

    async def answer(self, *, notification: int, telegram_id: int, answer: str) -> Notification:
        """Note which department it really was, or `NOT_A_CUSTOMER`; a later answer replaces an earlier one.

        Raises NotRegisteredError for somebody else's notification.
        """
        now = self._clock()
        async with self._database.transaction() as connection:
            found = await self._own(connection, notification, telegram_id)
            if found.state in {NotificationState.SENT, NotificationState.TAKEN}:
                await notifications.set_answer(connection, found.id, answer, now=now)
                await self._learn(connection, found, answer)
            return await self._again(connection, found)

    # -- the dispatcher -----------------------------------------------------------------------------------

    async def outbox(self, *, wait_s: float) -> list[Notification]:
        """What is to be sent, the oldest first; waits up to so many seconds for something to be."""
        deadline = self._clock() + wait_s
        while True:
            self._news.clear()
            now = self._clock()
            async with self._database.transaction() as connection:
                await self._expire(connection, now)
                found = await notifications.queued(connection, self._catalogue)
            if found or now >= deadline:
                return [self._with_card(notification) for notification in found]
            try:
                async with asyncio.timeout(deadline - now):
                    await self._news.wait()
            except TimeoutError:
                return []

    async def mark_sent(self, *, notification: int, message: int) -> None:
        async with self._database.transaction() as connection:
            await notifications.mark_sent(connection, notification, message=message, now=self._clock())

    async def mark_failed(self, *, notification: int, reason: str) -> None:
        """It can't be delivered to this assistant, who is off from now; the next who waits hears of the visit."""
        now = self._clock()
        async with self._database.transaction() as connection:
            found = await notifications.by_id(connection, notification, self._catalogue)
            if found is not None and found.state == NotificationState.QUEUED:
                await assistants.set_state(connection, found.assistant, AssistantState.OFF, now=now)
                await self._pass_on(connection, found, NotificationState.FAILED, now=now, reason=reason)
        self._news.set()

    # -- operators ----------------------------------------------------------------------------------------

    async def status(self) -> dict[str, StoreStatus]:
        """By store id."""
        day_ago = self._clock() - 24 * 3600
        async with self._database.transaction() as connection:
            staff = await assistants.all_of(connection)
            seen = await visits.count(connection, since=day_ago)
            told = await notifications.counts(connection, since=day_ago)
        return {
            store: StoreStatus(
                assistants=[
                    {"name": one.name, "username": one.username, "state": one.state.value, "since": one.since}
                    for one in staff
                    if one.store == store
                ],
                visits=seen.get(store, 0),
                notifications=told.get(store, {}),
            )
            for store in self._stores
        }

    # -- within a transaction -----------------------------------------------------------------------------

    async def _offer(
        self, connection: aiosqlite.Connection, visit: str, store: str, *, now: float, until: float
    ) -> None:
        """Give a visit to who waits; where nobody does, keep it for the next who will."""
        chosen = await assistants.waiting(connection, store, visit=visit)
        if self._stores[store].notify == "longest_waiting":
            chosen = chosen[:1]
        for assistant in chosen:
            await assistants.set_state(connection, assistant.id, AssistantState.BUSY, now=now)
            await notifications.insert(
                connection, visit=visit, assistant=assistant.id, created_at=now, expires_at=until
            )
        await visits.leave_open(connection, visit, None if chosen else until)

    async def _let_wait(self, connection: aiosqlite.Connection, assistant: int, store: str, *, now: float) -> None:
        """Waiting, unless a visitor whom nobody waited for is still there."""
        await assistants.set_state(connection, assistant, AssistantState.WAITING, now=now)
        if visit := await visits.oldest_open(connection, store, assistant=assistant, now=now):
            await self._offer(connection, visit[0], store, now=now, until=visit[1])

    async def _pass_on(
        self,
        connection: aiosqlite.Connection,
        notification: Notification,
        state: NotificationState,
        *,
        now: float,
        reason: str | None = None,
    ) -> None:
        await notifications.set_state(connection, notification.id, state, now=now, reason=reason)
        # where everyone was told, nobody needs to be asked again
        if notification.expires_at > now and self._stores[notification.store].notify == "longest_waiting":
            await self._offer(
                connection, notification.visit, notification.store, now=now, until=notification.expires_at
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
            day=datetime.fromtimestamp(visit.at, ZoneInfo(store.timezone)).date().isoformat(),
            group=identity,
            embedding=visit.embedding,
        )
        await samples.insert(connection, sample)

    async def _expire(self, connection: aiosqlite.Connection, now: float) -> None:
        """What could not be sent in time is not sent any more, and its assistant waits again."""
        for late in await notifications.overdue(connection, self._catalogue, now=now):
            await notifications.set_state(connection, late.id, NotificationState.EXPIRED, now=now)
            assistant = await assistants.by_id(connection, late.assistant)
            if assistant is not None and assistant.state == AssistantState.BUSY:
                await self._let_wait(connection, assistant.id, assistant.store, now=now)
        await visits.close_overdue(connection, now)
        self._cards = {visit: card for visit, card in self._cards.items() if card[0] > now}

    async def _known(self, connection: aiosqlite.Connection, telegram_id: int) -> Assistant:
        found = await assistants.by_telegram_id(connection, telegram_id)
        if found is None or found.store not in self._stores:
            raise NotRegisteredError("not logged in, or no longer on a store's staff list")
        return found

    async def _own(self, connection: aiosqlite.Connection, notification: int, telegram_id: int) -> Notification:
        found = await notifications.by_id(connection, notification, self._catalogue)
        if found is None or found.chat != telegram_id:
            raise NotRegisteredError("that notification is somebody else's")
        return found

    async def _again(self, connection: aiosqlite.Connection, notification: Notification) -> Notification:
        found = await notifications.by_id(connection, notification.id, self._catalogue)
        assert found is not None
        return found

    def _with_card(self, notification: Notification) -> Notification:
        card = self._cards.get(notification.visit)
        return replace(notification, card=card[1]) if card else notification


class RegistryActor(AssistantRegistry):
    """The registry as an actor."""

    async def __init__(self, plan: Plan) -> None:  # type: ignore[misc]  # Ray awaits it
        super().__init__(plan.settings, await Database.connect(plan.home / DATABASE))
