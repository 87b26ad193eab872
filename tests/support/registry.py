"""The real registry on a database of its own, with what tests want to break and to look at."""

import asyncio
import contextlib
import functools
import itertools
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from actors.registry import AssistantRegistry
from domain.records import Assistant, AssistantState, Notification, NotificationState, Prediction, Visit
from domain.settings import Settings
from storage import assistants, notifications, visits
from storage.database import Database

T = TypeVar("T")
_open: list["ShopRegistry"] = []
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Seen:
    """What stands in the database about a notification."""

    state: NotificationState
    message: int | None
    answer: str | None
    reason: str | None
    revision: int
    shown: int | None


class ShopRegistry:
    """`actors.registry.AssistantRegistry` with some staff; can be watched, and fail as a killed process does."""

    def __init__(self, settings: Settings, staff: list[Assistant]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="amiko-registry-")
        self.path = Path(self._folder.name) / "amiko.db"
        self._settings = settings
        #: Seconds that the registry's clock is ahead of ours.
        self.ahead_s = 0.0
        #: How often each method was called.
        self.calls: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self.database = _run(Database.connect(self.path))
        _run(self._hire(staff))
        self.restart()
        _open.append(self)

    def restart(self) -> None:
        """Another process' registry on the same database: nothing that was in memory is left."""
        self.real = AssistantRegistry(self._settings, self.database, clock=self.now)

    def now(self) -> float:
        """By the registry's clock."""
        return time.time() + self.ahead_s

    def close(self) -> None:
        _run(self.database.close())
        self._folder.cleanup()

    def fail_next(self, method: str, times: int = 1) -> None:
        """The next calls of a method fail as those of a process do that has just been killed."""
        self._failures[method] += times

    def __getattr__(self, method: str) -> Any:
        if method.startswith("_"):
            raise AttributeError(method)
        return functools.partial(self._call, method)

    async def _call(self, method: str, **arguments: Any) -> Any:
        self.calls[method] += 1
        if self._failures[method] > 0:
            self._failures[method] -= 1
            raise ConnectionError("the registry is starting again")
        return await getattr(self.real, method)(**arguments)

    async def announce(
        self,
        prediction: Prediction | None = None,
        *,
        telegram_id: int,
        card: bytes | None = None,
        lifetime_s: float = 60,
    ) -> Notification:
        """Tell one assistant alone of a new visit, whatever state they are in."""
        now = time.time()
        async with self.database.transaction() as connection:
            assistant = await assistants.by_telegram_id(connection, telegram_id)
            assert assistant is not None
            visit = Visit(
                id=f"visit-{next(_numbers)}",
                store=assistant.store,
                camera="door",
                at=now,
                prediction=prediction,
                card=card,
            )
            await visits.insert(connection, visit, day="2026-01-01", open_until=now + lifetime_s)
            await notifications.insert(
                connection, visit=visit.id, assistant=assistant.id, created_at=now, expires_at=now + lifetime_s
            )
            rows = await connection.execute_fetchall("SELECT max(id) FROM notifications")
            made = await notifications.by_id(
                connection, next(iter(rows))[0], {store.id: store for store in self._settings.stores}
            )
        assert made is not None
        self.real._cards.keep(visit, until=now + lifetime_s, now=now)
        self.real._news()
        return made

    async def age(self, notification: int, seconds: float) -> None:
        """As if the visit had been taken so much earlier."""
        async with self.database.transaction() as connection:
            await connection.execute(
                "UPDATE visits SET taken_at = taken_at - ? WHERE id = (SELECT visit FROM notifications WHERE id = ?)",
                (seconds, notification),
            )

    @property
    def notifications(self) -> dict[int, Seen]:
        """All there are, by number."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT n.id, n.state, n.message, v.answer, n.reason, n.revision, n.shown"
                " FROM notifications n JOIN visits v ON v.id = n.visit"
            ).fetchall()
        return {row[0]: Seen(NotificationState(row[1]), *row[2:]) for row in rows}

    def stale(self) -> list[int]:
        """Those whose message shows less than it should."""
        return [number for number, one in self.notifications.items() if one.message and one.shown != one.revision]

    @property
    def reasons(self) -> dict[int, str | None]:
        """Why each failed one failed."""
        return {number: one.reason for number, one in self.notifications.items()}

    def state(self, telegram_id: int) -> AssistantState:
        """What an assistant does."""
        return AssistantState(self.about(telegram_id)["state"])

    def about(self, telegram_id: int) -> dict[str, Any]:
        """What stands in the database about an assistant."""
        with self._reading() as connection:
            connection.row_factory = sqlite3.Row
            (row,) = connection.execute("SELECT * FROM assistants WHERE telegram_id = ?", (telegram_id,)).fetchall()
        return dict(row)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            yield connection

    async def _hire(self, staff: list[Assistant]) -> None:
        async with self.database.transaction() as connection:
            for one in staff:
                added = await assistants.add(
                    connection,
                    store=one.store,
                    name=one.name,
                    username=one.username,
                    # who has neither is found by nothing
                    telegram_id=one.telegram_id,
                    now=one.since,
                )
                await assistants.set_state(connection, added.id, one.state, now=one.since)


def close_all() -> None:
    """Close what a test has opened."""
    while _open:
        _open.pop().close()


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Outside the test's own event loop, which may be running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
