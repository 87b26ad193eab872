"""Notifications: the outbox and what became of it. Functions run inside the caller's transaction."""

import sqlite3
from collections.abc import Mapping
from itertools import count

import aiosqlite

from domain.records import Notification, NotificationState
from domain.settings import MAIN, Store
from storage.encoding import prediction_from_json

#: Seconds after the visit was taken within which it may be answered.
ANSWERABLE_S = 3600.0
#: Seconds after a change until nobody cares any more what an old message says.
STALE_S = 600.0

_COLUMNS = (
    "n.*, v.store, v.number, v.camera, v.at, v.prediction, v.taken_by, v.taken_at, v.answer,"
    " a.telegram_id, a.language, t.name AS taken_by_name"
)
_FROM = (
    "notifications n JOIN visits v ON v.id = n.visit JOIN assistants a ON a.id = n.assistant"
    " LEFT JOIN assistants t ON t.id = v.taken_by"
)
#: What a bot may have to send, and to edit; of the latter the newest, so that looking costs no more in a rush.
_TO_SEND = "SELECT id, assistant, 0 AS pressed FROM notifications WHERE state = 'queued'"
_TO_EDIT = (
    "SELECT id, assistant, state IN ('taken', 'declined') AS pressed FROM notifications"
    " WHERE shown < revision AND changed_at > ? ORDER BY changed_at DESC LIMIT ?"
)
_EDITS = 1000
#: Of an assistant for whom there is more than can be told of.
_RUSH = 3
#: Waits for a press.
_UNANSWERED = "state IN ('queued', 'sent')"


def _record(row: sqlite3.Row, stores: Mapping[str, Store]) -> Notification:
    store = stores.get(row["store"])
    own = row["taken_by"] == row["assistant"]
    return Notification(
        id=row["id"],
        visit=row["visit"],
        number=row["number"],
        store=row["store"],
        camera=row["camera"],
        came_at=row["at"],
        assistant=row["assistant"],
        chat=row["telegram_id"],
        bot=store.bot if store else MAIN,
        language=row["language"],
        state=NotificationState(row["state"]),
        prediction=prediction_from_json(row["prediction"]),
        departments=tuple(store.departments) if store else (),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revision=row["revision"],
        shown=row["shown"],
        message=row["message"],
        met_by=None if own else row["taken_by_name"],
        answerable_until=row["taken_at"] + ANSWERABLE_S if own else None,
        answer=row["answer"] if own else None,
    )


async def insert(
    connection: aiosqlite.Connection, *, visit: str, assistant: int, created_at: float, expires_at: float
) -> None:
    """One for one assistant, queued. Times are in seconds since 1970."""
    await connection.execute(
        "INSERT INTO notifications (visit, assistant, created_at, expires_at, changed_at) VALUES (?, ?, ?, ?, ?)",
        (visit, assistant, created_at, expires_at, created_at),
    )


async def insert_for_all(
    connection: aiosqlite.Connection,
    *,
    store: str,
    now: float,
    visit: str | None = None,
    assistant: int | None = None,
) -> int:
    """Tell who waits of the open visits that they have not heard of; one visit or one assistant alone.

    Who knows the predicted department comes first, then who has waited longest. Returns how many were made.
    """
    # one or the other, not "?3 IS NULL OR …": with that SQLite goes through all open visits of the store for each
    which, whose = ("v.id = ?3", visit) if visit is not None else ("a.id = ?3", assistant)
    cursor = await connection.execute(
        "INSERT INTO notifications (visit, assistant, created_at, expires_at, changed_at)"  # noqa: S608 - fixed texts
        " SELECT v.id, a.id, ?1, v.open_until, ?1 FROM visits v JOIN assistants a ON a.store = v.store"
        " WHERE v.store = ?2 AND v.open_until > ?1 AND a.state = 'waiting' AND a.telegram_id IS NOT NULL"
        f" AND {which}"
        " AND NOT EXISTS (SELECT 1 FROM notifications n WHERE n.visit = v.id AND n.assistant = a.id)"
        " ORDER BY v.at, v.id,"
        " EXISTS (SELECT 1 FROM json_each(a.departments) WHERE value = v.prediction ->> '$.ranking[0][0]') DESC,"
        " a.turn, a.id",
        (now, store, whose),
    )
    return cursor.rowcount


async def pending(
    connection: aiosqlite.Connection, stores: Mapping[str, Store], bot: str, *, now: float, limit: int, each: int
) -> tuple[list[Notification], bool]:
    """What a bot has to send, and then what it has to edit, the oldest first; and whether there is more than that.

    So many of each at the most. Where one assistant has more than `each`, it is the newest three: more come in than the
    chat can be told of, and nobody needs to hear of the oldest any more. Edits of the assistant's own press go before.
    """
    found: list[Notification] = []
    more = False
    for which, values in ((_TO_SEND, ()), (_TO_EDIT, (now - STALE_S, _EDITS))):
        its: list[Notification] = []
        # whose stores they are is looked up here: handed to SQLite, a thousand stores would cost each call the same
        for page in count():
            rows = list(
                await connection.execute_fetchall(
                    f"WITH held AS ({which}), placed AS (SELECT id, row_number()"  # noqa: S608 - fixed texts
                    " OVER (PARTITION BY assistant ORDER BY pressed DESC, id DESC) AS place,"
                    " count(*) OVER (PARTITION BY assistant) AS many FROM held)"
                    f" SELECT p.many, {_COLUMNS} FROM placed p CROSS JOIN {_FROM}"
                    " WHERE n.id = p.id AND p.place <= iif(p.many > ?, ?, p.many) ORDER BY p.place, n.id"
                    " LIMIT ? OFFSET ?",
                    (*values, each, _RUSH, limit, page * limit),
                )
            )
            more = more or any(row["many"] > each for row in rows)
            its += [_record(row, stores) for row in rows if row["store"] in stores and stores[row["store"]].bot == bot]
            if len(rows) < limit or len(its) >= limit:
                break
        more = more or len(its) >= limit
        found += sorted(its[:limit], key=lambda one: one.id)
    return found, more


async def by_id(
    connection: aiosqlite.Connection, notification: int, stores: Mapping[str, Store]
) -> Notification | None:
    """None where there is none of that number."""
    sql = f"SELECT {_COLUMNS} FROM {_FROM} WHERE n.id = ?"  # noqa: S608 - fixed texts
    rows = list(await connection.execute_fetchall(sql, (notification,)))
    return _record(rows[0], stores) if rows else None


async def next_expiry(connection: aiosqlite.Connection) -> float | None:
    """When the next one ends by itself; None where none waits."""
    (row,) = await connection.execute_fetchall(
        f"SELECT MIN(expires_at) FROM notifications WHERE {_UNANSWERED}"  # noqa: S608 - fixed texts
    )
    value: float | None = row[0]
    return value


async def mark_sent(
    connection: aiosqlite.Connection, notification: int, *, message: int, revision: int, now: float
) -> None:
    """A notification that is past `queued` keeps its state: a button can be pressed before the answer is back."""
    await connection.execute(
        "UPDATE notifications SET message = ?1, sent_at = coalesce(sent_at, ?3),"
        " shown = CASE WHEN message = ?1 THEN max(shown, ?2) ELSE ?2 END,"
        " state = CASE state WHEN 'queued' THEN 'sent' ELSE state END WHERE id = ?4",
        (message, revision, now, notification),
    )


async def mark_shown(connection: aiosqlite.Connection, notification: int, *, message: int, revision: int) -> None:
    """Its message shows that revision. An older mark changes nothing."""
    await connection.execute(
        "UPDATE notifications SET shown = max(shown, ?) WHERE id = ? AND message = ?", (revision, notification, message)
    )


async def _end(
    connection: aiosqlite.Connection,
    state: NotificationState,
    where: str,
    values: tuple[str | float, ...],
    now: float,
    *,
    unsent: str | None = None,
) -> list[str]:
    """End those that wait for a press; their messages are to say so. Returns the visits.

    `unsent`: why they were not sent, of those that were not.
    """
    rows = await connection.execute_fetchall(
        "UPDATE notifications SET state = ?, answered_at = ?, revision = revision + 1, changed_at = ?,"  # noqa: S608 - fixed texts
        " reason = CASE state WHEN 'queued' THEN ? ELSE reason END"
        f" WHERE {_UNANSWERED} AND {where} RETURNING visit",
        (state.value, now, now, unsent, *values),
    )
    return [row["visit"] for row in rows]


async def end(connection: aiosqlite.Connection, notification: int, state: NotificationState, *, now: float) -> None:
    """Taken or declined; nothing where it has ended already."""
    await _end(connection, state, "id = ?", (notification,), now)


async def end_overdue(connection: aiosqlite.Connection, *, now: float) -> list[str]:
    """Those whose time is over expire. Returns their visits."""
    unsent = "its time was over before it could be sent"
    return await _end(connection, NotificationState.EXPIRED, "expires_at <= ?", (now,), now, unsent=unsent)


async def end_others(connection: aiosqlite.Connection, visit: str, taken: int, *, now: float) -> None:
    """Somebody has taken the visit with that notification: all others expire."""
    where, unsent = "visit = ? AND id != ?", "somebody else went before it was sent"
    await _end(connection, NotificationState.EXPIRED, where, (visit, taken), now, unsent=unsent)


async def end_all_of(connection: aiosqlite.Connection, assistant: int, *, now: float) -> list[str]:
    """The assistant is no longer there: what was not answered is declined."""
    unsent = "the assistant was no longer there"
    return await _end(connection, NotificationState.DECLINED, "assistant = ?", (assistant,), now, unsent=unsent)


async def fail(connection: aiosqlite.Connection, notification: int, *, reason: str, now: float) -> None:
    """What was to be sent has failed; a message that was to be edited stays as it is."""
    await connection.execute(
        "UPDATE notifications SET reason = ?1, shown = CASE WHEN message IS NOT NULL THEN revision END,"
        " answered_at = CASE state WHEN 'queued' THEN ?2 ELSE answered_at END,"
        " state = CASE state WHEN 'queued' THEN 'failed' ELSE state END WHERE id = ?3",
        (reason, now, notification),
    )


async def touch(connection: aiosqlite.Connection, notification: int, *, now: float) -> None:
    """Its message is to say something else."""
    await connection.execute(
        "UPDATE notifications SET revision = revision + 1, changed_at = ? WHERE id = ?", (now, notification)
    )


async def look_at(connection: aiosqlite.Connection, notification: int, *, message: int, now: float) -> None:
    """That is the message which the assistant looks at, and it is to be shown anew."""
    await connection.execute(
        "UPDATE notifications SET message = ?1, shown = revision, revision = revision + 1, changed_at = ?2,"
        " sent_at = coalesce(sent_at, ?2) WHERE id = ?3 AND state != 'queued'",
        (message, now, notification),
    )


async def counts(connection: aiosqlite.Connection, *, since: float) -> dict[str, dict[str, int]]:
    """Notifications per store and state, of the visits since then."""
    # by way of the visits: there is no index for when a notification was made
    rows = await connection.execute_fetchall(
        "SELECT v.store, n.state, COUNT(*) AS n FROM visits v INDEXED BY visits_at CROSS JOIN notifications n"
        " ON n.visit = v.id WHERE v.at >= ? GROUP BY v.store, n.state",
        (since,),
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["store"], {})[row["state"]] = row["n"]
    return found


async def oldest_queued(connection: aiosqlite.Connection) -> float | None:
    """When the oldest that was not sent yet was made."""
    (row,) = await connection.execute_fetchall("SELECT MIN(created_at) FROM notifications WHERE state = 'queued'")
    value: float | None = row[0]
    return value
