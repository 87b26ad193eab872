"""Leases: who may do what only one may do. Functions run inside the caller's transaction.

A lease's token only ever grows. Whoever has an older one than the newest has lost it.
"""

import aiosqlite

from domain.errors import LeaseHeldError, LeaseLostError


async def take(
    connection: aiosqlite.Connection, name: str, *, holder: str, now: float, lasts_s: float | None, gone: str | None
) -> int:
    """The new token. `lasts_s`: how long it counts without being renewed; None: until the next one takes it.

    Raises LeaseHeldError while another's counts, but for that of the holder `gone`, who is known to be no more.
    """
    rows = list(await connection.execute_fetchall("SELECT token, holder, until FROM leases WHERE name = ?", (name,)))
    if rows and rows[0]["until"] is not None and rows[0]["until"] > now and rows[0]["holder"] not in {holder, gone}:
        raise LeaseHeldError(f"{name}: {rows[0]['holder']} has the lease", rows[0]["holder"])
    token: int = rows[0]["token"] + 1 if rows else 1
    await connection.execute(
        "INSERT INTO leases (name, token, holder, until) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET token = excluded.token, holder = excluded.holder, until = excluded.until",
        (name, token, holder, None if lasts_s is None else now + lasts_s),
    )
    return token


async def renew(connection: aiosqlite.Connection, name: str, token: int, *, now: float, lasts_s: float) -> None:
    """Raises LeaseLostError where another has it meanwhile."""
    await check(connection, name, token)
    await connection.execute("UPDATE leases SET until = ? WHERE name = ?", (now + lasts_s, name))


async def check(connection: aiosqlite.Connection, name: str, token: int) -> None:
    """Raises LeaseLostError for any token but the newest."""
    rows = list(await connection.execute_fetchall("SELECT token, holder FROM leases WHERE name = ?", (name,)))
    if not rows or rows[0]["token"] != token:
        by = f": {rows[0]['holder']} has it now" if rows else ""
        raise LeaseLostError(f"{name}: this copy's lease is over{by}")


async def release(connection: aiosqlite.Connection, name: str, token: int, *, now: float) -> None:
    """Whoever comes next need not wait. Nothing where another has it already."""
    await connection.execute("UPDATE leases SET until = ? WHERE name = ? AND token = ?", (now, name, token))
