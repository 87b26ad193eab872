"""Leases in a real database."""

from pathlib import Path

import pytest

from domain.errors import LeaseHeldError, LeaseLostError
from storage import leases
from storage.database import Database


async def test_the_next_one_takes_over_and_the_token_grows(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "a.db") as database, database.transaction() as connection:
        first = await leases.take(connection, "camera/s/door", holder="a", now=0, lasts_s=None, gone=None)
        await leases.check(connection, "camera/s/door", first)
        second = await leases.take(connection, "camera/s/door", holder="b", now=0, lasts_s=None, gone=None)
        assert second > first
        await leases.check(connection, "camera/s/door", second)
        with pytest.raises(LeaseLostError, match="b has it now"):
            await leases.check(connection, "camera/s/door", first)


async def test_one_that_counts_is_waited_for_unless_its_holder_is_gone(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "a.db") as database, database.transaction() as connection:
        first = await leases.take(connection, "bot", holder="a", now=0, lasts_s=20, gone=None)
        for gone in (None, "c"):
            with pytest.raises(LeaseHeldError) as held:
                await leases.take(connection, "bot", holder="b", now=19, lasts_s=20, gone=gone)
            assert held.value.holder == "a"
        await leases.renew(connection, "bot", first, now=19, lasts_s=20)
        with pytest.raises(LeaseHeldError):
            await leases.take(connection, "bot", holder="b", now=38, lasts_s=20, gone=None)
        second = await leases.take(connection, "bot", holder="b", now=38, lasts_s=20, gone="a")
        with pytest.raises(LeaseLostError):
            await leases.renew(connection, "bot", first, now=38, lasts_s=20)
        await leases.release(connection, "bot", first, now=39)
        with pytest.raises(LeaseHeldError):
            await leases.take(connection, "bot", holder="a", now=40, lasts_s=20, gone=None)
        await leases.release(connection, "bot", second, now=40)
        assert await leases.take(connection, "bot", holder="a", now=41, lasts_s=20, gone=None) > second


async def test_tokens_grow_on_after_a_restart(tmp_path: Path) -> None:
    tokens = []
    for _ in range(3):
        async with Database.open(tmp_path / "a.db") as database, database.transaction() as connection:
            tokens.append(await leases.take(connection, "bot", holder="a", now=0, lasts_s=1, gone=None))
    assert tokens == sorted(set(tokens))
