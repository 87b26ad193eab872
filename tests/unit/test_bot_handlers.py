"""Who is let in, and by which bot."""

import pytest
from support.chats import ANNA, BORIS, STRANGER, prediction
from support.talking import ADMIN, DINA

from domain.records import AssistantState, NoticeKind, NotificationState

# -- logging in ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["/start", "/login", "/start AnOldInvitation", "/login what?"])
async def test_someone_registered_is_welcomed_and_told_what_to_press(chat, command):
    assert (await chat.write(ANNA, command)).startswith("Здравствуйте, Анна! Ваш магазин — Амико, Невский.")
    assert chat.telegram.keyboard() == ["Начнём!"]
    assert chat.telegram.calls[-1][1]["parse_mode"] == "HTML"


async def test_login_refreshes_what_telegram_says_of_the_person(chat):
    assert "Борис &lt;3 &amp; co!" in await chat.write(BORIS, "/login", language="ru")
    await chat.write(BORIS, "/login", language="en")
    known = chat.registry.about(BORIS)
    assert (known["telegram_id"], known["username"], known["language"]) == (BORIS, "boris", "en")


@pytest.mark.parametrize(
    "text", ["/start", "/login", "Начнём!", "Пауза", "/stats", "/help", "/ping", "/invite", "что?"]
)
async def test_a_stranger_gets_one_line_a_minute_and_costs_nothing_else(chat, text):
    said = await chat.write(STRANGER, text)
    assert said.startswith("У вас нет доступа")
    assert len(said.splitlines()) == 1
    assert str(STRANGER) in said
    assert await chat.is_silent(STRANGER, text)
    assert await chat.is_silent(STRANGER, "/start")
    assert (await chat.write(ANNA, "/start")).startswith("Здравствуйте"), "others are heard"


async def test_a_strangers_press_is_no_way_around(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    assert await chat.press(STRANGER, f"t:{one.id}:") == "У вас нет доступа"
    assert await chat.is_silent(STRANGER, "/start")
    assert chat.registry.notifications[one.id].state is NotificationState.QUEUED


@pytest.mark.parametrize("command", ["/start", "/login"])
async def test_a_code_makes_a_stranger_an_assistant_and_the_admin_hears(chat, command):
    await chat.write(STRANGER, "/start")
    invite = await chat.registry.invite(admin=ADMIN, store="spb-1")
    said = await chat.write(STRANGER, f"{command} {invite.code.lower()}")
    assert said.startswith("Здравствуйте, Имя &lt;b&gt; Фамилия! Ваш магазин — Амико, Невский.")
    assert "В ожидании" in await chat.write(STRANGER, "Начнём!")
    held = await chat.registry.outbox(bot="main", seen=None, wait_s=0)
    assert [(one.chat, one.kind, one.values["name"]) for one in held.notices] == [
        (ADMIN, NoticeKind.JOINED, "Имя <b> Фамилия")
    ]
    # the same update again, or the link pressed once more
    assert (await chat.write(STRANGER, f"/start {invite.code}")).startswith("Здравствуйте")
    # and it lets nobody else in
    assert "не подходит" in await chat.write(STRANGER + 1, f"/start {invite.code}")


async def test_wrong_codes_are_looked_at_five_times_an_hour(chat):
    invite = await chat.registry.invite(admin=ADMIN, store="spb-1")
    for number in range(5):
        assert "не подходит" in await chat.write(STRANGER, f"/login WRONG{number}")
    assert await chat.is_silent(STRANGER, "/login WRONG")
    assert await chat.is_silent(STRANGER, f"/login {invite.code}"), "right or wrong"
    assert (await chat.write(STRANGER + 1, f"/login {invite.code}")).startswith("Здравствуйте")


async def test_a_code_is_good_for_a_day(chat):
    invite = await chat.registry.invite(admin=ADMIN, store="spb-1")
    chat.registry.ahead_s = 24 * 3600
    assert "не подходит" in await chat.write(STRANGER, f"/start {invite.code}")


# -- several bots -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["/start", "Начнём!", "Пауза", "/stats", "/help", "что?"])
async def test_the_other_bots_say_which_one_is_the_right_one(chain, text):
    said = await chain.write(DINA, text)
    assert said == "С вашим магазином работает другой бот: https://t.me/amiko_second_bot"
    assert chain.registry.state(DINA) is AssistantState.OFF
    assert "В ожидании" in await chain.write(ANNA, "Начнём!")


async def test_an_invitation_names_the_right_bot(chain):
    await chain.write(ADMIN, "/invite spb-2")
    assert "https://t.me/amiko_second_bot?start=" in chain.telegram.said()[-1]
