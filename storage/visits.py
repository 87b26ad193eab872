"""Visits: who came in, and which of them nobody has heard of yet. Functions run inside the caller's transaction."""

import json
from collections.abc import Iterable

import aiosqlite

from domain.records import Visit
from storage.database import Database
from storage.encoding import visit_from_row, visit_to_row


async def insert(connection: aiosqlite.Connection, visit: Visit, *, day: str, open_until: float) -> bool:
    """Number it within its store's day; nobody has taken it yet. False where that visit is there already."""
    cursor = await connection.execute(
        "INSERT OR IGNORE INTO visits"
        " (id, store, camera, at, embedding, encoder, prediction, day, open_until, number) VALUES"
        " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
        " (SELECT coalesce(max(number), 0) + 1 FROM visits WHERE store = ?2 AND day = ?8))",
        (*visit_to_row(visit), day, open_until),
    )
    return cursor.rowcount == 1


async def by_id(connection: aiosqlite.Connection, visit: str) -> Visit | None:
    """Without its card, which is never stored; None where there is none."""
    rows = list(await connection.execute_fetchall("SELECT * FROM visits WHERE id = ?", (visit,)))
    return visit_from_row(rows[0]) if rows else None


async def take(connection: aiosqlite.Connection, visit: str, *, assistant: int, now: float) -> bool:
    """The assistant goes to the visitor. False where somebody has taken it already."""
    cursor = await connection.execute(
        "UPDATE visits SET taken_by = ?, taken_at = ?, open_until = NULL, next_offer_at = NULL"
        " WHERE id = ? AND taken_at IS NULL",
        (assistant, now, visit),
    )
    return cursor.rowcount == 1


async def set_answer(connection: aiosqlite.Connection, visit: str, answer: str) -> None:
    """The department that it really was, or `NOT_A_CUSTOMER`."""
    await connection.execute("UPDATE visits SET answer = ? WHERE id = ?", (answer, visit))


async def set_next_offer(connection: aiosqlite.Connection, visit: str, at: float | None) -> None:
    """When the next one is told; None: as soon as there is one."""
    await connection.execute("UPDATE visits SET next_offer_at = ? WHERE id = ? AND open_until IS NOT NULL", (at, visit))


async def to_offer(connection: aiosqlite.Connection, store: str, *, now: float) -> list[tuple[str, float]]:
    """The open visits for which the next one may be told, the oldest first: ids, and until when they are open."""
    rows = await connection.execute_fetchall(
        "SELECT id, open_until FROM visits WHERE store = ? AND open_until > ?"
        " AND (next_offer_at IS NULL OR next_offer_at <= ?) ORDER BY at, id",
        (store, now, now),
    )
    return [(row["id"], row["open_until"]) for row in rows]


async def stores_to_offer(connection: aiosqlite.Connection, *, now: float) -> list[str]:
    """The stores with a visit of which the next one is to be told by now."""
    # not DISTINCT: for that SQLite would go through all visits there are
    rows = await connection.execute_fetchall(
        "SELECT store FROM visits WHERE next_offer_at <= ? AND next_offer_at IS NOT NULL", (now,)
    )
    return sorted({row["store"] for row in rows})


async def stores_of(connection: aiosqlite.Connection, ids: Iterable[str]) -> set[str]:
    """Where those visits were."""
    rows = await connection.execute_fetchall(
        "SELECT store FROM visits WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(sorted(set(ids))),)
    )
    return {row["store"] for row in rows}


async def next_offer(connection: aiosqlite.Connection) -> float | None:
    """When the next one is to be told of a visit."""
    (row,) = await connection.execute_fetchall("SELECT MIN(next_offer_at) FROM visits WHERE next_offer_at IS NOT NULL")
    value: float | None = row[0]
    return value


async def close_overdue(connection: aiosqlite.Connection, now: float) -> None:
    """Those whose time is over are offered no more."""
    await connection.execute("UPDATE visits SET open_until = NULL, next_offer_at = NULL WHERE open_until <= ?", (now,))


async def forget_before(connection: aiosqlite.Connection, at: float) -> None:
    """Delete older visits, their embeddings and notifications: nothing of a visitor is kept for ever."""
    await connection.execute("DELETE FROM visits WHERE at < ?", (at,))


async def last_before(database: Database, at: float) -> float | None:
    """When the last one before that moment came in; None where there is none."""
    (row,) = await database.read("SELECT max(at) AS at FROM visits WHERE at < ?", (at,))
    value: float | None = row["at"]
    return value


async def count(connection: aiosqlite.Connection, *, since: float) -> dict[str, int]:
    """Visits per store since then."""
    rows = await connection.execute_fetchall(
        "SELECT store, COUNT(*) AS n FROM visits INDEXED BY visits_at WHERE at >= ? GROUP BY store", (since,)
    )
    return {row["store"]: row["n"] for row in rows}
