"""A tally of what happens: visits, and notifications by the state that they come to. Kept by SQLite itself.

What is drawn as a curve is counted as it happens: looking through a day's visits of all stores every few seconds would
cost more than telling of them. The tally is this connection's own, is in no file, and forgets what is rolled back.
"""

from collections import Counter

import aiosqlite

_BEGIN = (
    "CREATE TEMP TABLE tally (store TEXT, state TEXT)",
    """CREATE TEMP TRIGGER tally_visits AFTER INSERT ON main.visits
    BEGIN INSERT INTO tally VALUES (new.store, NULL); END""",
    """CREATE TEMP TRIGGER tally_queued AFTER INSERT ON main.notifications
    BEGIN INSERT INTO tally SELECT store, new.state FROM visits WHERE id = new.visit; END""",
    """CREATE TEMP TRIGGER tally_states AFTER UPDATE OF state ON main.notifications WHEN new.state != old.state
    BEGIN INSERT INTO tally SELECT store, new.state FROM visits WHERE id = new.visit; END""",
)


async def begin(connection: aiosqlite.Connection) -> None:
    """Count from now on. Once for a connection."""
    for statement in _BEGIN:
        await connection.execute(statement)


async def take(connection: aiosqlite.Connection) -> Counter[tuple[str, str | None]]:
    """What was counted since the last time, by store and what its notifications came to; None: its visits."""
    rows = await connection.execute_fetchall("DELETE FROM tally RETURNING store, state")
    return Counter((row["store"], row["state"]) for row in rows)
