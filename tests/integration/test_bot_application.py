"""The bot over HTTP: starting, polling, stopping, and what it survives."""

import asyncio
import logging

import pytest
from support.chats import (
    ANNA,
    BORIS,
    CAROL,
    STRANGER,
    TOKEN,
    prediction,
    settings,
    settings_of,
    shop,
    shop_registry,
    until,
)

import bot.application
import bot.pacing
import bot.polling
from bot.application import Bot
from bot.checking import check_token
from bot.sandbox import (
    BAD_GATEWAY,
    BLOCKED,
    CONFLICT,
    LOST_ANSWER,
    RESET,
    UNAUTHORIZED,
    Fault,
    flood,
    slow,
)
from domain.errors import TelegramError
from domain.records import NOT_A_CUSTOMER, AssistantState, NotificationState

NOT_FOUND = Fault(status=404, description="Not Found")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Tests don't wait as long as people do."""
    monkeypatch.setattr(bot.application, "_BACK_OFF_S", (0.02, 0.1))
    monkeypatch.setattr(bot.polling, "_BACK_OFF_S", (0.02, 0.1))
    monkeypatch.setattr(bot.polling, "_CONFLICT_S", 0.2)


async def test_a_shift(sandbox):
    async with shop(sandbox) as at:
        await at.says(ANNA, "/start", "Здравствуйте, Анна!")
        assert sandbox.keyboard(ANNA) == (("Начнём!",),)
        await at.says(ANNA, "Начнём!", "В ожидании посетителей")
        await at.says(ANNA, "Начнём!", "Вы уже ждёте посетителей")
        assert sandbox.keyboard(ANNA) == (("Пауза",),)
        one = await at.registry.announce(prediction(), telegram_id=ANNA)
        await at.hears(ANNA, lambda message: message.text.startswith("Подойдите в отдел Toys — 72%. Посетитель № 1"))
        sandbox.press(ANNA, "Иду")
        await at.hears(ANNA, lambda message: "Не клиент" in message.labels)
        await at.hears(ANNA, "Вы с посетителем")
        assert sandbox.keyboard(ANNA) == (("Следующий!", "Пауза"),)
        sandbox.press(ANNA, "Electronics")
        await at.hears(ANNA, "Отмечено: Electronics")
        sandbox.press(ANNA, "Не клиент")
        await at.hears(ANNA, "Отмечено: Не клиент")
        assert at.registry.notifications[one.id].answer == NOT_A_CUSTOMER
        await at.says(ANNA, "Следующий!", "В ожидании посетителей")
        await at.says(ANNA, "/cancel", "Вы на паузе")
        await until(lambda: sandbox.unanswered(ANNA) == 0)
        assert [toast.text for toast in sandbox.toasts(ANNA)] == ["Спасибо, идите!", *["Спасибо, отмечено"] * 2]


async def test_people_without_and_with_access_in_two_languages(sandbox):
    async with shop(sandbox) as at:
        await at.says(STRANGER, "/start", "У вас нет доступа")
        await at.says(CAROL, "/start", "Hello, Carol!")
        await at.says(CAROL, "Let's go!", "Waiting for visitors")
        await at.says(BORIS, "/login", "Здравствуйте, Борис <3 & co!")
        await at.registry.announce(prediction(), telegram_id=CAROL)
        await at.hears(CAROL, "Please go to Toys: 72%")


async def test_the_menu_of_commands_is_there_in_both_languages(sandbox):
    async with shop(sandbox):
        assert {"command": "cancel", "description": "Пауза: больше не ждать посетителей"} in sandbox.commands("ru")
        assert {"command": "cancel", "description": "Pause: stop waiting for visitors"} in sandbox.commands()


async def test_admins_see_their_commands_too(sandbox):
    sandbox.press(ANNA, "/start")
    talker = Bot(settings_of(api_url=sandbox.url, admins=(ANNA, STRANGER)), shop_registry())
    await talker.start()
    try:
        await asyncio.to_thread(sandbox.wait_for, ANNA, "Здравствуйте")
        assert {"invite", "report", "stats"} <= {command["command"] for command in sandbox.menu(ANNA)}
        assert not {"invite", "report"} & {command["command"] for command in sandbox.menu(BORIS)}
        sandbox.press(STRANGER, "/start")
        await asyncio.to_thread(sandbox.wait_for, STRANGER, "Вы администратор")
        assert "invite" in {command["command"] for command in sandbox.menu(STRANGER)}
    finally:
        await talker.stop()


async def test_of_a_flood_twenty_updates_are_handled_and_others_are_heard(sandbox, monkeypatch):
    monkeypatch.setattr(bot.pacing, "CHAT_BURST", 100)
    for _ in range(40):
        sandbox.press(ANNA, "/ping")
    sandbox.press(BORIS, "/ping")
    async with shop(sandbox) as at:
        await at.hears(BORIS, "на связи")
        await until(lambda: len(at.from_bot(ANNA)) >= 20)
        await at.says(BORIS, "/hello", "Здравствуйте")
        assert len(at.from_bot(ANNA)) == 20


async def test_without_the_menu_it_works_as_well(sandbox, caplog):
    sandbox.fail_next("setMyCommands", flood(3600), 2)
    async with shop(sandbox) as at:
        await at.says(ANNA, "/ping", "на связи")
    assert "the menu of commands was not set" in caplog.text


@pytest.mark.parametrize("token", ["", "  ", "nonsense", "1:wrong", TOKEN + "x"])
async def test_a_wrong_token_is_told_in_a_line_with_the_remedy(sandbox, token):
    with pytest.raises(TelegramError) as caught:
        await Bot(settings(sandbox, token), shop_registry()).start()
    told = str(caught.value)
    assert "@BotFather" in told
    assert "\n" not in told
    assert not token.strip() or token not in told
    assert caught.value.exit_status == 2
    assert caught.value.__context__ is None or caught.value.__suppress_context__


async def test_a_proxy_for_the_world_outside_is_not_asked_for_this_machine(sandbox, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    async with shop(sandbox) as at:
        await at.says(ANNA, "/ping", "на связи")
    assert await check_token(settings(sandbox).telegram) is None


@pytest.mark.parametrize("address", ["", "localhost:8081", "htp://127.0.0.1", "http://", "/bot"])
def test_an_address_that_is_none_is_named(address):
    with pytest.raises(TelegramError, match=r"telegram\.api_url .* https://api\.telegram\.org"):
        Bot(settings_of(api_url=address), shop_registry())


async def test_telegram_out_of_reach_at_the_start_is_waited_for(sandbox):
    registry = shop_registry()
    sandbox.stop()
    talker = Bot(settings(sandbox), registry)
    await talker.start()
    try:
        assert not talker.health.ok
        assert "can't be reached" in (talker.health.problem or "")
        assert talker.health.answered_s_ago is None
        sandbox.start()
        sandbox.press(ANNA, "/ping")
        await asyncio.to_thread(sandbox.wait_for, ANNA, "на связи")
        assert talker.health.ok
    finally:
        await talker.stop()
    assert not talker.health.ok


async def test_a_token_that_turns_out_wrong_later_is_said_so_and_tried_again(sandbox):
    sandbox.fail_next("getMe", BAD_GATEWAY, 3)
    sandbox.fail_next("getMe", UNAUTHORIZED, 3)
    async with shop(sandbox) as at:
        await until(lambda: "@BotFather" in (at.bot.health.problem or ""))
        await at.says(ANNA, "/ping", "на связи")


@pytest.mark.parametrize(
    "fault", [UNAUTHORIZED, NOT_FOUND, CONFLICT, BAD_GATEWAY, flood(1), RESET], ids=lambda f: str(f.status)
)
async def test_no_answer_to_a_poll_ends_polling(sandbox, fault):
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        sandbox.fail_next("getUpdates", fault, 3)
        sandbox.press(ANNA, "/hello")  # The poll under way is answered; the next three are not.
        await until(lambda: at.bot.health.problem)
        assert not at.bot.health.ok
        await at.says(ANNA, "/ping", "на связи")
        await until(lambda: at.bot.health.ok)
        assert at.bot.health.answered_s_ago < 10


@pytest.mark.parametrize(
    ("fault", "word"), [(UNAUTHORIZED, "@BotFather"), (NOT_FOUND, "@BotFather"), (CONFLICT, "another program")]
)
async def test_health_says_what_is_wrong_and_what_to_do(sandbox, fault, word):
    async with shop(sandbox) as at:
        sandbox.fail_next("getUpdates", fault, 1000)
        sandbox.press(ANNA, "/ping")
        await until(lambda: word in (at.bot.health.problem or ""))
        sandbox.mend()
        await until(lambda: at.bot.health.ok)


async def test_a_second_poller_is_told_of_by_both_and_goes_unnoticed_by_neither(sandbox, monkeypatch, caplog):
    monkeypatch.setattr(bot.polling, "_CONFLICT_S", 60.0)
    async with shop(sandbox) as at, shop(sandbox) as other:
        for one in (at, other):
            await until(lambda one=one: "another program" in (one.bot.health.problem or ""))
            assert not one.bot.health.ok
        # they take turns in being refused, and in between each of them is answered
        sandbox.press(ANNA, "/ping")
        await at.hears(ANNA, "на связи")
        assert "another program" in (at.bot.health.problem or "")
        await until(lambda: at.registry.calls["alarm"])
    assert caplog.text.count("another program polls with the same token") == 2, "said once by each"


async def test_whoever_writes_faster_than_the_bot_may_answer_holds_nobody_up(sandbox, monkeypatch):
    monkeypatch.setattr(bot.polling, "_PATIENCE_S", 0.1)
    monkeypatch.setattr(bot.pacing, "CHAT_S", 0.5)
    async with shop(sandbox) as at:
        await at.log_in(ANNA, BORIS)
        for _ in range(8):
            sandbox.press(ANNA, "/ping")
        direct = await at.says(BORIS, "/ping", "на связи")
        await until(lambda: sum("Я на связи" in text for text in at.from_bot(ANNA)) == 8)
        assert direct.at < sandbox.messages(ANNA)[-1].at


async def test_an_update_that_cannot_be_read_does_not_make_the_bot_deaf(sandbox):
    for content in ({}, {"message_id": "x"}, {"message_id": 1, "date": 0, "chat": {"id": 5, "type": "private"}}):
        with sandbox._world.changed:
            sandbox._world._update("message", content)
    async with shop(sandbox) as there:
        await there.says(ANNA, "/ping", "")
        assert there.bot.health.problem is None


async def test_silence_is_unhealthy(sandbox, monkeypatch):
    async with shop(sandbox) as at:
        await at.says(ANNA, "/ping", "на связи")
        assert at.bot.health.ok
        monkeypatch.setattr(bot.polling, "_STALE_S", 0.0)
        assert not at.bot.health.ok


async def test_what_was_pressed_while_the_bot_was_down_still_counts(sandbox):
    registry = shop_registry()
    async with shop(sandbox, registry) as at:
        await at.log_in(ANNA)
    sandbox.press(ANNA, "Начнём!")
    assert registry.state(ANNA) is AssistantState.OFF
    async with shop(sandbox, registry) as at:
        await at.hears(ANNA, "В ожидании посетителей")


async def test_what_was_handled_does_not_come_again_after_a_restart(sandbox):
    registry = shop_registry()
    async with shop(sandbox, registry) as at:
        await at.says(ANNA, "Начнём!", "В ожидании посетителей")
    async with shop(sandbox, registry) as at:
        await at.says(ANNA, "/ping", "на связи")
    assert registry.calls["wait"] == 1


async def test_killed_before_the_acknowledgement_it_gives_the_same_answer_again(sandbox):
    registry = shop_registry()
    async with shop(sandbox, registry) as at:
        await at.log_in(ANNA)
        # The poll that is held open brings the update; none after it gets through to acknowledge it.
        await until(lambda: sandbox.polled)
        sandbox.fail_next("getUpdates", RESET, 1000)
        await at.says(ANNA, "Начнём!", "В ожидании посетителей")
    sandbox.mend()
    async with shop(sandbox, registry) as at:
        await until(lambda: sum("В ожидании посетителей" in text for text in at.from_bot(ANNA)) == 2)
        await at.says(ANNA, "Начнём!", "Вы уже ждёте посетителей")
    assert registry.calls["wait"] == 3


async def test_updates_whose_answer_was_lost_come_again_and_count_once(sandbox):
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        one = await at.registry.announce(prediction(), telegram_id=ANNA)
        await at.hears(ANNA, "в отдел")
        sandbox.fail_next("getUpdates", LOST_ANSWER, 2)
        sandbox.press(ANNA, "/hello")
        await at.hears(ANNA, "Здравствуйте, Анна!")
        sandbox.press(ANNA, "Иду")
        await at.hears(ANNA, "Вы идёте")
        await until(lambda: sandbox.unanswered(ANNA) == 0)
        assert at.registry.notifications[one.id].state is NotificationState.TAKEN


async def test_a_chat_keeps_its_order_and_holds_nobody_up(sandbox):
    async with shop(sandbox) as at:
        await at.log_in(ANNA, BORIS)
        sandbox.fail_next("sendMessage", flood(2), person=ANNA)
        for text in ("/hello", "Начнём!", "/ping"):
            sandbox.press(ANNA, text)
        await at.says(BORIS, "/ping", "на связи")
        assert not any("Я на связи" in text for text in at.from_bot(ANNA)), (
            "Boris was answered while Anna's chat was silent"
        )
        await at.hears(ANNA, "на связи")
        assert [text[:12] for text in at.from_bot(ANNA)[-3:]] == [
            "Здравствуйте",
            "🟢 В ожидании"[:12],
            "Я на связи\n\n",
        ]


async def test_a_slow_chat_does_not_keep_the_bot_from_listening(sandbox, monkeypatch):
    monkeypatch.setattr(bot.polling, "_PATIENCE_S", 0.2)
    async with shop(sandbox) as at:
        await at.log_in(ANNA, BORIS)
        sandbox.fail_next("sendMessage", slow(3), person=ANNA)
        sandbox.press(ANNA, "/ping")
        await at.hears(ANNA, "на связи")
        await at.says(BORIS, "/hello", "Здравствуйте")
        sandbox.press(ANNA, "/hello")
        await at.hears(ANNA, "Здравствуйте, Анна!")


@pytest.mark.parametrize("fault", [BAD_GATEWAY, RESET, flood(1)], ids=["502", "reset", "429"])
async def test_an_answer_to_a_person_is_tried_again(sandbox, fault):
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        sandbox.fail_next("sendMessage", fault, person=ANNA)
        await at.says(ANNA, "Начнём!", "В ожидании посетителей")


async def test_what_pops_up_is_lost_and_the_state_is_told(sandbox):
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        await at.says(ANNA, "Начнём!", "В ожидании посетителей")
        await at.registry.announce(telegram_id=ANNA)
        await at.hears(ANNA, "№ 1")
        sandbox.fail_next("answerCallbackQuery", RESET, times=20)
        await at.says(ANNA, "Иду", "Вы с посетителем")


async def test_someone_who_blocks_the_bot_stops_nobody_else(sandbox, caplog):
    async with shop(sandbox) as at:
        await at.log_in(ANNA, BORIS)
        sandbox.fail_next("sendMessage", BLOCKED, person=ANNA, times=2)
        sandbox.press(ANNA, "/ping")
        await at.says(BORIS, "/ping", "на связи")
    assert "Forbidden" in caplog.text


async def test_a_bot_is_stopped_for_good_and_may_be_stopped_again(sandbox):
    registry = shop_registry()
    talker = Bot(settings(sandbox), registry)
    await talker.stop()
    await talker.start()
    await talker.stop()
    await talker.stop()
    sandbox.press(ANNA, "/ping")
    assert not any(one.from_bot for one in sandbox.messages(ANNA))


async def test_the_token_never_shows(sandbox, caplog):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "httpx")
    caplog.set_level(logging.DEBUG, "httpcore")
    echo = Fault(status=502, description=f"nothing behind /bot{TOKEN}/sendMessage")
    async with shop(sandbox) as at:
        await at.log_in(ANNA, BORIS)
        for method in ("getUpdates", "sendMessage"):
            for fault in (echo, UNAUTHORIZED, NOT_FOUND, CONFLICT, BAD_GATEWAY, RESET, LOST_ANSWER, flood(1)):
                sandbox.fail_next(method, fault)
        one = await at.registry.announce(prediction(), telegram_id=ANNA)
        sandbox.press(BORIS, "/ping")
        await until(lambda: at.registry.notifications[one.id].state is NotificationState.SENT, 30)
        sandbox.fail_next("sendMessage", echo, 10)
        sandbox.press(BORIS, "/ping")
        await until(lambda: "an update could not be handled" in caplog.text)
        sandbox.mend()
        assert TOKEN not in repr(at.bot.health)
    sandbox.stop()
    talker = Bot(settings(sandbox), shop_registry())
    await talker.start()
    await talker.stop()
    sandbox.start()
    mistaken = Bot(settings(sandbox, TOKEN[:-1] + "x"), shop_registry())
    with pytest.raises(TelegramError):
        await mistaken.start()
    assert len(caplog.records) > 50, "it was a talkative day"
    secret = TOKEN.split(":")[1][:-1]
    assert secret not in caplog.text
    assert not [record for record in caplog.records if secret in record.getMessage()]
