"""Whoever has no right changes nothing and learns nothing: strangers, former assistants, those of another store."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.attack import (
    ADMIN,
    ANNA,
    DINA,
    EVE,
    SECRETS,
    STRANGER,
    Besieged,
    besieged,
    dump,
    stores,
    used_code,
)

from bot.keyboards import Action, Choice, Press, digest, member
from domain.errors import NotRegisteredError
from domain.records import Visit

COMMANDS = (
    "/start", "/login", "/departments", "/stats", "/cancel", "/hello", "/ping", "/help",
    "/invite", "/invite b", "/assistants", "/assistants a", "/assistants Садовая", "/stores", "/report", "/report b",
    "Начнём!", "Следующий!", "Пауза", "anything",
)  # fmt: skip


@pytest.fixture
async def shop() -> AsyncIterator[Besieged]:
    async with besieged() as made:
        yield made


def of(path: Path, store: str) -> list[int]:
    """The numbers of a store's notifications."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT n.id FROM notifications n JOIN visits v ON v.id = n.visit WHERE v.store = ?", (store,)
        )
        return [row[0] for row in rows]


def presses(numbers: list[int]) -> Iterator[str]:
    """Each button that a message about a visitor can have."""
    answers = [digest(name) for store in stores() for name in store.departments]
    for number in (*numbers, 0, 999, 10**18 - 1):
        for action in Action:
            for answer in ("", *answers):
                yield Press(action=action, notification=number, digest=answer).encode()


async def admins_buttons(shop: Besieged) -> list[str]:
    staff = await shop.registry.assistants()
    people = [choice.of(member(one)) for one in staff for choice in (Choice.REMOVE, Choice.REMOVE_REALLY)]
    whole = [
        choice.of(digest(store.id)) for store in stores() for choice in (Choice.INVITE, Choice.STAFF, Choice.REPORT)
    ]
    return [*people, *whole, "really:1", "remove:1", "staff:", "report:*", "invite:b"]


def said(shop: Besieged) -> str:
    return str([values for _, values in shop.telegram.calls])


@pytest.mark.parametrize("person", [STRANGER, EVE])
async def test_who_has_no_access_changes_and_learns_nothing(shop: Besieged, person: int) -> None:
    before = dump(shop.path)
    for text in COMMANDS:
        await shop.writes(person, text)
    for code in (used_code(), "AAAAAAAAAA", "' OR 1=1 --", "a" * 64, "_"):
        await shop.writes(person, f"/start {code}")
    for data in (*presses([*of(shop.path, "a"), *of(shop.path, "b")]), *await admins_buttons(shop), "know:x"):
        assert await shop.presses(person, data) == ["У вас нет доступа"]
    assert dump(shop.path) == before
    assert not any(secret in said(shop) for secret in (*SECRETS, "Невский", "Анна", "Toys"))
    assert not shop.errors


async def test_an_assistant_changes_and_learns_nothing_of_another_store(shop: Besieged) -> None:
    before = dump(shop.path)
    for data in (*presses(of(shop.path, "b")), *await admins_buttons(shop), "know:" + digest("Ковры")):
        await shop.presses(ANNA, data)
    assert dump(shop.path) == before
    for text in COMMANDS:
        await shop.writes(ANNA, text)
    await shop.writes(ANNA, f"/start {used_code()}")
    # her own state and notifications are hers to change
    numbers = set(of(shop.path, "b"))
    others = {"assistants": lambda row: ANNA not in row, "notifications": lambda row: row[0] in numbers}
    for table, rows in dump(shop.path).items():
        theirs = others.get(table, bool)
        assert [row for row in rows if theirs(row)] == [row for row in before[table] if theirs(row)], table
    assert not any(secret in said(shop) for secret in SECRETS)
    assert not shop.errors


async def test_an_old_button_of_somebody_taken_off_means_nothing_after_a_new_invitation(shop: Besieged) -> None:
    (number, *_) = of(shop.path, "b")
    dina = next(one for one in await shop.registry.assistants() if one.telegram_id == DINA)
    await shop.registry.remove(assistant=dina.id)
    # nobody else was ever told of anything
    async with shop.database.transaction() as connection:
        await connection.execute("DELETE FROM notifications")
    invite = await shop.registry.invite(admin=ADMIN, store="b")
    await shop.registry.join(code=invite.code, telegram_id=DINA, username=None, name="Дина", language="ru")
    await shop.registry.wait(telegram_id=DINA, update=77)
    await shop.registry.announce(Visit(id="new", store="b", camera="door", at=0))
    before = dump(shop.path)
    for action in Action:
        for old in (number, *range(1, number)):
            data = Press(action=action, notification=old, digest=digest("Toys")).encode()
            assert await shop.presses(DINA, data) == ["Эта кнопка уже не действует"]
    assert dump(shop.path) == before


async def test_an_old_button_takes_nobody_else_off_the_list(shop: Besieged) -> None:
    async def join(name: str, person: int) -> None:
        invite = await shop.registry.invite(admin=ADMIN, store="a")
        await shop.registry.join(code=invite.code, telegram_id=person, username=None, name=name, language="ru")

    await join("Фёдор", 3001)
    fedor = next(one for one in await shop.registry.assistants() if one.telegram_id == 3001)
    old = [choice.of(member(fedor)) for choice in (Choice.REMOVE, Choice.REMOVE_REALLY)]
    await shop.presses(ADMIN, old[1])
    await join("Галя", 3002)
    galya = next(one for one in await shop.registry.assistants() if one.telegram_id == 3002)
    assert galya.id == fedor.id, "the database gives the number again"
    for data in (*old, Choice.REMOVE_REALLY.of(str(galya.id))):
        assert await shop.presses(ADMIN, data) == ["Эта кнопка уже не действует"]
    assert galya in await shop.registry.assistants()


async def test_who_was_moved_to_another_store_does_not_come_back_by_the_old_code(shop: Besieged) -> None:
    async def join(code: str) -> str:
        found = await shop.registry.join(code=code, telegram_id=3001, username=None, name="Фёдор", language="ru")
        return found.store

    first = await shop.registry.invite(admin=ADMIN, store="a")
    second = await shop.registry.invite(admin=ADMIN, store="b")
    assert await join(first.code) == "a"
    assert await join(second.code) == "b"
    with pytest.raises(NotRegisteredError):
        await join(first.code)
    assert await join(second.code) == "b", "what comes twice is answered twice"


async def test_an_assistant_has_no_more_guesses_at_codes_than_a_stranger(shop: Besieged) -> None:
    invite = await shop.registry.invite(admin=ADMIN, store="b")
    for count in range(5):
        await shop.writes(ANNA, f"/login AAAAAAAAA{count}")
    assert await shop.writes(ANNA, f"/login {invite.code}") == []
    anna = next(one for one in await shop.registry.assistants() if one.telegram_id == ANNA)
    assert anna.store == "a"


async def test_a_forwarded_invitation_lets_one_in(shop: Besieged) -> None:
    invite = await shop.registry.invite(admin=ADMIN, store="a")
    assert "Здравствуйте" in (await shop.writes(3001, f"/start {invite.code}"))[0]
    before = dump(shop.path)
    for late in (3002, 3003, EVE):
        assert "Здравствуйте" not in str(await shop.writes(late, f"/start {invite.code}"))
    assert dump(shop.path) == before
    async with shop.database.transaction() as connection:
        (notice,) = await connection.execute_fetchall("SELECT chat, kind FROM notices")
    assert tuple(notice) == (ADMIN, "joined"), "the admin who invited reads who came"
