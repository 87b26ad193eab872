"""Notices: words to admins, and the memory of what was told. Functions run inside the caller's transaction."""

import json
from collections.abc import Iterable, Mapping

import aiosqlite

from domain.records import Notice, NoticeKind

#: Seconds within which nothing is told twice.
PAUSE_S = 3600.0
#: Seconds after which a notice that could not be delivered is of no use.
KEEP_S = 24 * 3600.0

#: What takes the other back: told only while it is still so.
_OPPOSITE = {
    NoticeKind.CAMERA_LOST: NoticeKind.CAMERA_BACK,
    NoticeKind.CAMERA_BACK: NoticeKind.CAMERA_LOST,
    NoticeKind.DISK_FULL: NoticeKind.DISK_ROOM,
    NoticeKind.DISK_ROOM: NoticeKind.DISK_FULL,
}


async def tell(
    connection: aiosqlite.Connection,
    *,
    admins: Iterable[int],
    bot: str,
    kind: NoticeKind,
    subject: str,
    values: Mapping[str, str],
    now: float,
) -> None:
    """Tell each of the admins: at once, or as soon as an hour has passed since the last time, if it is still so."""
    await connection.execute("DELETE FROM notices WHERE created_at < ?", (now - KEEP_S,))
    for admin in admins:
        if (due := await _due(connection, admin, kind, subject, now)) is None:
            continue
        await connection.execute(
            'INSERT INTO notices (chat, bot, kind, subject, "values", created_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
            (admin, bot, kind.value, subject, json.dumps(dict(values), ensure_ascii=False), now, due),
        )


async def _due(
    connection: aiosqlite.Connection, admin: int, kind: NoticeKind, subject: str, now: float
) -> float | None:
    """When it is to be told; None where that is on its way, or would be no news."""
    opposite = _OPPOSITE.get(kind)
    if opposite is not None:
        await connection.execute(
            "DELETE FROM notices WHERE kind = ? AND subject = ? AND chat = ? AND told_at IS NULL AND due_at > ?",
            (opposite.value, subject, admin, now),
        )
    rows = await connection.execute_fetchall(
        "SELECT kind, max(due_at) AS due_at FROM notices WHERE kind IN (?, ?) AND subject = ? AND chat = ?"
        " GROUP BY kind ORDER BY due_at DESC",
        (kind.value, opposite.value if opposite else kind.value, subject, admin),
    )
    last = {row["kind"]: row["due_at"] for row in rows}
    if kind.value not in last or last[kind.value] + PAUSE_S <= now:
        return now
    newest = next(iter(last))
    if last[kind.value] > now or (opposite is not None and newest == kind.value):
        return None
    return float(last[kind.value]) + PAUSE_S


async def lost_cameras(connection: aiosqlite.Connection) -> frozenset[tuple[str, str]]:
    """Those of which the last word was that they are lost, by store and id."""
    rows = await connection.execute_fetchall(
        "SELECT subject, kind, max(due_at) FROM notices WHERE kind IN (?, ?) GROUP BY subject",
        (NoticeKind.CAMERA_LOST.value, NoticeKind.CAMERA_BACK.value),
    )
    lost = [row["subject"] for row in rows if row["kind"] == NoticeKind.CAMERA_LOST.value]
    return frozenset((store, camera) for store, _, camera in (subject.partition("/") for subject in lost))


async def is_told(connection: aiosqlite.Connection, kind: NoticeKind) -> bool:
    """Whether that was the last word of it and of what takes it back."""
    rows = await connection.execute_fetchall(
        "SELECT kind FROM notices WHERE kind IN (?, ?) ORDER BY due_at DESC, id DESC LIMIT 1",
        (kind.value, _OPPOSITE[kind].value),
    )
    return [row["kind"] for row in rows] == [kind.value]


async def pending(connection: aiosqlite.Connection, bot: str, *, now: float, limit: int) -> list[Notice]:
    """What that bot has to tell, the oldest first."""
    rows = await connection.execute_fetchall(
        "SELECT n.*, coalesce(a.language, 'ru') AS language FROM notices n LEFT JOIN admins a ON a.telegram_id = n.chat"
        " WHERE told_at IS NULL AND due_at <= ? AND created_at > ? AND bot = ? ORDER BY due_at, n.id LIMIT ?",
        (now, now - KEEP_S, bot, limit),
    )
    return [
        Notice(
            id=row["id"],
            chat=row["chat"],
            bot=row["bot"],
            kind=NoticeKind(row["kind"]),
            language=row["language"],
            values=json.loads(row["values"]),
            created_at=row["created_at"],
        )
        for row in rows
    ]


async def next_due(connection: aiosqlite.Connection, *, now: float) -> float | None:
    """When the next one is to be told, of those that are not yet."""
    (row,) = await connection.execute_fetchall(
        "SELECT MIN(due_at) FROM notices WHERE told_at IS NULL AND due_at > ?", (now,)
    )
    value: float | None = row[0]
    return value


async def mark(connection: aiosqlite.Connection, notice: int, *, now: float) -> None:
    """It was told."""
    await connection.execute("UPDATE notices SET told_at = ? WHERE id = ?", (now, notice))


async def set_language(connection: aiosqlite.Connection, admin: int, language: str) -> None:
    """An admin's, from now on."""
    await connection.execute(
        "INSERT INTO admins (telegram_id, language) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET language = ?2",
        (admin, language),
    )
