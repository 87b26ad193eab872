"""What the bot says to what people do: real updates in, the calls to Telegram out, no network in between."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from support.chats import ANNA, BORIS, CAROL, STRANGER, assistant, prediction, settings_of, store
from support.recorder import ME, Recorder
from support.registry import ShopRegistry
from telegram import Update
from telegram.error import NetworkError
from telegram.ext import Application, ApplicationBuilder, Defaults, ExtBot

from bot.handlers import Handlers
from bot.keyboards import digest
from domain.records import NOT_A_CUSTOMER, AssistantState, NoticeKind, NotificationState, StoreDay, StoreReport
from domain.settings import AnotherBot, Camera, Settings

ADMIN, DINA = 2001, 1004


class Chat:
    def __init__(self, application: Application, recorder: Recorder, registry: ShopRegistry) -> None:
        self.application = application
        self.telegram = recorder
        self.registry = registry
        self._update = 0

    def user(self, person: int, language: str | None = "ru") -> dict:
        known = {"id": person, "is_bot": False, "first_name": "Имя <b>", "last_name": "Фамилия"}
        return (
            known
            | ({"language_code": language} if language else {})
            | ({"username": "boris"} if person == BORIS else {})
        )

    async def write(
        self, person: int, text: str | None, *, language: str | None = "ru", update: int | None = None, **fields: object
    ) -> str:
        """The person's update; returns what the bot said, or an empty text."""
        message = {
            "message_id": 5,
            "date": 0,
            "chat": {"id": person, "type": "private"},
            "from": self.user(person, language),
            "text": text,
        }
        if text and text.startswith("/"):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
        return await self._handle({"message": message | fields}, update)

    async def press(
        self, person: int, data: str | None, *, language: str | None = "ru", message: dict | None = None
    ) -> str:
        """The person presses a button; returns what popped up."""
        old = {"message_id": 5, "date": 1, "chat": {"id": person, "type": "private"}, "from": ME, "text": "x"}
        query = {
            "id": "q",
            "from": self.user(person, language),
            "chat_instance": "1",
            "data": data,
            "message": message or old,
        }
        before = len(self.telegram.toasts())
        await self._handle({"callback_query": query}, None)
        new = self.telegram.toasts()[before:]
        assert len(new) == 1, "each press is answered once"
        return new[0]

    async def is_silent(self, person: int, text: str) -> bool:
        """Neither an answer nor a question to the registry."""
        before = sum(self.registry.calls.values()), len(self.telegram.calls)
        await self.write(person, text)
        return before == (sum(self.registry.calls.values()), len(self.telegram.calls))

    async def _handle(self, content: dict, update: int | None) -> str:
        self._update += 1
        before = len(self.telegram.said())
        number = self._update if update is None else update
        given = Update.de_json({"update_id": number} | content, self.application.bot)
        await self.application.process_update(given)
        return "".join(self.telegram.said()[before:])


STAFF = [
    assistant(1, ANNA, name="Анна"),
    assistant(2, None, username="boris", name="Борис <3 & co"),
    assistant(3, CAROL, name="Carol"),
]
SHOP = store(
    department_names={"Toys": {"ru": "Игрушки"}},
    cameras=[Camera(id="door", role="entrance", source=SecretStr("0"))],
)
#: A second store, whose assistants talk to another bot.
OTHER = store(id="spb-2", name="Амико, Садовая", bot="second")
NAMES = {"main": "amiko_bot", "second": "amiko_second_bot"}


@pytest.fixture
async def chat() -> AsyncIterator[Chat]:
    async with talking(settings_of(SHOP, admins=(ADMIN,))) as made:
        yield made


@pytest.fixture
async def chain() -> AsyncIterator[Chat]:
    """Two stores with a bot each; this is the one of the first."""
    settings = settings_of(SHOP, admins=(ADMIN,))
    bots = settings.telegram.model_copy(update={"bots": {"second": AnotherBot(token=SecretStr("2:b"))}})
    async with talking(settings.model_copy(update={"telegram": bots, "stores": [SHOP, OTHER]})) as made:
        yield made


@asynccontextmanager
async def talking(settings: Settings) -> AsyncIterator[Chat]:
    staff = [*STAFF, *([assistant(4, DINA, name="Дина", store="spb-2")] if len(settings.stores) > 1 else [])]
    recorder, registry = Recorder(), ShopRegistry(settings, staff)
    telegram = ExtBot("1:a", request=recorder, get_updates_request=recorder, defaults=Defaults(parse_mode="HTML"))
    application = ApplicationBuilder().bot(telegram).updater(None).job_queue(None).build()
    handlers = Handlers(registry, settings, bot="main", usernames=NAMES)
    application.add_handlers(handlers.all())
    application.add_error_handler(handlers.failed)
    async with application:
        yield Chat(application, recorder, registry)


# -- logging in -------------------------------------------------------------------------------------------


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


# -- states -----------------------------------------------------------------------------------------------


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


# -- presses ----------------------------------------------------------------------------------------------


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


# -- several bots -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["/start", "Начнём!", "Пауза", "/stats", "/help", "что?"])
async def test_the_other_bots_say_which_one_is_the_right_one(chain, text):
    said = await chain.write(DINA, text)
    assert said == "С вашим магазином работает другой бот: https://t.me/amiko_second_bot"
    assert chain.registry.state(DINA) is AssistantState.OFF
    assert "В ожидании" in await chain.write(ANNA, "Начнём!")


async def test_an_invitation_names_the_right_bot(chain):
    await chain.write(ADMIN, "/invite spb-2")
    assert "https://t.me/amiko_second_bot?start=" in chain.telegram.said()[-1]


# -- admins -----------------------------------------------------------------------------------------------


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
    assert "Камеры: работают 1 из 1" in said
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
