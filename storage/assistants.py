"""Assistants: who may use the bot, and whether they wait. Functions run inside the caller's transaction."""

import sqlite3

import aiosqlite

from domain.errors import InputError
from domain.records import Assistant, AssistantState


def _record(row: sqlite3.Row) -> Assistant:
    return Assistant(
        id=row["id"],
        store=row["store"],
        name=row["name"],
        username=row["username"],
        telegram_id=row["telegram_id"],
        language=row["language"],
        state=AssistantState(row["state"]),
        since=row["since"],
    )


async def _one(connection: aiosqlite.Connection, where: str, *values: str | int) -> Assistant | None:
    rows = list(await connection.execute_fetchall(f"SELECT * FROM assistants WHERE {where}", values))  # noqa: S608
    return _record(rows[0]) if rows else None


async def add(
    connection: aiosqlite.Connection,
    *,
    store: str,
    name: str,
    username: str | None,
    telegram_id: int | None,
    now: float,
) -> Assistant:
    """Put a person on a store's staff list. Raises InputError where that person is on one already."""
    try:
        cursor = await connection.execute(
            "INSERT INTO assistants (store, name, username, telegram_id, since) VALUES (?, ?, ?, ?, ?)",
            (store, name, username, telegram_id, now),
        )
    except sqlite3.IntegrityError as error:
        who = f"@{username}" if username else str(telegram_id)
        raise InputError(f"{who} is registered already; see: amiko assistants list") from error
    assert cursor.lastrowid is not None
    added = await by_id(connection, cursor.lastrowid)
    assert added is not None
    return added


async def remove(connection: aiosqlite.Connection, assistant: int) -> None:
    await connection.execute("DELETE FROM assistants WHERE id = ?", (assistant,))


async def all_of(connection: aiosqlite.Connection, store: str | None = None) -> list[Assistant]:
    """All, or one store's, by store and name."""
    rows = await connection.execute_fetchall(
        "SELECT * FROM assistants WHERE ?1 IS NULL OR store = ?1 ORDER BY store, name, id", (store,)
    )
    return [_record(row) for row in rows]


async def by_id(connection: aiosqlite.Connection, assistant: int) -> Assistant | None:
    return await _one(connection, "id = ?", assistant)


async def by_telegram_id(connection: aiosqlite.Connection, telegram_id: int) -> Assistant | None:
    return await _one(connection, "telegram_id = ?", telegram_id)


async def by_username(connection: aiosqlite.Connection, username: str) -> Assistant | None:
    return await _one(connection, "username = ?", username)


async def bind(
    connection: aiosqlite.Connection,
    assistant: int,
    *,
    telegram_id: int,
    username: str | None,
    language: str,
) -> None:
    """What a login tells: the person's Telegram id, present user name and language."""
    if username is not None:
        # a user name passes on to whoever logged in with it last; an entry that never logged in is the same person's
        await connection.execute(
            "DELETE FROM assistants WHERE username = ? AND id != ? AND telegram_id IS NULL", (username, assistant)
        )
        await connection.execute(
            "UPDATE assistants SET username = NULL WHERE username = ? AND id != ?", (username, assistant)
        )
    await connection.execute(
        "UPDATE assistants SET telegram_id = ?, username = ?, language = ? WHERE id = ?",
        (telegram_id, username, language, assistant),
    )


async def waiting(connection: aiosqlite.Connection, store: str, *, visit: str) -> list[Assistant]:
    """Who waits in that store and has not heard of that visit yet, the longest first."""
    rows = await connection.execute_fetchall(
        "SELECT * FROM assistants WHERE store = ? AND state = 'waiting' AND telegram_id IS NOT NULL"
        " AND id NOT IN (SELECT assistant FROM notifications WHERE visit = ?) ORDER BY since, id",
        (store, visit),
    )
    return [_record(row) for row in rows]


async def set_state(connection: aiosqlite.Connection, assistant: int, state: AssistantState, *, now: float) -> None:
    await connection.execute("UPDATE assistants SET state = ?, since = ? WHERE id = ?", (state.value, now, assistant))


async def remembered(connection: aiosqlite.Connection, assistant: int, update: int) -> bool | None:
    """What that update answered if it was the assistant's last one; None if it is new."""
    rows = list(
        await connection.execute_fetchall(
            "SELECT last_update_changed FROM assistants WHERE id = ? AND last_update = ?", (assistant, update)
        )
    )
    return bool(rows[0][0]) if rows else None


async def remember(connection: aiosqlite.Connection, assistant: int, update: int, *, changed: bool) -> None:
    await connection.execute(
        "UPDATE assistants SET last_update = ?, last_update_changed = ? WHERE id = ?",
        (update, int(changed), assistant),
    )
