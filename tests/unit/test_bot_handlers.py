"""What the bot says to what people do: real updates in, the calls to Telegram out, no network in between."""

import json
from collections.abc import AsyncIterator

import pytest
from support.chats import ANNA, BORIS, CAROL, STRANGER, assistant, prediction, settings_of, shop_registry
from support.registry import ShopRegistry
from telegram import Update
from telegram.error import NetworkError
from telegram.ext import Application, ApplicationBuilder, ExtBot
from telegram.request import BaseRequest, RequestData

from bot.handlers import Handlers
from domain.records import NOT_A_CUSTOMER, AssistantState, NotificationState

ME = {"id": 1, "is_bot": True, "first_name": "Амико", "username": "amiko_bot"}


class Recorder(BaseRequest):
    """Stands where the network was: notes each call and answers as Telegram does."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict]] = []
        #: Status and description instead of the answer, by method.
        self.refuse: dict[str, tuple[int, str]] = {}

    @property
    def read_timeout(self) -> float:
        return 1.0

    async def initialize(self) -> None: ...

    async def shutdown(self) -> None: ...

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, **_: object
    ) -> tuple[int, bytes]:
        name = url.rsplit("/", 1)[1]
        values = dict(request_data.parameters) if request_data else {}
        if name == "getMe":
            return 200, json.dumps({"ok": True, "result": ME}).encode()
        self.calls.append((name, values))
        if name in self.refuse:
            code, description = self.refuse[name]
            return code, json.dumps({"ok": False, "error_code": code, "description": description}).encode()
        message = {"message_id": 1, "date": 0, "chat": {"id": 1, "type": "private"}, "text": "x"}
        result = True if name == "answerCallbackQuery" else message
        return 200, json.dumps({"ok": True, "result": result}).encode()

    def said(self) -> list[str]:
        return [values["text"] for name, values in self.calls if name == "sendMessage"]

    def toasts(self) -> list[str]:
        return [values["text"] for name, values in self.calls if name == "answerCallbackQuery"]

    def edits(self) -> list[dict]:
        return [values for name, values in self.calls if name.startswith("editMessage")]


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

    async def _handle(self, content: dict, update: int | None) -> str:
        self._update += 1
        before = len(self.telegram.said())
        number = self._update if update is None else update
        given = Update.de_json({"update_id": number} | content, self.application.bot)
        await self.application.process_update(given)
        return "".join(self.telegram.said()[before:])


@pytest.fixture
async def chat() -> AsyncIterator[Chat]:
    recorder, registry = Recorder(), shop_registry()
    telegram = ExtBot("1:a", request=recorder, get_updates_request=recorder)
    application = ApplicationBuilder().bot(telegram).updater(None).job_queue(None).build()
    handlers = Handlers(registry, settings_of(), bot="main")
    application.add_handlers(handlers.all())
    application.add_error_handler(handlers.failed)
    async with application:
        yield Chat(application, recorder, registry)


@pytest.mark.parametrize("command", ["/start", "/login", "/start invitation"])
async def test_someone_registered_is_welcomed_and_told_what_to_press(chat, command):
    assert (await chat.write(ANNA, command)).startswith("Здравствуйте, Анна!")
    assert chat.telegram.calls[-1][1]["reply_markup"]["keyboard"] == [[{"text": "Начнём!"}]]
    assert "parse_mode" not in chat.telegram.calls[-1][1], "names need no escaping in plain text"


async def test_login_refreshes_what_telegram_says_of_the_person(chat):
    await chat.write(BORIS, "/login", language="en")
    known = chat.registry.about(BORIS)
    assert (known["telegram_id"], known["username"], known["language"]) == (BORIS, "boris", "en")


@pytest.mark.parametrize("text", ["/start", "/login", "Начнём!", "Следующий!"])
async def test_a_stranger_has_no_access_and_learns_what_to_tell_the_administrator(chat, text):
    said = await chat.write(STRANGER, text)
    assert said.splitlines()[0] == "У вас нет доступа"
    assert str(STRANGER) in said


async def test_begin_and_begin_again(chat):
    assert await chat.write(ANNA, "Начнём!") == "В ожидании посетителей"
    assert chat.registry.state(ANNA) is AssistantState.WAITING
    assert chat.telegram.calls[-1][1]["reply_markup"]["keyboard"] == [[{"text": "Следующий!"}]]
    assert await chat.write(ANNA, "Начнём!") == "Вы уже ждёте посетителей"
    assert await chat.write(ANNA, "Следующий!") == "Вы уже ждёте посетителей"


async def test_next_after_a_visitor_waits_again(chat):
    await chat.write(ANNA, "Начнём!")
    one = await chat.registry.announce(telegram_id=ANNA)
    await chat.press(ANNA, f"t:{one.id}:")
    assert chat.registry.state(ANNA) is AssistantState.BUSY
    assert await chat.write(ANNA, "Следующий!") == "В ожидании посетителей"


@pytest.mark.parametrize("text", ["Начнем", "начнём !", "НАЧНЁМ!", "следующий", "Let's go!", "Let’s go", "next"])
async def test_the_buttons_may_be_typed(chat, text):
    assert await chat.write(ANNA, text) == "В ожидании посетителей"


async def test_the_same_update_again_has_the_same_answer(chat):
    assert await chat.write(ANNA, "Начнём!", update=77) == "В ожидании посетителей"
    assert await chat.write(ANNA, "Начнём!", update=77) == "В ожидании посетителей"
    assert await chat.write(ANNA, "/cancel", update=78) == await chat.write(ANNA, "/cancel", update=78)


async def test_someone_registered_who_never_logged_in_needs_no_login_to_begin(chat):
    assert await chat.write(BORIS, "Начнём!") == "В ожидании посетителей"


async def test_cancel(chat):
    await chat.write(ANNA, "Начнём!")
    assert "не беспокою" in await chat.write(ANNA, "/cancel")
    assert chat.registry.state(ANNA) is AssistantState.OFF
    assert "не ждёте" in await chat.write(ANNA, "/cancel")
    assert "нет доступа" in await chat.write(STRANGER, "/cancel")


async def test_small_talk(chat):
    assert await chat.write(STRANGER, "/hello") == "Здравствуйте, Имя <b> Фамилия!"
    assert await chat.write(STRANGER, "/ping") == "Я на связи"
    assert "/cancel" in await chat.write(STRANGER, "/help")
    assert "/help" in await chat.write(ANNA, "что делать?")
    assert "/help" in await chat.write(ANNA, "/nonsense")


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "Waiting for visitors"), ("de", "Waiting for visitors"), (None, "В ожидании посетителей")],
)
async def test_each_is_answered_in_their_language(chat, language, text):
    assert await chat.write(CAROL, "Let's go!", language=language) == text


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


async def test_going(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    assert await chat.press(ANNA, f"t:{one.id}:") == "Спасибо, идите!"
    assert chat.registry.notifications[one.id].state is NotificationState.TAKEN
    edit = chat.telegram.edits()[-1]
    assert edit["text"].startswith("Подойдите в отдел Toys")
    assert edit["reply_markup"]["inline_keyboard"][0][0]["text"] == "Верно"


async def test_going_twice_is_going_once(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    await chat.press(ANNA, f"t:{one.id}:")
    assert await chat.press(ANNA, f"t:{one.id}:") == "Спасибо, идите!"


async def test_a_message_that_stands_below_a_photo_is_changed_there(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    photo = [{"file_id": "f", "file_unique_id": "u", "width": 1, "height": 1}]
    with_photo = {"message_id": 9, "date": 1, "chat": {"id": ANNA, "type": "private"}, "from": ME, "photo": photo}
    await chat.press(ANNA, f"t:{one.id}:", message=with_photo)
    assert chat.telegram.calls[-1][0] == "editMessageCaption"


async def test_declining(chat):
    await chat.write(ANNA, "Начнём!")
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    assert await chat.press(ANNA, f"d:{one.id}:") == "Хорошо, понятно"
    assert chat.registry.notifications[one.id].state is NotificationState.DECLINED
    assert chat.registry.state(ANNA) is AssistantState.WAITING
    assert "reply_markup" not in chat.telegram.edits()[-1]


@pytest.mark.parametrize(
    ("first", "then", "toast"), [("d", "t", "Эта кнопка уже не действует"), ("t", "d", "Спасибо, идите!")]
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
    buttons = {
        button["text"]: button["callback_data"]
        for row in chat.telegram.edits()[-1]["reply_markup"]["inline_keyboard"]
        for button in row
    }
    for label, answer in (("Верно", "Toys"), ("Electronics", "Electronics"), ("Не покупатель", NOT_A_CUSTOMER)):
        assert await chat.press(ANNA, buttons[label]) == "Спасибо, отмечено"
        assert chat.registry.notifications[one.id].answer == answer


async def test_an_answer_that_is_no_longer_one_shows_the_new_departments(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    await chat.press(ANNA, f"t:{one.id}:")
    assert "изменился" in await chat.press(ANNA, f"a:{one.id}:deadbeef")
    assert chat.registry.notifications[one.id].answer is None
    assert "inline_keyboard" in chat.telegram.edits()[-1]["reply_markup"]


@pytest.mark.parametrize("action", ["t", "d"])
async def test_pressing_on_an_expired_one_says_so(chat, action):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA, lifetime_s=0)
    assert (await chat.press(ANNA, f"{action}:{one.id}:")).startswith("Время вышло")
    assert "Время вышло" in chat.telegram.edits()[-1]["text"]
    assert "reply_markup" not in chat.telegram.edits()[-1]


async def test_anothers_notification_is_out_of_reach(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    for person in (CAROL, STRANGER):
        assert await chat.press(person, f"t:{one.id}:") == "У вас нет доступа"
    assert await chat.press(ANNA, "t:999:") == "У вас нет доступа"
    assert chat.registry.notifications[one.id].state is NotificationState.QUEUED
    assert not chat.telegram.edits()


@pytest.mark.parametrize("data", ["", "nonsense", "t:" + "9" * 30 + ":", None])
async def test_old_buttons_are_told_off_politely(chat, data):
    assert await chat.press(ANNA, data) == "Эта кнопка уже не действует"
    assert chat.telegram.calls[-1][0] == "editMessageReplyMarkup"


async def test_a_message_too_old_to_be_changed_is_left_alone(chat):
    one = await chat.registry.announce(prediction(), telegram_id=ANNA)
    inaccessible = {"message_id": 5, "date": 0, "chat": {"id": ANNA, "type": "private"}}
    chat.telegram.refuse["editMessageText"] = (400, "Bad Request: message can't be edited")
    assert await chat.press(ANNA, f"t:{one.id}:", message=inaccessible) == "Спасибо, идите!"
    assert chat.registry.notifications[one.id].state is NotificationState.TAKEN


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


async def test_assistants_of_one_name_are_told_apart_by_id():
    twins = ShopRegistry(settings_of(), [assistant(1, None, username="anna"), assistant(2, ANNA)])
    known = await twins.login(telegram_id=ANNA, username="anna", name="Анна", language="ru")
    assert known.id in {1, 2}
