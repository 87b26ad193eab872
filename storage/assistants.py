"""Assistants: who may use the bot, and whether they wait. Functions run inside the caller's transaction."""

import json
import sqlite3
from collections.abc import Sequence

import aiosqlite

from domain.errors import InputError
from domain.records import Assistant, AssistantState

#: How many of a person's updates are remembered; Telegram hands out up to 100 at once, of all people together.
_UPDATES = 30


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
        departments=tuple(json.loads(row["departments"])),
    )


async def _one(connection: aiosqlite.Connection, where: str, *values: str | int) -> Assistant | None:
    rows = list(await connection.execute_fetchall(f"SELECT * FROM assistants WHERE {where}", values))  # noqa: S608 - fixed texts
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
    """Take a person off the list, with the notifications of theirs."""
    await connection.execute("DELETE FROM assistants WHERE id = ?", (assistant,))


async def all_of(connection: aiosqlite.Connection, store: str | None = None) -> list[Assistant]:
    """All, or one store's, by store and name."""
    rows = await connection.execute_fetchall(
        "SELECT * FROM assistants WHERE ?1 IS NULL OR store = ?1 ORDER BY store, name, id", (store,)
    )
    return [_record(row) for row in rows]


async def counts(connection: aiosqlite.Connection) -> dict[tuple[str, str], int]:
    """How many of each store are in each state."""
    rows = await connection.execute_fetchall("SELECT store, state, COUNT(*) AS n FROM assistants GROUP BY store, state")
    return {(row["store"], row["state"]): row["n"] for row in rows}


async def by_id(connection: aiosqlite.Connection, assistant: int) -> Assistant | None:
    """None where there is nobody of that number."""
    return await _one(connection, "id = ?", assistant)


async def by_telegram_id(connection: aiosqlite.Connection, telegram_id: int) -> Assistant | None:
    """None where nobody has logged in with it."""
    return await _one(connection, "telegram_id = ?", telegram_id)


async def by_username(connection: aiosqlite.Connection, username: str) -> Assistant | None:
    """None where nobody on a list is called so; large and small letters are the same, the @ is left out."""
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


async def next_to_tell(connection: aiosqlite.Connection, store: str, *, visit: str) -> Assistant | None:
    """Who hears of a visit next, told one after the other: who waits, has not heard of it and has nothing unanswered.

    Who knows the predicted department comes first, then who was last told (or began to wait) the longest ago.
    """
    rows = list(
        await connection.execute_fetchall(
            "SELECT a.* FROM assistants a JOIN visits v ON v.id = ?1"
            " WHERE a.store = ?2 AND a.state = 'waiting' AND a.telegram_id IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM notifications WHERE visit = ?1 AND assistant = a.id)"
            " AND NOT EXISTS"
            " (SELECT 1 FROM notifications WHERE assistant = a.id AND state IN ('queued', 'sent'))"
            " ORDER BY EXISTS"
            " (SELECT 1 FROM json_each(a.departments) WHERE value = v.prediction ->> '$.ranking[0][0]') DESC,"
            " a.turn, a.id LIMIT 1",
            (visit, store),
        )
    )
    return _record(rows[0]) if rows else None


async def set_state(connection: aiosqlite.Connection, assistant: int, state: AssistantState, *, now: float) -> None:
    """The state counts from `now`, and whoever begins to wait goes to the end of the line."""
    await connection.execute(
        "UPDATE assistants SET state = ?1, since = ?2, turn = ?2 WHERE id = ?3", (state.value, now, assistant)
    )


async def set_turn(connection: aiosqlite.Connection, assistant: int, *, now: float) -> None:
    """To the end of the line of those who are told one after the other."""
    await connection.execute("UPDATE assistants SET turn = ? WHERE id = ?", (now, assistant))


async def set_departments(connection: aiosqlite.Connection, assistant: int, departments: Sequence[str]) -> None:
    """Those that the assistant knows best."""
    await connection.execute(
        "UPDATE assistants SET departments = ? WHERE id = ?",
        (json.dumps(list(departments), ensure_ascii=False), assistant),
    )


async def remembered(connection: aiosqlite.Connection, assistant: int, update: int) -> bool | None:
    """What that update answered if it was one of the assistant's last; None if it is new."""
    return dict(await _updates(connection, assistant)).get(update)


async def remember(connection: aiosqlite.Connection, assistant: int, update: int, *, changed: bool) -> None:
    """That an update was handled, and whether it changed the state: the last 30 of each person."""
    updates = [*await _updates(connection, assistant), (update, changed)]
    await connection.execute(
        "UPDATE assistants SET updates = ? WHERE id = ?", (json.dumps(updates[-_UPDATES:]), assistant)
    )


async def _updates(connection: aiosqlite.Connection, assistant: int) -> list[tuple[int, bool]]:
    rows = list(await connection.execute_fetchall("SELECT updates FROM assistants WHERE id = ?", (assistant,)))
    return [(update, changed) for update, changed in json.loads(rows[0]["updates"])] if rows else []
