import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.staffed import (
    ANNA,
    BORIS,
    VERA,
    Shop,
    open_shop,
    visit,
)

from domain.records import (
    Notification,
    NotificationState,
)

STEPS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([ANNA, BORIS, VERA])),
    st.tuples(st.just("pause"), st.sampled_from([ANNA, BORIS, VERA])),
    st.tuples(st.just("visit"), st.integers(0, 9)),
    st.tuples(st.just("send"), st.integers(0, 5)),
    st.tuples(st.just("take"), st.integers(0, 5)),
    st.tuples(st.just("decline"), st.integers(0, 5)),
    st.tuples(st.just("fail"), st.integers(0, 5)),
    st.tuples(st.just("later"), st.integers(1, 90)),
    st.tuples(st.just("restart"), st.just(0)),
)


@given(st.lists(STEPS, max_size=30), st.sampled_from(["all", "one"]))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_happens_nobody_stands_there_unheard_of(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], notify: str
) -> None:
    asyncio.run(check_invariants(tmp_path_factory.mktemp("shop"), steps, notify))


async def act(shop: Shop, step: str, number: int, chosen: Notification | None) -> None:
    match step:
        case "wait":
            await shop.wait(number)
        case "pause":
            await shop.pause(number)
        case "visit":
            await shop.registry.announce(visit(f"v{number}"))
        case "later":
            shop.clock.now += number
        case "restart":
            shop.restart()
        case "send" if chosen:
            await shop.registry.mark_sent(notification=chosen.id, message=number, revision=chosen.revision)
        case "take" if chosen:
            await shop.registry.take(notification=chosen.id, telegram_id=chosen.chat)
        case "decline" if chosen:
            await shop.registry.decline(notification=chosen.id, telegram_id=chosen.chat)
        case "fail" if chosen:
            await shop.registry.mark_failed(notification=chosen.id, reason="blocked", blocked=bool(number % 2))


async def check_invariants(folder: Path, steps: list[tuple[str, int]], notify: str) -> None:
    async with open_shop(folder, notify=notify) as shop:
        known: dict[int, Notification] = {}
        ended: dict[int, NotificationState] = {}
        for step, number in steps:
            known |= {one.id: one for one in (await shop.outbox()).notifications}
            chosen = list(known.values())[number % len(known)] if known else None
            await act(shop, step, number, chosen)
            rows = await shop.database.read("SELECT id, state FROM notifications WHERE state NOT IN ('queued', 'sent')")
            now_ended = {row["id"]: NotificationState(row["state"]) for row in rows}
            # an end is for ever
            assert ended.items() <= now_ended.items()
            ended = now_ended
        await shop.outbox()
        # at most one takes a visit, and nobody is asked about it then
        rows = await shop.database.read(
            "SELECT visit, SUM(state = 'taken') AS taken, SUM(state IN ('queued', 'sent')) AS asked"
            " FROM notifications GROUP BY visit"
        )
        assert all(row["taken"] <= 1 and not (row["taken"] and row["asked"]) for row in rows)
        # nobody waits, free for a visitor, while a visit that they could hear of is open and nobody's to think about
        free = (
            ""
            if notify == "all"
            else (
                " AND NOT EXISTS (SELECT 1 FROM notifications WHERE assistant = a.id AND state IN ('queued', 'sent'))"
                " AND v.next_offer_at IS NULL"
            )
        )
        unheard = await shop.database.read(
            "SELECT v.id, a.name FROM visits v JOIN assistants a ON a.store = v.store WHERE v.open_until > ?"
            " AND a.state = 'waiting' AND NOT EXISTS"
            f" (SELECT 1 FROM notifications n WHERE n.visit = v.id AND n.assistant = a.id){free}",
            (shop.clock.now,),
        )
        assert not unheard
