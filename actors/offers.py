"""Who hears of which visit, by the store's setting `notify`. Functions run inside the caller's transaction."""

from collections.abc import Mapping

import aiosqlite

from domain.settings import Store
from storage import assistants, notifications, visits


async def announced(connection: aiosqlite.Connection, store: Store, visit: str, *, now: float) -> None:
    """A visitor has come in."""
    if store.notify == "all":
        await notifications.insert_for_all(connection, store=store.id, visit=visit, now=now)
    else:
        await _one_each(connection, store, now=now)


async def began_to_wait(connection: aiosqlite.Connection, store: Store, assistant: int, *, now: float) -> None:
    """An assistant waits who did not before."""
    if store.notify == "all":
        await notifications.insert_for_all(connection, store=store.id, assistant=assistant, now=now)
    else:
        await _one_each(connection, store, now=now)


async def turned_down(connection: aiosqlite.Connection, store: Store, *told: str, now: float) -> None:
    """Somebody who was told of these visits won't come: told to all, others know of them anyway."""
    if store.notify == "one":
        for visit in told:
            await visits.set_next_offer(connection, visit, None)
        await _one_each(connection, store, now=now)


async def taken(connection: aiosqlite.Connection, store: Store, *, now: float) -> None:
    """Somebody goes: those who were told as well have their hands free."""
    if store.notify == "one":
        await _one_each(connection, store, now=now)


async def catch_up(connection: aiosqlite.Connection, stores: Mapping[str, Store], *, now: float) -> bool:
    """What the time that has passed brings: ends, and the next ones who hear. True if it brought anything."""
    ended = await notifications.end_overdue(connection, now=now)
    await visits.close_overdue(connection, now)
    due = await visits.stores_to_offer(connection, now=now)
    if ended:
        # their hands are free again
        due = sorted({*due, *(await visits.stores_of(connection, ended))})
    told = 0
    for store in due:
        if store in stores and stores[store].notify == "one":
            told += await _one_each(connection, stores[store], now=now)
    return bool(ended or told)


async def next_moment(connection: aiosqlite.Connection) -> float | None:
    """When `catch_up` will have something to do next."""
    moments = [await notifications.next_expiry(connection), await visits.next_offer(connection)]
    return min((moment for moment in moments if moment is not None), default=None)


async def _one_each(connection: aiosqlite.Connection, store: Store, *, now: float) -> int:
    """Each open visit that nobody is thinking about goes to the next one in the line. Returns how many went."""
    told = 0
    for visit, until in await visits.to_offer(connection, store.id, now=now):
        chosen = await assistants.next_to_tell(connection, store.id, visit=visit)
        if chosen is not None:
            await notifications.insert(connection, visit=visit, assistant=chosen.id, created_at=now, expires_at=until)
            await assistants.set_turn(connection, chosen.id, now=now)
            told += 1
        # with nobody left it goes to whoever is there next
        await visits.set_next_offer(connection, visit, now + store.offer_s if chosen is not None else None)
    return told
