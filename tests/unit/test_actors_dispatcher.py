"""The dispatcher with the real bot against the sandbox, and a real registry."""

import asyncio
from collections.abc import AsyncIterator

import cv2
import numpy as np
import pytest
from pydantic import SecretStr
from support.chats import assistant, settings_of, store
from support.registry import ShopRegistry

import actors.dispatcher
from actors.dispatcher import Dispatcher
from bot.sandbox import PEOPLE, UNAUTHORIZED, Sandbox
from domain.settings import AnotherBot, Settings, Telegram

TOKEN = "1000000001:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
LIMIT_S = 30


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    server = Sandbox(TOKEN)
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.stop)


def registry() -> ShopRegistry:
    return ShopRegistry(settings_of(), [assistant(person.id, person.id, name=person.name) for person in PEOPLE])


def settings(sandbox: Sandbox, admins: tuple[int, ...] = ()) -> Settings:
    return settings_of(token=TOKEN, api_url=sandbox.url, admins=admins)


async def test_buttons_are_heard_and_notifications_sent(sandbox: Sandbox) -> None:
    anna = PEOPLE[0].id
    known = registry()
    dispatcher = Dispatcher(settings(sandbox), known)
    dispatcher.start()
    sandbox.press(anna, "/login")
    sandbox.press(anna, "Начнём!")
    await asyncio.to_thread(sandbox.wait_for, anna, "В ожидании посетителей", timeout_s=LIMIT_S)
    await known.announce(telegram_id=anna)
    await asyncio.to_thread(sandbox.wait_for, anna, "у входа", timeout_s=LIMIT_S)
    status = await dispatcher.status()
    assert (status["healthy"], status["problem"]) == (True, None)
    assert "bots" not in status
    await dispatcher.stop()


async def test_a_refused_token_is_told_and_tried_again(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors.dispatcher, "REFUSED_S", 0.05)
    sandbox.fail_next("getMe", UNAUTHORIZED, times=3)
    dispatcher = Dispatcher(settings(sandbox), registry())
    problems = []

    async def watch() -> None:
        while not (status := await dispatcher.status())["healthy"]:
            problems.append(status["problem"])
            await asyncio.sleep(0.01)

    dispatcher.start()
    await asyncio.wait_for(watch(), LIMIT_S)
    assert any(problem and "@BotFather" in problem for problem in problems)
    assert not any(problem and TOKEN in problem for problem in problems)
    await dispatcher.stop()


async def test_a_refused_token_leaves_the_other_bots_at_work() -> None:
    anna, other = PEOPLE[0].id, "1000000002:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
    sandbox = Sandbox(TOKEN)
    await asyncio.to_thread(sandbox.start)
    known = registry()
    asked = settings(sandbox)
    two = asked.telegram.model_copy(update={"bots": {"chain": AnotherBot(token=SecretStr(other))}})
    dispatcher = Dispatcher(asked.model_copy(update={"telegram": two}), known)
    dispatcher.start()
    try:
        sandbox.press(anna, "/login")
        sandbox.press(anna, "Начнём!")
        await asyncio.to_thread(sandbox.wait_for, anna, "В ожидании посетителей", timeout_s=LIMIT_S)
        await known.announce(telegram_id=anna)
        await asyncio.to_thread(sandbox.wait_for, anna, "у входа", timeout_s=LIMIT_S)
        status = await dispatcher.status()
        assert not status["healthy"]
        assert (status["problem"] or "").startswith("bot chain: ")
        assert "@BotFather" in (status["problem"] or "")
        assert status["bots"]["main"] | {"answered_s_ago": 0} == {
            "healthy": True,
            "answered_s_ago": 0,
            "problem": None,
        }
    finally:
        await dispatcher.stop()
        await asyncio.to_thread(sandbox.stop)


async def test_each_stores_visitors_are_told_by_its_own_bot() -> None:
    anna, boris = (person.id for person in PEOPLE[:2])
    other = "1000000002:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
    sandbox = Sandbox(TOKEN, more=[other])
    await asyncio.to_thread(sandbox.start)
    telegram = Telegram(token=SecretStr(TOKEN), api_url=sandbox.url, bots={"chain": AnotherBot(token=SecretStr(other))})
    asked = Settings(telegram=telegram, stores=[store(), store(id="msk-1", name="Амико, Арбат", bot="chain")])
    known = ShopRegistry(asked, [assistant(1, anna, name="Анна"), assistant(2, boris, store="msk-1", name="Борис")])
    dispatcher = Dispatcher(asked, known)
    dispatcher.start()
    try:
        for person, chats in ((anna, sandbox), (boris, sandbox.bot(other))):
            chats.press(person, "/login")
            chats.press(person, "Начнём!")
            await asyncio.to_thread(chats.wait_for, person, "В ожидании посетителей", timeout_s=LIMIT_S)
            await known.announce(telegram_id=person)
            await asyncio.to_thread(chats.wait_for, person, "у входа", timeout_s=LIMIT_S)
        assert not sandbox.messages(boris)
        status = await dispatcher.status()
        assert status["healthy"]
        assert {name: one["healthy"] for name, one in status["bots"].items()} == {"main": True, "chain": True}
    finally:
        await dispatcher.stop()
        await asyncio.to_thread(sandbox.stop)


class Sheets:
    """What the trainer would answer."""

    def __init__(self) -> None:
        self.sheet: bytes | None = None

    async def report(self, store: str, language: str) -> bytes | None:
        return self.sheet


async def test_admins_alone_get_the_report(sandbox: Sandbox) -> None:
    admin, other = (person.id for person in PEOPLE)
    sheets = Sheets()
    dispatcher = Dispatcher(settings(sandbox, (admin,)), registry(), sheets)
    dispatcher.start()
    sandbox.press(admin, "/report")
    await asyncio.to_thread(sandbox.wait_for, admin, "Показать пока нечего", timeout_s=LIMIT_S)
    _, png = cv2.imencode(".png", np.full((200, 200, 3), 255, np.uint8))
    sheets.sheet = png.tobytes()
    for person in (admin, other):
        sandbox.press(person, "/report")
    sheet = await asyncio.to_thread(sandbox.wait_for, admin, "Обучение: Амико, Невский", timeout_s=LIMIT_S)
    assert sheet.photo == png.tobytes()
    refused = await asyncio.to_thread(sandbox.wait_for, other, "Не понимаю", timeout_s=LIMIT_S)
    assert refused.photo is None
    await dispatcher.stop()


async def test_it_can_be_stopped_while_telegram_is_out_of_reach() -> None:
    dispatcher = Dispatcher(settings_of(token=TOKEN, api_url="http://127.0.0.1:9"), registry())
    dispatcher.start()
    assert not (await dispatcher.status())["healthy"]
    await dispatcher.stop()
