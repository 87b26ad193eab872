"""Notifications: the outbox and what became of it. Functions run inside the caller's transaction."""

import sqlite3
from collections.abc import Mapping, Sequence

import aiosqlite

from domain.records import Notification, NotificationState
from storage.encoding import prediction_from_json

_SELECT = (
    "SELECT n.*, v.store, v.prediction, a.telegram_id, a.language FROM notifications n"
    " JOIN visits v ON v.id = n.visit JOIN assistants a ON a.id = n.assistant"
)


def _record(row: sqlite3.Row, catalogue: Mapping[str, Sequence[str]]) -> Notification:
    return Notification(
        id=row["id"],
        visit=row["visit"],
        store=row["store"],
        assistant=row["assistant"],
        chat=row["telegram_id"],
        language=row["language"],
        state=NotificationState(row["state"]),
        prediction=prediction_from_json(row["prediction"]),
        departments=tuple(catalogue.get(row["store"], ())),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        message=row["message"],
        answer=row["answer"],
    )


async def insert(
    connection: aiosqlite.Connection, *, visit: str, assistant: int, created_at: float, expires_at: float
) -> None:
    await connection.execute(
        "INSERT INTO notifications (visit, assistant, created_at, expires_at) VALUES (?, ?, ?, ?)",
        (visit, assistant, created_at, expires_at),
    )


async def queued(connection: aiosqlite.Connection, catalogue: Mapping[str, Sequence[str]]) -> list[Notification]:
    """What is to be sent, the oldest first. `catalogue`: the departments of each store."""
    rows = await connection.execute_fetchall(f"{_SELECT} WHERE n.state = 'queued' ORDER BY n.id")
    return [_record(row, catalogue) for row in rows]


async def by_id(
    connection: aiosqlite.Connection, notification: int, catalogue: Mapping[str, Sequence[str]]
) -> Notification | None:
    rows = list(await connection.execute_fetchall(f"{_SELECT} WHERE n.id = ?", (notification,)))
    return _record(rows[0], catalogue) if rows else None


async def queued_of(
    connection: aiosqlite.Connection, assistant: int, catalogue: Mapping[str, Sequence[str]]
) -> list[Notification]:
    rows = await connection.execute_fetchall(
        f"{_SELECT} WHERE n.state = 'queued' AND n.assistant = ? ORDER BY n.id", (assistant,)
    )
    return [_record(row, catalogue) for row in rows]


async def overdue(
    connection: aiosqlite.Connection, catalogue: Mapping[str, Sequence[str]], *, now: float
) -> list[Notification]:
    rows = await connection.execute_fetchall(f"{_SELECT} WHERE n.state = 'queued' AND n.expires_at <= ?", (now,))
    return [_record(row, catalogue) for row in rows]


async def next_expiry(connection: aiosqlite.Connection) -> float | None:
    (row,) = await connection.execute_fetchall("SELECT MIN(expires_at) FROM notifications WHERE state = 'queued'")
    value: float | None = row[0]
    return value


async def mark_sent(connection: aiosqlite.Connection, notification: int, *, message: int, now: float) -> None:
    """A notification that is past `queued` keeps its state: a button can be pressed before the answer is back."""
    await connection.execute(
        "UPDATE notifications SET message = ?, sent_at = ?,"
        " state = CASE state WHEN 'queued' THEN 'sent' ELSE state END WHERE id = ?",
        (message, now, notification),
    )


async def set_state(
    connection: aiosqlite.Connection,
    notification: int,
    state: NotificationState,
    *,
    now: float,
    reason: str | None = None,
) -> None:
    await connection.execute(
        "UPDATE notifications SET state = ?, answered_at = ?, reason = ? WHERE id = ?",
        (state.value, now, reason, notification),
    )


async def set_answer(connection: aiosqlite.Connection, notification: int, answer: str, *, now: float) -> None:
    await connection.execute(
        "UPDATE notifications SET answer = ?, answered_at = ? WHERE id = ?", (answer, now, notification)
    )


async def counts(connection: aiosqlite.Connection, *, since: float) -> dict[str, dict[str, int]]:
    """Notifications per store and state, of those made since then."""
    rows = await connection.execute_fetchall(
        "SELECT v.store, n.state, COUNT(*) AS n FROM notifications n JOIN visits v ON v.id = n.visit"
        " WHERE n.created_at >= ? GROUP BY v.store, n.state",
        (since,),
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["store"], {})[row["state"]] = row["n"]
    return found
