"""Invites: one-time codes that put people on a staff list. Functions run inside the caller's transaction."""

import hashlib
import secrets
from dataclasses import dataclass

import aiosqlite

#: Seconds that a code is good for.
LIFETIME_S = 24 * 3600.0
#: No letters and digits that are taken for each other when read out: 0 and O, 1 and I.
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_LENGTH = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredInvite:
    """What is known of a code."""

    hash: str
    store: str
    #: The admin's Telegram id; None for the command line.
    invited_by: int | None
    expires_at: float
    used_by: int | None


def _hash(code: str) -> str:
    return hashlib.sha256(code.upper().encode()).hexdigest()


async def make(connection: aiosqlite.Connection, *, store: str, invited_by: int | None, now: float) -> str:
    """A new code; only its hash is kept."""
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    # those of yesterday are of no use to anybody
    await connection.execute("DELETE FROM invites WHERE expires_at < ?", (now - LIFETIME_S,))
    await connection.execute(
        "INSERT INTO invites (hash, store, invited_by, expires_at) VALUES (?, ?, ?, ?)",
        (_hash(code), store, invited_by, now + LIFETIME_S),
    )
    return code


async def find(connection: aiosqlite.Connection, code: str) -> StoredInvite | None:
    """None for a code that was never given out. Codes are kept as digests."""
    rows = list(await connection.execute_fetchall("SELECT * FROM invites WHERE hash = ?", (_hash(code),)))
    return StoredInvite(**dict(rows[0])) if rows else None


async def use(connection: aiosqlite.Connection, invite: StoredInvite, *, telegram_id: int) -> None:
    """From now on it is this person's."""
    await connection.execute("UPDATE invites SET used_by = ? WHERE hash = ?", (telegram_id, invite.hash))
