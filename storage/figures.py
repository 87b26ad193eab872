"""Figures of a day and of many: what assistants and admins ask for. Functions run inside the caller's transaction."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import aiosqlite

from domain.records import NOT_A_CUSTOMER, AssistantDay, StoreDay, StoreReport
from domain.settings import Store

_PREDICTED = "prediction ->> '$.ranking[0][0]' AS predicted"


def _median(seconds: Sequence[float]) -> float | None:
    return float(median(seconds)) if seconds else None


def _by_hour(times: Iterable[float], timezone: str) -> tuple[int, ...]:
    zone = ZoneInfo(timezone)
    hours = Counter(datetime.fromtimestamp(at, zone).hour for at in times)
    return tuple(hours[hour] for hour in range(24))


async def assistant_day(
    connection: aiosqlite.Connection, assistant: int, *, since: float, timezone: str
) -> AssistantDay:
    """What an assistant has done since the day began."""
    told = list(
        await connection.execute_fetchall(
            f"SELECT n.state, n.created_at, v.taken_at, v.answer, v.{_PREDICTED} FROM notifications n"  # noqa: S608 - fixed texts
            " JOIN visits v ON v.id = n.visit WHERE n.assistant = ? AND n.created_at >= ?",
            (assistant, since),
        )
    )
    taken = [row for row in told if row["state"] == "taken"]
    answered = [row for row in taken if row["answer"] not in {None, NOT_A_CUSTOMER}]
    return AssistantDay(
        met=len(taken),
        shown=len(told),
        median_take_s=_median([row["taken_at"] - row["created_at"] for row in taken]),
        answered=len(answered),
        right=sum(row["answer"] == row["predicted"] for row in answered),
        met_by_hour=_by_hour((row["taken_at"] for row in taken), timezone),
    )


async def store_report(connection: aiosqlite.Connection, store: Store, days: Sequence[str]) -> StoreReport:
    """A store's figures of those days, `YYYY-MM-DD`, the oldest first."""
    rows = list(
        await connection.execute_fetchall(
            f"SELECT day, at, taken_at, answer, {_PREDICTED} FROM visits"  # noqa: S608 - fixed texts
            " WHERE store = ? AND day >= ? AND day <= ?",
            (store.id, days[0], days[-1]),
        )
    )
    told = []
    for day in days:
        visits = [row for row in rows if row["day"] == day]
        met = [row for row in visits if row["taken_at"] is not None]
        answered = [row for row in met if row["answer"] not in {None, NOT_A_CUSTOMER}]
        told.append(
            StoreDay(
                day=day,
                visits=len(visits),
                met=len(met),
                median_take_s=_median([row["taken_at"] - row["at"] for row in met]),
                answered=len(answered),
                right=sum(row["answer"] == row["predicted"] for row in answered),
            )
        )
    departments = Counter(
        department
        for row in rows
        if (department := row["answer"] or row["predicted"]) is not None and department != NOT_A_CUSTOMER
    )
    return StoreReport(
        store=store.id,
        name=store.name,
        days=tuple(told),
        visits_by_hour=_by_hour((row["at"] for row in rows), store.timezone),
        visits_by_department=tuple(departments.most_common()),
    )


async def visits_of_day(connection: aiosqlite.Connection, store: str, day: str) -> tuple[int, int]:
    """Visits of a store's day, and those of them that somebody took."""
    (row,) = await connection.execute_fetchall(
        "SELECT COUNT(*) AS visits, COUNT(taken_at) AS met FROM visits WHERE store = ? AND day = ?", (store, day)
    )
    return row["visits"], row["met"]


def told_visits(path: Path) -> dict[str, tuple[float, float, int]]:
    """What was told of each visit, as it stands in a database that actors may be writing.

    By visit: when the visitor came in, when the notification was made (seconds since 1970), and Telegram's number of
    the newest message.
    """
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT v.id, v.at, n.created_at, n.message FROM notifications n JOIN visits v ON v.id = n.visit"
            " WHERE n.message IS NOT NULL ORDER BY n.id"
        ).fetchall()
    return {visit: (at, created_at, message) for visit, at, created_at, message in rows}
