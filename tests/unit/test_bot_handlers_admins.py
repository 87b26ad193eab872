"""What the bot says to what admins write and press."""

import re

import pytest
from support.chats import ANNA, STRANGER, prediction
from support.talking import ADMIN

from domain.records import StoreDay, StoreReport


async def test_an_admin_who_is_no_assistant_is_told_what_can_be_done(chat):
    assert "/invite" in await chat.write(ADMIN, "/start")
    menus = [values for name, values in chat.telegram.calls if name == "setMyCommands"]
    assert [menu.get("language_code") for menu in menus] == ["ru", None]
    for menu in menus:
        assert menu["scope"] == {"type": "chat", "chat_id": ADMIN}
        assert {"start", "invite", "report"} <= {command["command"] for command in menu["commands"]}
    assert "/invite" in await chat.write(ADMIN, "Начнём!")
    assert "/report" in await chat.write(ADMIN, "/help")
    held = await chat.registry.outbox(bot="main", seen=None, wait_s=0)
    assert not held.notices


@pytest.mark.parametrize("text", ["/invite", "/assistants", "/stores", "/report"])
async def test_for_others_there_are_no_such_commands(chat, text):
    assert "Не понимаю" in await chat.write(ANNA, text)
    assert not chat.registry.calls.keys() & {"invite", "assistants", "stores", "report"}


async def test_an_invitation_is_a_link_with_a_code(chat):
    said = await chat.write(ADMIN, "/invite")
    (code,) = re.findall(r"https://t\.me/amiko_bot\?start=(\w+)", said)
    assert f"<code>/login {code}</code>" in said
    assert (await chat.write(STRANGER, f"/start {code}")).startswith("Здравствуйте")


async def test_with_several_stores_an_admin_is_asked_which(chain):
    assert "Какой магазин" in await chain.write(ADMIN, "/invite")
    await chain.press(ADMIN, chain.telegram.inline()["Амико, Садовая"])
    assert "Приглашение в магазин Амико, Садовая" in chain.telegram.said()[-1]
    assert "Такого магазина нет" in await chain.write(ADMIN, "/invite нет-такого")
    assert "Приглашение в магазин Амико, Невский" in await chain.write(ADMIN, "/invite амико, невский")


async def test_taking_somebody_off_the_list_asks_once_more(chat):
    said = await chat.write(ADMIN, "/assistants")
    assert "⚪ Анна" in said
    assert "Борис &lt;3 &amp; co — ещё не в боте" in said
    remove = chat.telegram.inline()["✕ Анна"]
    await chat.press(ADMIN, remove)
    assert "<b>Анна</b>?" in chat.telegram.edits()[-1]["text"]
    await chat.press(ADMIN, chat.telegram.inline()["Оставить"])
    assert "⚪ Анна" in chat.telegram.edits()[-1]["text"]
    await chat.press(ADMIN, remove)
    really = chat.telegram.inline()["Да, убрать"]
    await chat.press(ADMIN, really)
    assert "Анна" not in chat.telegram.edits()[-1]["text"]
    assert await chat.press(ADMIN, really) == "Эта кнопка уже не действует"
    assert (await chat.write(ANNA, "/start")).startswith("У вас нет доступа")


async def test_what_an_admin_may_press_others_may_not(chat):
    await chat.write(ADMIN, "/assistants")
    for data in (*chat.telegram.inline().values(), "really:1", "really:3", "staff:x", "report:x"):
        assert await chat.press(ANNA, data) == "Эта кнопка уже не действует"
    assert len(await chat.registry.assistants()) == 3


async def test_how_the_stores_are(chat):
    await chat.write(ANNA, "Начнём!")
    await chat.registry.announce(prediction(), telegram_id=ANNA)
    said = await chat.write(ADMIN, "/stores")
    assert "Камер на связи: 1 из 1" in said
    assert "🟢 ждёт 1 продавец" in said


async def test_a_report_of_nothing_says_so(chat):
    assert "Показать пока нечего" in await chat.write(ADMIN, "/report")
    assert chat.telegram.calls[-1][0] == "sendMessage"


async def test_a_report_is_a_picture_with_a_line(chat, monkeypatch):
    day = StoreDay(day="2026-11-24", visits=21, met=14, median_take_s=9.0, answered=4, right=3)
    hours = tuple(21 if hour == 12 else 0 for hour in range(24))

    async def fortnight(*, store: str, days: int) -> StoreReport:
        return StoreReport(
            store=store, name="Амико", days=(day,), visits_by_hour=hours, visits_by_department=(("Toys", 21),)
        )

    monkeypatch.setattr(chat.registry, "report", fortnight)
    assert "за две недели 21 посетитель" in await chat.write(ADMIN, "/report")
    assert chat.telegram.calls[-1][0] == "sendPhoto"
