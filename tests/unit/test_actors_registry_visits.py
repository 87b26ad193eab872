import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.staffed import ANNA, BORIS, LIFETIME_S, Shop, open_shop, visit

from domain.errors import LeaseLostError
from storage import leases


async def test_a_camera_whose_clock_is_far_behind_is_heard(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1", at=0.0))
    assert [one.visit for one in await shop.queued()] == ["v1"]


@pytest.mark.parametrize("timezone", ["Europe/Moscow", "America/New_York", "UTC"])
async def test_visits_are_numbered_by_the_stores_day(tmp_path: Path, timezone: str) -> None:
    # midnight in Moscow is 21:00 UTC, in New York (summer) 04:00 UTC
    midnight = {"Europe/Moscow": 21, "America/New_York": 4, "UTC": 0}[timezone]
    at = datetime(2026, 7, 2, midnight, tzinfo=UTC).timestamp()
    async with open_shop(tmp_path, timezone=timezone) as shop:
        await shop.wait(ANNA)
        for name, ago in (("v1", 7200.0), ("v2", 1.0), ("v3", 0.0), ("v4", -60.0)):
            shop.clock.now = at - ago
            await shop.registry.announce(visit(name, at=at - ago))
            await shop.registry.announce(visit(f"{name}b", store="b", at=at - ago))
        rows = await shop.database.read("SELECT id, number FROM visits WHERE store = 'a' ORDER BY id")
        assert [row["number"] for row in rows] == [1, 2, 1, 2]


@pytest.mark.parametrize("notify", ["all", "one"])
async def test_no_question_goes_through_all_there_ever_was(tmp_path: Path, notify: str) -> None:
    """SQLite says how it would answer each; tables that grow are never gone through from end to end."""
    async with open_shop(tmp_path, notify=notify) as shop:
        asked: set[str] = set()
        await shop.database._connection.set_trace_callback(asked.add)
        for person in (ANNA, BORIS):
            await shop.wait(person)
        await shop.registry.announce(visit("v1"))
        await shop.told()
        await shop.decline(ANNA, "v1")
        await shop.told()
        await shop.take(BORIS, "v1")
        await shop.answer(BORIS, "v1", "Toys")
        await shop.edits()
        await shop.pause(ANNA)
        await shop.registry.day(telegram_id=ANNA)
        await shop.registry.report(store="a", days=3)
        await shop.registry.stores()
        await shop.registry.status()
        await shop.registry.see_cameras(lost=[("a", "door")])
        await shop.notices()
        await shop.database._connection.set_trace_callback(None)
        questions = [one for one in asked if one.startswith(("SELECT", "UPDATE", "DELETE", "INSERT"))]
        assert len(questions) > 30
        plans = [
            (row["detail"], question)
            for question in questions
            for row in await shop.database.read(f"EXPLAIN QUERY PLAN {question}")
        ]
        # what is queued, and what is to be edited, is an index of its own and small; so is the staff
        small = r"json_each|notifications_(queued|stale)|assistants|SCAN (a|t)$|CONSTANT ROW"
        gone_through = [plan for plan in plans if plan[0].startswith("SCAN") and not re.search(small, plan[0])]
        assert not gone_through


@pytest.mark.parametrize("notify", ["all", "one"])
async def test_a_visit_costs_the_same_with_many_stores_as_with_few(tmp_path: Path, notify: str) -> None:
    """Counted in SQLite's own steps: announced, sent, expired, among few stores and among many with staff of theirs."""
    steps = {}
    for others in (3, 300):
        (folder := tmp_path / f"{others}").mkdir()
        async with open_shop(folder, notify=notify, others=others) as shop:
            for number in range(3):
                await shop.registry.announce(visit(f"before-{number}", store=f"other-{number}", at=shop.clock.now))
            await shop.wait(ANNA)
            counted = []
            await shop.database._connection.set_progress_handler(lambda counted=counted: counted.append(1), 1)
            await shop.registry.announce(visit("v1", at=shop.clock.now))
            await shop.told()
            shop.clock.now += 61
            await shop.edits()
            await shop.database._connection.set_progress_handler(None, 1)
            steps[others] = len(counted)
    assert steps[3] == steps[300]


async def test_a_visit_that_comes_late_has_what_is_left_of_its_time(shop: Shop) -> None:
    await shop.registry.announce(visit("v1"), age_s=LIFETIME_S - 10)
    await shop.wait(ANNA)
    assert [one.visit for one in await shop.queued()] == ["v1"]
    shop.clock.now += 10
    assert await shop.queued() == []


async def test_a_visit_that_comes_too_late_is_recorded_and_told_to_nobody(shop: Shop) -> None:
    await shop.wait(ANNA)
    await shop.registry.announce(visit("v1"), age_s=LIFETIME_S)
    assert await shop.queued() == []
    assert (await shop.registry.status())["a"]["visits"] == 1


async def test_of_two_copies_of_a_camera_the_newest_is_heard(shop: Shop) -> None:
    async with shop.database.transaction() as connection:
        for holder in ("old", "new"):
            token = await leases.take(
                connection, "camera/a/door", holder=holder, now=shop.clock.now, lasts_s=None, gone=None
            )
    await shop.wait(ANNA)
    with pytest.raises(LeaseLostError):
        await shop.registry.announce(visit("old"), lease=("camera/a/door", token - 1))
    await shop.registry.announce(visit("new"), lease=("camera/a/door", token))
    assert [one.visit for one in await shop.queued()] == ["new"]
    assert [row["id"] for row in await shop.database.read("SELECT id FROM visits")] == ["new"]
