"""What the bot says to what assistants write and press."""

import json

import pytest
from support.chats import ANNA, BORIS, CAROL, STRANGER, prediction
from support.recorder import ME
from telegram.error import NetworkError

from bot.keyboards import digest
from domain.records import NOT_A_CUSTOMER, AssistantState, NotificationState

# -- states -------------------------------------------------------------------------------------------


async def test_begin_and_begin_again(chat):
    assert await chat.write(ANNA, "Начнём!") == "🟢 В ожидании посетителей"
    assert chat.registry.state(ANNA) is AssistantState.WAITING
    assert chat.telegram.keyboard() == ["Пауза"]
    assert await chat.write(ANNA, "Начнём!") == "🟢 Вы уже ждёте посетителей"
    assert await chat.write(ANNA, "Следующий!") == "🟢 Вы уже ждёте посетителей"


async def test_next_after_a_visitor_waits_again(chat):
    await chat.write(ANNA, "Начнём!")
    one = await chat.registry.announce(telegram_id=ANNA)
    await chat.press(ANNA, f"t:{one.id}:")
    assert chat.registry.state(ANNA) is AssistantState.BUSY
    assert chat.telegram.said()[-1].startswith("🔵 Вы с посетителем")
    assert chat.telegram.keyboard() == ["Следующий!", "Пауза"]
    assert await chat.write(ANNA, "Следующий!") == "🟢 В ожидании посетителей"


@pytest.mark.parametrize("text", ["Начнем", "начнём !", "НАЧНЁМ!", "следующий", "Let's go!", "Let’s go", "next"])
async def test_the_buttons_may_be_typed(chat, text):
    assert "В ожидании посетителей" in await chat.write(ANNA, text)


async def test_the_same_update_again_has_the_same_answer(chat):
    for _ in range(2):
        assert await chat.write(ANNA, "Начнём!", update=77) == "🟢 В ожидании посетителей"
    assert await chat.write(ANNA, "/cancel", update=78) == await chat.write(ANNA, "/cancel", update=78)


async def test_someone_registered_who_never_logged_in_needs_no_login_to_begin(chat):
    assert "В ожидании посетителей" in await chat.write(BORIS, "Начнём!")


@pytest.mark.parametrize("text", ["Пауза", "/cancel", "pause"])
async def test_a_pause(chat, text):
    await chat.write(ANNA, "Начнём!")
    assert (await chat.write(ANNA, text)).startswith("⚪ Вы на паузе")
    assert chat.registry.state(ANNA) is AssistantState.OFF
    assert chat.telegram.keyboard() == ["Начнём!"]
    assert (await chat.write(ANNA, text)).startswith("⚪ Вы уже на паузе")


@pytest.mark.parametrize("text", ["/start", "/stats", "/hello", "/ping", "/help", "/nonsense", "/report", "что?"])
@pytest.mark.parametrize("state", AssistantState)
async def test_each_answer_says_the_state_with_the_buttons_that_fit_it(chat, text, state):
    if state is not AssistantState.OFF:
        await chat.write(ANNA, "Начнём!")
    if state is AssistantState.BUSY:
        one = await chat.registry.announce(telegram_id=ANNA)
        await chat.press(ANNA, f"t:{one.id}:")
    last = (await chat.write(ANNA, text)).splitlines()[-1]
    marks, keys = {"off": "⚪", "waiting": "🟢", "busy": "🔵"}, {"off": 0, "waiting": 1, "busy": 2}
    assert last.startswith(marks[state])
    assert chat.telegram.keyboard() == [["Начнём!"], ["Пауза"], ["Следующий!", "Пауза"]][keys[state]]
    assert chat.registry.state(ANNA) is state


async def test_small_talk(chat):
    assert (await chat.write(ANNA, "/hello")).startswith("Здравствуйте, Имя &lt;b&gt; Фамилия!")
    assert (await chat.write(ANNA, "/ping")).startswith("Я на связи")
    said = await chat.write(ANNA, "/help")
    assert "/cancel" in said
    assert "/invite" not in said


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Waiting for visitors"), ("de", "Waiting for visitors"), (None, "В ожидании посетителей")],
)
async def test_each_is_answered_in_their_language(chat, language, text):
    assert text in await chat.write(CAROL, "Let's go!", language=language)


async def test_a_picture_is_not_understood(chat):
    photo = [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]
    assert "/help" in await chat.write(ANNA, None, photo=photo)


async def test_in_groups_it_points_to_the_private_chat_and_overhears_nothing(chat):
    group = {"id": -100, "type": "supergroup", "title": "Магазин"}
    assert "личной переписке" in await chat.write(ANNA, "/start", chat=group)
    assert await chat.write(ANNA, "Начнём!", chat=group) == ""
    assert not chat.registry.calls


async def test_edited_messages_change_nothing(chat):
    edited = {
        "message_id": 5,
        "date": 0,
        "edit_date": 1,
        "chat": {"id": ANNA, "type": "private"},
        "from": chat.user(ANNA),
        "text": "Начнём!",
    }
    await chat._handle({"edited_message": edited}, None)
    assert not chat.registry.calls
    assert not chat.telegram.calls


async def test_departments_known_best(chat):
    said = await chat.write(ANNA, "/departments")
    assert "первыми" in said
    toys = chat.telegram.inline()["Игрушки"]
    for _ in range(2):
        await chat.press(ANNA, toys)
        assert json.loads(chat.registry.about(ANNA)["departments"]) == ["Toys"], "twice the same press is one"
    await chat.press(ANNA, chat.telegram.inline()["Electronics"])
    assert {"✓ Игрушки", "✓ Electronics", "Appliances"} <= chat.telegram.inline().keys()
    await chat.press(ANNA, chat.telegram.inline()["✓ Игрушки"])
    assert json.loads(chat.registry.about(ANNA)["departments"]) == ["Electronics"]
    assert "изменился" in await chat.press(ANNA, "know:deadbeef")
    assert await chat.press(STRANGER, toys) == "У вас нет доступа"


async def test_ones_own_day(chat):
    assert "ещё никого" in await chat.write(ANNA, "/stats")
    await chat.write(ANNA, "Начнём!")
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    await chat.press(ANNA, f"t:{one.id}:")
    await chat.press(ANNA, f"a:{one.id}:{digest('Toys')}")
    said = await chat.write(ANNA, "/stats")
    assert "Вы встретили 1 посетителя" in said
    assert "Отдел угадан: 1 из 1" in said


# -- presses ------------------------------------------------------------------------------------------


async def test_going_and_going_twice(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    for _ in range(2):
        assert await chat.press(ANNA, f"t:{one.id}:") == "Спасибо, идите!"
        assert chat.registry.notifications[one.id].state is NotificationState.TAKEN
    assert len(chat.telegram.said()) == 1, "the state is said once"


async def test_a_copy_that_delivery_does_not_know_is_changed_at_once(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    await chat.registry.mark_sent(notification=one.id, message=6, revision=1)
    await chat.press(ANNA, f"t:{one.id}:")
    edit = chat.telegram.edits()[-1]
    assert edit["text"].startswith("Подойдите в отдел <b>Игрушки</b> — 72%. Посетитель № 1")
    assert edit["reply_markup"]["inline_keyboard"][0][0]["text"] == "Отдел верный"
    photo = [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]
    with_photo = {"message_id": 9, "date": 1, "chat": {"id": ANNA, "type": "private"}, "from": ME, "photo": photo}
    await chat.press(ANNA, f"t:{one.id}:", message=with_photo)
    assert "caption" in chat.telegram.edits()[-1]


async def test_declining_leaves_the_person_waiting(chat):
    await chat.write(ANNA, "Начнём!")
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    assert await chat.press(ANNA, f"d:{one.id}:") == "Хорошо, понятно"
    assert chat.registry.notifications[one.id].state is NotificationState.DECLINED
    assert chat.registry.state(ANNA) is AssistantState.WAITING


@pytest.mark.parametrize(
    ("first", "then", "toast"),
    [("d", "t", "Вы уже нажали «Занят» или «Пауза»"), ("t", "d", "Вы уже идёте к этому посетителю")],
)
async def test_the_first_press_counts(chat, first, then, toast):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    await chat.press(ANNA, f"{first}:{one.id}:")
    state = chat.registry.notifications[one.id].state
    assert await chat.press(ANNA, f"{then}:{one.id}:") == toast
    assert chat.registry.notifications[one.id].state is state


async def test_answering_and_changing_ones_mind(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    await chat.press(ANNA, f"t:{one.id}:")
    for answer in ("Toys", "Electronics", NOT_A_CUSTOMER):
        assert await chat.press(ANNA, f"a:{one.id}:{digest(answer)}") == "Спасибо, отмечено"
        assert chat.registry.notifications[one.id].answer == answer


async def test_an_answer_after_an_hour_is_refused_with_a_word(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    await chat.press(ANNA, f"t:{one.id}:")
    await chat.registry.age(one.id, 3601)
    assert await chat.press(ANNA, f"a:{one.id}:{digest('Toys')}") == "Прошло больше часа, исправить уже нельзя"
    assert chat.registry.notifications[one.id].answer is None


async def test_an_answer_that_is_no_longer_one_shows_the_new_departments(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    await chat.press(ANNA, f"t:{one.id}:")
    assert "изменился" in await chat.press(ANNA, f"a:{one.id}:deadbeef")
    assert chat.registry.notifications[one.id].answer is None


async def test_a_made_up_answer_takes_nothing(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    await chat.press(ANNA, f"a:{one.id}:{digest('Toys')}")
    assert chat.registry.notifications[one.id].state is NotificationState.QUEUED
    assert chat.registry.notifications[one.id].answer is None


@pytest.mark.parametrize("action", ["t", "d"])
async def test_pressing_on_an_expired_one_says_so(chat, action):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA, lifetime_s=0)
    assert (await chat.press(ANNA, f"{action}:{one.id}:")).startswith("Время вышло")


async def test_anothers_notification_is_out_of_reach_and_silences_nobody(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    for data in (f"t:{one.id}:", f"d:{one.id}:", f"a:{one.id}:{digest('Toys')}", "t:999:"):
        assert await chat.press(CAROL, data, language="ru") == "Эта кнопка уже не действует"
    assert chat.registry.notifications[one.id].state is NotificationState.QUEUED
    assert "на связи" in await chat.write(CAROL, "/ping")


@pytest.mark.parametrize("data", ["", "nonsense", "t:" + "9" * 30 + ":", "know", "invite:00000000", "really:1", None])
async def test_old_and_made_up_buttons_are_told_off_politely(chat, data):
    assert await chat.press(ANNA, data) == "Эта кнопка уже не действует"
    assert chat.telegram.calls[-1][0] == "editMessageReplyMarkup"
    assert len(await chat.registry.assistants()) == 3


async def test_a_message_too_old_to_be_changed_is_left_alone(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    inaccessible = {"message_id": 5, "date": 0, "chat": {"id": ANNA, "type": "private"}}
    chat.telegram.refuse["editMessageText"] = (400, "Bad Request: message can't be edited")
    assert await chat.press(ANNA, f"t:{one.id}:", message=inaccessible) == "Спасибо, идите!"
    assert chat.registry.notifications[one.id].state is NotificationState.TAKEN
    assert chat.telegram.said()[-1].startswith("🔵"), "the state is said all the same"


@pytest.mark.parametrize(
    ("method", "description"),
    [
        ("answerCallbackQuery", "Bad Request: query is too old and response timeout expired or query ID is invalid"),
        ("editMessageText", "Bad Request: message is not modified"),
        ("editMessageText", "Bad Request: message to edit not found"),
    ],
)
async def test_a_press_counts_even_where_it_cannot_be_shown(chat, method, description):
    chat.telegram.refuse[method] = (400, description)
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    await chat.press(ANNA, f"t:{one.id}:")
    assert chat.registry.notifications[one.id].state is NotificationState.TAKEN


async def test_a_registry_that_is_starting_again_is_owned_up_to(chat, caplog):
    chat.registry.fail_next("wait")
    assert await chat.write(ANNA, "Начнём!") == "Не получилось. Попробуйте ещё раз через минуту"
    chat.registry.fail_next("take")
    assert await chat.press(ANNA, "t:1:") == "Не получилось. Попробуйте ещё раз через минуту"
    assert "the registry is starting again" in caplog.text


async def test_a_bad_line_is_no_reason_to_say_more(chat, caplog):
    chat.telegram.refuse["sendMessage"] = (502, "Bad Gateway")
    await chat.write(ANNA, "/ping")
    assert [name for name, _ in chat.telegram.calls] == ["sendMessage"]
    assert NetworkError.__name__ in caplog.text
