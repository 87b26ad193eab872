"""The staff and the admins' side of the registry: who may use the bot, how the stores are, and what admins are told."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping

import aiosqlite

from actors import offers
from actors.clock import Steps
from actors.status import StoreStatus
from domain.days import day_of, days_before
from domain.errors import InputError, NotRegisteredError
from domain.records import Assistant, AssistantState, Invite, NoticeKind, StoreOverview, StoreReport
from domain.settings import MAIN, Settings, Store
from storage import assistants, figures, invites, notices, notifications, visits
from storage.database import Database


class Office:
    """What the registry does for admins; `actors.registry` adds the visits. Each change is one transaction."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] | None = None,
    ) -> None:
        """`steady`: what tells whether `clock` was set; none: it never is."""
        self._stores = {store.id: store for store in settings.stores}
        self._admins = tuple(settings.telegram.admins)
        self._database = database
        self._clock = clock
        self._steps = Steps(clock, steady or clock)
        #: Raised whenever something new may be in an outbox. Not from zero: another process' versions are others.
        self._version = time.time_ns()
        self._changed = asyncio.Event()
        #: The cameras that are out of reach, by store and id; None before anybody has looked.
        self._lost: frozenset[tuple[str, str]] | None = None

    # -- staff --------------------------------------------------------------------------------------------

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
            return await _bound(connection, found.id, telegram_id, username, language)

    async def join(self, *, code: str, telegram_id: int, username: str | None, name: str, language: str) -> Assistant:
        """Put whoever has an invite's code on its store's staff list, and tell the admin. Raises NotRegisteredError."""
        now = self._clock()
        async with self._database.transaction() as connection:
            invite = await invites.find(connection, code)
            if invite is None or invite.store not in self._stores:
                raise NotRegisteredError("no invite has that code; ask an admin for a new one")
            found = await assistants.by_telegram_id(connection, telegram_id)
            if invite.used_by not in {None, telegram_id} or (invite.used_by is None and invite.expires_at <= now):
                raise NotRegisteredError("that code has been used, or is older than a day; ask an admin for a new one")
            if invite.used_by is not None and (found is None or found.store != invite.store):
                raise NotRegisteredError("that code has been used by somebody who was taken off that list since")
            if found is None or found.store != invite.store:
                if found is not None:
                    await self._take_off(connection, found, now=now)
                found = await assistants.add(
                    connection, store=invite.store, name=name, username=None, telegram_id=telegram_id, now=now
                )
                await invites.use(connection, invite, telegram_id=telegram_id)
                await self._tell(
                    connection,
                    NoticeKind.JOINED,
                    str(telegram_id),
                    {"name": name, "username": username or "", "store": self._stores[invite.store].name},
                    admins=self._admins if invite.invited_by is None else (invite.invited_by,),
                    now=now,
                )
            joined = await _bound(connection, found.id, telegram_id, username, language)
        self._news()
        return joined

    async def invite(self, *, admin: int | None, store: str) -> Invite:
        """A new one-time code, good for a day. Raises InputError for an unknown store."""
        known, now = self._store(store), self._clock()
        async with self._database.transaction() as connection:
            code = await invites.make(connection, store=store, invited_by=admin, now=now)
        return Invite(code=code, store=store, bot=known.bot, expires_at=now + invites.LIFETIME_S)

    async def assistants(self) -> tuple[Assistant, ...]:
        """All stores'."""
        async with self._database.transaction() as connection:
            return tuple(await assistants.all_of(connection))

    async def remove(self, *, assistant: int) -> Assistant | None:
        """Take a person off the staff list; who was told of a visit passes it on. None where that was done already."""
        async with self._database.transaction() as connection:
            found = await assistants.by_id(connection, assistant)
            if found is not None:
                await self._take_off(connection, found, now=self._clock())
        self._news()
        return found

    # -- admins -------------------------------------------------------------------------------------------

    async def stores(self) -> tuple[StoreOverview, ...]:
        """How each store is at this moment, in the order of the settings."""
        now, told = self._clock(), []
        async with self._database.transaction() as connection:
            staff = Counter((one.store, one.state) for one in await assistants.all_of(connection))
            for store in self._stores.values():
                came, met = await figures.visits_of_day(connection, store.id, day_of(now, store.timezone))
                told.append(
                    StoreOverview(
                        store=store.id,
                        waiting=staff[store.id, AssistantState.WAITING],
                        busy=staff[store.id, AssistantState.BUSY],
                        visits=came,
                        met=met,
                        lost=tuple(sorted(camera for at, camera in self._lost or () if at == store.id)),
                    )
                )
        return tuple(told)

    async def report(self, *, store: str, days: int) -> StoreReport:
        """A store's last days, today among them. Raises InputError for an unknown store."""
        known = self._store(store)
        today = day_of(self._clock(), known.timezone)
        asked = [days_before(today, ago) for ago in reversed(range(max(1, days)))]
        async with self._database.transaction() as connection:
            return await figures.store_report(connection, known, asked)

    async def greet(self, *, admin: int, language: str) -> None:
        """An admin wrote to the bot, in this language: told in it from now on."""
        async with self._database.transaction() as connection:
            await notices.set_language(connection, admin, language)

    async def see_cameras(self, *, lost: Collection[tuple[str, str]]) -> None:
        """The cameras out of reach at this moment, by store and id; the admins hear of who is lost and who is back."""
        seen, now = frozenset(lost), self._clock()
        if seen == self._lost:
            return
        async with self._database.transaction() as connection:
            before = await notices.lost_cameras(connection) if self._lost is None else self._lost
            for kind, changed in (
                (NoticeKind.CAMERA_LOST, seen - before),
                (NoticeKind.CAMERA_BACK, before - seen),
            ):
                for store, camera in sorted(changed):
                    if store in self._stores:
                        values = {"store": self._stores[store].name, "camera": self._camera(store, camera)}
                        await self._tell(connection, kind, f"{store}/{camera}", values, admins=self._admins, now=now)
        self._lost = seen
        self._news()

    def _camera(self, store: str, camera: str) -> str:
        """What people call it."""
        return next((one.label for one in self._stores[store].cameras if one.id == camera), camera)

    async def alarm(self, *, kind: NoticeKind, subject: str, values: Mapping[str, str]) -> None:
        """Tell the admins, at most once an hour about the same subject."""
        async with self._database.transaction() as connection:
            await self._tell(connection, kind, subject, values, admins=self._admins, now=self._clock())
        self._news()

    async def status(self) -> dict[str, StoreStatus]:
        """By store id."""
        day_ago = self._clock() - 24 * 3600
        async with self._database.transaction() as connection:
            staff = await assistants.all_of(connection)
            seen = await visits.count(connection, since=day_ago)
            told = await notifications.counts(connection, since=day_ago)
        people: dict[str, list[dict[str, str | float | None]]] = {store: [] for store in self._stores}
        for one in staff:
            if one.store in people:
                told_of = {"name": one.name, "username": one.username, "state": one.state.value, "since": one.since}
                people[one.store].append(told_of)
        return {
            store: StoreStatus(
                assistants=people[store],
                visits=seen.get(store, 0),
                notifications=told.get(store, {}),
            )
            for store in self._stores
        }

    async def mark_noticed(self, *, notice: int) -> None:
        """An admin was told, or never can be."""
        async with self._database.transaction() as connection:
            await notices.mark(connection, notice, now=self._clock())

    # -- within a transaction -----------------------------------------------------------------------------

    async def _take_off(self, connection: aiosqlite.Connection, assistant: Assistant, *, now: float) -> None:
        declined = await notifications.end_all_of(connection, assistant.id, now=now)
        await assistants.remove(connection, assistant.id)
        if assistant.store in self._stores:
            await offers.turned_down(connection, self._stores[assistant.store], *declined, now=now)

    async def _tell(
        self,
        connection: aiosqlite.Connection,
        kind: NoticeKind,
        subject: str,
        values: Mapping[str, str],
        *,
        admins: tuple[int, ...],
        now: float,
    ) -> None:
        await notices.tell(connection, admins=admins, bot=MAIN, kind=kind, subject=subject, values=values, now=now)

    async def _known(self, connection: aiosqlite.Connection, telegram_id: int) -> Assistant:
        found = await assistants.by_telegram_id(connection, telegram_id)
        if found is None or found.store not in self._stores:
            raise NotRegisteredError("not logged in, or no longer on a store's staff list; ask for an invitation")
        return found

    def _store(self, store: str) -> Store:
        if store not in self._stores:
            raise InputError(f"no store {store!r} in the settings; there are: {', '.join(self._stores)}")
        return self._stores[store]

    def _news(self) -> None:
        """Wake up whoever waits for an outbox."""
        self._version += 1
        self._changed.set()
        self._changed = asyncio.Event()


async def _bound(
    connection: aiosqlite.Connection, assistant: int, telegram_id: int, username: str | None, language: str
) -> Assistant:
    await assistants.bind(connection, assistant, telegram_id=telegram_id, username=username, language=language)
    bound = await assistants.by_id(connection, assistant)
    assert bound is not None
    return bound
