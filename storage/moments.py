"""Moments that something waits for, for a clock that was set. Functions run inside the caller's transaction."""

import aiosqlite

#: What is still to come, or counts from now, by table: which columns, and of which rows.
_MOMENTS = (
    ("visits", ("at", "open_until", "next_offer_at"), "open_until IS NOT NULL"),
    ("visits", ("taken_at",), "taken_at IS NOT NULL AND taken_at > :since"),
    ("notifications", ("created_at", "expires_at"), "state IN ('queued', 'sent')"),
    ("notifications", ("changed_at",), "shown < revision"),
    ("leases", ("until",), "until IS NOT NULL"),
    ("notices", ("created_at", "due_at"), "told_at IS NULL"),
    ("assistants", ("since", "turn"), "state != 'off'"),
)
#: Seconds for which somebody may still answer what was taken.
_ANSWERED_S = 3600.0


async def shift(connection: aiosqlite.Connection, *, by: float, now: float) -> None:
    """The clock was set by so many seconds and says `now`: what waits for a moment waits for the same one."""
    for table, columns, which in _MOMENTS:
        moved = ", ".join(f"{column} = {column} + :by" for column in columns)
        values = {"by": by, "since": now - by - _ANSWERED_S}
        await connection.execute(f"UPDATE {table} SET {moved} WHERE {which}", values)  # noqa: S608 - fixed texts


async def clamp(connection: aiosqlite.Connection, *, store: str, lifetime_s: float, now: float) -> int:
    """Nothing of that store waits for longer than it could if it had begun now: the clock was set back meanwhile.

    Returns how many visits that concerned.
    """
    latest = now + lifetime_s
    await connection.execute(
        "UPDATE notifications SET expires_at = ?1 WHERE expires_at > ?1 AND state IN ('queued', 'sent')"
        " AND visit IN (SELECT id FROM visits WHERE store = ?2 AND open_until > ?1)",
        (latest, store),
    )
    cursor = await connection.execute(
        "UPDATE visits SET open_until = ?1, next_offer_at = min(next_offer_at, ?3)"
        " WHERE open_until > ?1 AND store = ?2",
        (latest, store, now),
    )
    return cursor.rowcount
