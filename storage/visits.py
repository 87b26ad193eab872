"""Visits: who came in, and which of them nobody has heard of yet. Functions run inside the caller's transaction."""

import sqlite3

import aiosqlite

from domain.records import Visit
from storage.encoding import embedding_from_blob, embedding_to_blob, prediction_from_json, prediction_to_json


def _record(row: sqlite3.Row) -> Visit:
    return Visit(
        id=row["id"],
        store=row["store"],
        camera=row["camera"],
        at=row["at"],
        embedding=embedding_from_blob(row["embedding"], row["encoder"]),
        prediction=prediction_from_json(row["prediction"]),
    )


async def insert(connection: aiosqlite.Connection, visit: Visit) -> bool:
    """False where that visit is there already."""
    embedding = visit.embedding
    cursor = await connection.execute(
        "INSERT OR IGNORE INTO visits (id, store, camera, at, embedding, encoder, prediction)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            visit.id,
            visit.store,
            visit.camera,
            visit.at,
            embedding_to_blob(embedding) if embedding else None,
            embedding.encoder if embedding else None,
            prediction_to_json(visit.prediction),
        ),
    )
    return cursor.rowcount == 1


async def by_id(connection: aiosqlite.Connection, visit: str) -> Visit | None:
    rows = list(await connection.execute_fetchall("SELECT * FROM visits WHERE id = ?", (visit,)))
    return _record(rows[0]) if rows else None


async def leave_open(connection: aiosqlite.Connection, visit: str, until: float | None) -> None:
    """Keep a visit for the next assistant who waits, until then; None: it is taken care of."""
    await connection.execute("UPDATE visits SET open_until = ? WHERE id = ?", (until, visit))


async def oldest_open(
    connection: aiosqlite.Connection, store: str, *, assistant: int, now: float
) -> tuple[str, float] | None:
    """The id of the oldest visit that nobody waited for and this assistant has not heard of, and until when."""
    rows = list(
        await connection.execute_fetchall(
            "SELECT id, open_until FROM visits WHERE store = ? AND open_until > ?"
            " AND id NOT IN (SELECT visit FROM notifications WHERE assistant = ?) ORDER BY at, id LIMIT 1",
            (store, now, assistant),
        )
    )
    return (rows[0]["id"], rows[0]["open_until"]) if rows else None


async def close_overdue(connection: aiosqlite.Connection, now: float) -> None:
    await connection.execute("UPDATE visits SET open_until = NULL WHERE open_until <= ?", (now,))


async def forget_before(connection: aiosqlite.Connection, at: float) -> None:
    """Delete older visits, their embeddings and notifications: nothing of a visitor is kept for ever."""
    await connection.execute("DELETE FROM visits WHERE at < ?", (at,))


async def count(connection: aiosqlite.Connection, *, since: float) -> dict[str, int]:
    """Visits per store since then."""
    rows = await connection.execute_fetchall(
        "SELECT store, COUNT(*) AS n FROM visits WHERE at >= ? GROUP BY store", (since,)
    )
    return {row["store"]: row["n"] for row in rows}
