"""What happens is counted as it happens, in a real database."""

import contextlib
from pathlib import Path

from domain.records import AssistantState, NotificationState, Visit
from storage import assistants, notifications, tally, visits
from storage.database import Database


async def test_visits_and_what_notifications_come_to_are_counted_once(tmp_path: Path) -> None:
    visit = Visit(id="v", store="a", camera="door", at=1.0)
    async with Database.open(tmp_path / "a.db") as database:
        async with database.transaction() as connection:
            await tally.begin(connection)
            for person in (1, 2):
                added = await assistants.add(
                    connection, store="a", name=f"{person}", username=None, telegram_id=person, now=0
                )
                await assistants.set_state(connection, added.id, AssistantState.WAITING, now=0)
        with contextlib.suppress(RuntimeError):
            async with database.transaction() as connection:
                await visits.insert(connection, visit, day="1970-01-01", open_until=60)
                raise RuntimeError
        async with database.transaction() as connection:
            for _ in range(2):
                await visits.insert(connection, visit, day="1970-01-01", open_until=60)
            await notifications.insert_for_all(connection, store="a", visit="v", now=1)
            await notifications.mark_sent(connection, 1, message=5, revision=1, now=2)
            await notifications.mark_sent(connection, 1, message=5, revision=1, now=2)
            assert await tally.take(connection) == {("a", None): 1, ("a", "queued"): 2, ("a", "sent"): 1}
            await notifications.end(connection, 1, NotificationState.DECLINED, now=3)
            assert await notifications.end_overdue(connection, now=60) == ["v"]
            assert await tally.take(connection) == {("a", "declined"): 1, ("a", "expired"): 1}
            assert await tally.take(connection) == {}
