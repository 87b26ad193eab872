"""Updates of any shape from anybody, through the real handlers and a real registry.

Whoever has no access changes nothing; whoever has changes nothing of others, and reads nothing of another store.
Nothing raises and nothing hangs. `AMIKO_FUZZ=100` tries 100,000 updates.
"""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.attack import ADMIN, ANNA, DINA, EVE, SECRETS, besieged, dump, message, press, stores, used_code, watched
from support.fuzz import tried

from bot.keyboards import Action, Choice, Press, digest
from domain.records import NOT_A_CUSTOMER

#: Updates of each example.
UPDATES = 50
#: Seconds for them; thousands of times what they take.
HANGS_S = 120.0

DEPARTMENTS = [*(name for store in stores() for name in store.departments), NOT_A_CUSTOMER]
DIGESTS = st.sampled_from([*map(digest, DEPARTMENTS), *(digest(store.id) for store in stores())])
NUMBERS = st.one_of(st.integers(1, 20), st.integers(-(2**70), 2**70))
PEOPLE = st.one_of(st.sampled_from([ANNA, DINA, EVE, ADMIN]), st.integers(10_000, 2**52))
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        ["Начнём!", "Следующий!", "Пауза", "Next!", "Pause", "a", "b", "Садовая", "<b>", "\x00", "😀" * 4096]
    ),
)
COMMANDS = st.sampled_from(
    (
        "start",
        "login",
        "departments",
        "stats",
        "cancel",
        "hello",
        "ping",
        "help",
        "invite",
        "assistants",
        "stores",
        "report",
        "start@amiko_bot",
        "start@other_bot",
        "unknown",
    ),
)
TEXTS = st.one_of(
    WORDS,
    st.builds("/{}".format, COMMANDS),
    st.builds("/{} {}".format, COMMANDS, WORDS),
    st.builds("/start {}".format, st.text("23456789ABCDEFGHJKLMNPQRSTUVWXYZ", min_size=9, max_size=11)),
)
DATA = st.one_of(
    st.builds(lambda action, number, of: f"{action}:{number}:{of}", st.sampled_from(Action), NUMBERS, DIGESTS | WORDS),
    st.builds(
        lambda action, number, of: Press(action=action, notification=number, digest=of).encode(),
        st.sampled_from(Action),
        st.integers(1, 12),
        DIGESTS,
    ),
    st.builds(lambda choice, of: f"{choice}:{of}", st.sampled_from(Choice), DIGESTS | NUMBERS.map(str) | WORDS),
    st.text(max_size=64),
)
WRITTEN = st.builds(message, PEOPLE, TEXTS, update=st.integers(1, 9))
PRESSED = st.builds(press, PEOPLE, DATA, update=st.integers(1, 9))
KINDS = st.sampled_from(
    ["message", "edited_message", "channel_post", "business_message", "callback_query", "inline_query"]
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A good one in which something is missing or something else."""
    update = draw(WRITTEN | PRESSED)
    (kind,) = update.keys() - {"update_id"}
    for _ in range(draw(st.integers(1, 3))):
        place, key = update, kind
        while draw(st.booleans()) and isinstance(place.get(key), dict) and place[key]:
            place = place[key]
            key = draw(st.sampled_from(sorted(place)))
        if draw(st.booleans()):
            place.pop(key, None)
        else:
            place[key] = draw(ANYTHING | DATA | st.sampled_from(["private", "group", "channel"]))
    if draw(st.integers(0, 9)) == 0:
        update[draw(KINDS)] = update.pop(kind, None)
    return update


SHAPES = st.one_of(WRITTEN, PRESSED, damaged(), damaged(), st.fixed_dictionaries({"update_id": NUMBERS}) | ANYTHING)


def whose(update: object) -> int | None:
    """Who sent it, as the bot sees it."""
    if not isinstance(update, dict):
        return None
    for kind in ("message", "callback_query"):
        match update.get(kind):
            case {"from": {"id": int(person)}}:
                return person
    return None


def theirs(state: dict[str, list[tuple[object, ...]]], person: int) -> dict[str, list[tuple[object, ...]]]:
    """What is not that assistant's to change."""
    store = "a" if person == ANNA else "b"
    visits = {row[0] for row in state["visits"] if row[1] == store}
    return {
        "assistants": [row for row in state["assistants"] if person not in row],
        "visits": [row for row in state["visits"] if row[0] not in visits],
        "notifications": [row for row in state["notifications"] if row[1] not in visits],
        "samples": [row for row in state["samples"] if row[1] != store],
        **{table: state[table] for table in ("invites", "admins", "notices", "classifiers", "promotions")},
    }


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are drawn in half a second by a process each: not here."""

    async def nothing(*_: object) -> None: ...

    monkeypatch.setattr("bot.handlers.assistants.draw_day", nothing)
    monkeypatch.setattr("bot.handlers.admins.draw_report", nothing)


@tried(20)
@given(st.lists(SHAPES, min_size=UPDATES, max_size=UPDATES))
def test_whatever_comes_nothing_raises_and_nobody_oversteps(updates: list[Any]) -> None:
    asyncio.run(asyncio.wait_for(attack(updates), HANGS_S))


async def attack(updates: list[Any]) -> None:
    async with besieged() as shop:
        with watched(shop.path) as version:
            for update in updates:
                before, state = version(), dump(shop.path) if whose(update) in {ANNA, DINA} else None
                calls = len(shop.telegram.calls)
                await shop.hears(update)
                assert not shop.errors, (update, shop.errors)
                person = whose(update)
                if person not in {ANNA, DINA, ADMIN}:
                    assert version() == before, f"changed by somebody without access: {update}"
                elif state is not None and person is not None and version() != before:
                    assert theirs(dump(shop.path), person) == theirs(state, person), update
                if person not in {DINA, ADMIN}:
                    told = str(shop.telegram.calls[calls:])
                    assert not any(secret in told for secret in SECRETS), (update, told)


def test_the_code_of_somebody_taken_off_the_list_is_none() -> None:
    asyncio.run(attack([message(person, f"/start {used_code()}") for person in (EVE, 77_777, 77_778)]))
