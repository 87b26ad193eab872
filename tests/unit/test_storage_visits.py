"""Visits: stored once, numbered by day, taken by one."""

from pathlib import Path

from domain.records import Visit
from storage import assistants, visits
from storage.database import Database


async def test_one_takes_it_and_no_other(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "amiko.db") as database, database.transaction() as connection:
        first, second = [
            await assistants.add(connection, store="a", name="?", username=None, telegram_id=number, now=0.0)
            for number in (1, 2)
        ]
        visit = Visit(id="v", store="a", camera="door", at=0.0)
        assert [await visits.insert(connection, visit, day="2026-01-01", open_until=60.0) for _ in range(2)] == [
            True,
            False,
        ]
        took = [await visits.take(connection, "v", assistant=one.id, now=1.0) for one in (first, second)]
        assert took == [True, False]
        (row,) = await connection.execute_fetchall("SELECT taken_by, open_until FROM visits")
        assert tuple(row) == (first.id, None)
