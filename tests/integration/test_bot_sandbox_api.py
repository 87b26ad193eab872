"""The sandbox's methods answer as Telegram's do."""

import asyncio
import json
import time

import httpx
import pytest
from support.bot_api import BOT, KEYS, call, send_photo, updates
from support.chats import ANNA, BORIS, CAROL, TOKEN, card

from domain.errors import InputError

# here it is the sandbox that is tried, with calls that no bot should make
pytestmark = pytest.mark.wrong_calls


def test_only_the_right_token_is_let_in(http):
    assert call(http, "getMe", token="1:wrong") == (401, "Unauthorized")
    assert call(http, "getMe", token="nonsense") == (404, "Not Found")
    assert call(http, "getMe")[0] == 200
    assert call(http, "getme")[0] == 200
    assert call(http, "sendRocket") == (404, "Not Found: method not found")


def test_parameters_may_stand_in_the_address_in_a_form_or_in_json(sandbox, http):
    sandbox.press(ANNA, "/start")
    path = f"/bot{TOKEN}/sendMessage"
    assert http.get(path, params={"chat_id": ANNA, "text": "адрес"}).json()["ok"]
    assert http.post(path, data={"chat_id": ANNA, "text": "форма"}).json()["ok"]
    assert http.post(path, json={"chat_id": ANNA, "text": "json"}).json()["ok"]
    assert [one.text for one in sandbox.messages(ANNA)][1:] == ["адрес", "форма", "json"]


def test_a_bot_may_not_write_first(sandbox, http):
    assert call(http, "sendMessage", chat_id=ANNA, text="!") == (400, "Bad Request: chat not found")
    sandbox.press(ANNA, "/start")
    assert call(http, "sendMessage", chat_id=ANNA, text="!")[0] == 200
    assert call(http, "sendMessage", chat_id=BORIS, text="!") == (400, "Bad Request: chat not found")
    assert call(http, "sendMessage", chat_id="@anna", text="!") == (400, "Bad Request: chat not found")
    assert call(http, "sendMessage", text="!") == (400, "Bad Request: chat_id is empty")


BUTTON = {"text": "x", "callback_data": "d"}


@pytest.mark.parametrize(
    ("values", "description"),
    [
        ({"text": ""}, "message text is empty"),
        ({"text": " \n"}, "message text is empty"),
        ({"text": "я" * 4097}, "message is too long"),
        ({"text": "😀" * 2049}, "message is too long"),
        ({"text": "x", "parse_mode": "XML"}, "unsupported parse_mode"),
        ({"text": "<b></b> ", "parse_mode": "HTML"}, "message text is empty"),
        ({"text": "Tom <3", "parse_mode": "HTML"}, "can't parse entities: Unclosed start tag at byte offset 4"),
        ({"text": "x", "reply_markup": "{"}, "can't parse reply_markup JSON object"),
        ({"text": "x", "reply_markup": {}}, "object expected as reply markup"),
        ({"text": "x", "reply_markup": {"inline_keyboard": [[{"text": "x"}]]}}, "can't parse inline keyboard button"),
        ({"text": "x", "reply_markup": {"inline_keyboard": ["x"]}}, "can't parse keyboard"),
        (
            {"text": "x", "reply_markup": {"inline_keyboard": [[BUTTON | {"callback_data": "я" * 33}]]}},
            "BUTTON_DATA_INVALID",
        ),
        ({"text": "x", "reply_markup": {"keyboard": [[{"text": ""}]]}}, "can't parse keyboard button"),
    ],
)
def test_what_telegram_refuses(sandbox, http, values, description):
    sandbox.press(ANNA, "/start")
    status, told = call(http, "sendMessage", chat_id=ANNA, **values)
    assert (status, told.startswith(f"Bad Request: {description}")) == (400, True), told
    assert len(sandbox.messages(ANNA)) == 1


def test_the_longest_text_fits(sandbox, http):
    sandbox.press(ANNA, "/start")
    assert call(http, "sendMessage", chat_id=ANNA, text="я" * 4096)[0] == 200


def test_updates_come_until_they_are_confirmed(sandbox, http):
    first, second, third = (sandbox.press(ANNA, text) for text in ("/start", "раз", "два"))
    assert updates(http) == [first, second, third]
    assert updates(http) == [first, second, third]
    assert updates(http, limit=1) == [first]
    assert updates(http, offset=second) == [second, third]
    assert updates(http) == [second, third]
    assert updates(http, offset=-1) == [third]
    assert updates(http, offset=third + 1) == []
    assert updates(http) == []


def test_an_update_looks_as_telegrams(sandbox, http):
    sandbox.press(BORIS, "/start")
    _, (update,) = call(http, "getUpdates")
    message = update["message"]
    assert message["from"] == {
        "id": BORIS,
        "is_bot": False,
        "first_name": "Борис <3 & co",
        "username": "boris",
        "language_code": "ru",
    }
    assert message["chat"]["type"] == "private"
    assert message["entities"] == [{"type": "bot_command", "offset": 0, "length": 6}]


def test_only_what_the_bot_wants_to_hear_of(sandbox, http):
    updates(http, allowed_updates=["callback_query"])
    sandbox.press(ANNA, "/start")
    assert updates(http) == []


def test_a_long_poll_ends_with_the_first_update(sandbox, http):
    async def poll() -> tuple[float, list]:
        async with httpx.AsyncClient(base_url=sandbox.url, timeout=30, verify=False) as client:
            task = asyncio.create_task(client.post(f"/bot{TOKEN}/getUpdates", data={"timeout": "20"}))
            done, _ = await asyncio.wait([task], timeout=0.2)
            assert not done, "nothing is there to be heard of yet"
            begin = time.monotonic()
            sandbox.press(ANNA, "/start")
            answer = await task
            return time.monotonic() - begin, answer.json()["result"]

    seconds, found = asyncio.run(poll())
    assert len(found) == 1
    assert seconds < 10


def test_of_two_pollers_the_first_is_sent_away(sandbox):
    async def both() -> tuple[httpx.Response, httpx.Response]:
        async with httpx.AsyncClient(base_url=sandbox.url, timeout=30, verify=False) as client:
            first = asyncio.create_task(client.post(f"/bot{TOKEN}/getUpdates", data={"timeout": "20"}))
            while not sandbox.polled:  # noqa: ASYNC110 - it is another thread's
                await asyncio.sleep(0.01)
            second = asyncio.create_task(client.post(f"/bot{TOKEN}/getUpdates", data={"timeout": "20"}))
            sent_away = await first
            sandbox.press(ANNA, "/start")
            return sent_away, await second

    first, second = asyncio.run(both())
    assert first.status_code == 409
    assert first.json()["description"].startswith("Conflict: terminated by other getUpdates request")
    assert len(second.json()["result"]) == 1


def test_a_photo_arrives_as_it_was_sent(sandbox, http):
    sandbox.press(ANNA, "/start")
    # With everything in it that a line-minded parser could stumble over.
    picture = card() + b"\r\n--boundary\r\n\n\r\0\xff\xfe"
    sent = send_photo(http, picture, caption="Подойдите").json()["result"]
    assert sent["photo"]
    message = sandbox.messages(ANNA)[-1]
    assert (message.text, message.photo) == ("Подойдите", picture)
    shown = http.get(f"/chat/{BOT}/{ANNA}/photos/{message.id}")
    assert (shown.content, shown.headers["content-type"]) == (picture, "image/jpeg")
    assert http.get(f"/chat/{BOT}/{ANNA}/photos/999").status_code == 404
    assert http.get(f"/chat/{BOT}/{BORIS}/photos/{message.id}").status_code == 404
    assert http.get(f"/chat/{BOT}/4711/photos/{message.id}").status_code == 404


@pytest.mark.parametrize(
    ("photo", "values", "status", "description"),
    [
        (b"no picture", {}, 400, "Bad Request: IMAGE_PROCESS_FAILED"),
        (b"", {}, 400, "Bad Request: there is no photo in the request"),
        (b"\xff\xd8" + b"x" * 10_485_760, {}, 413, "Request Entity Too Large"),
        (card(), {"caption": "я" * 1025}, 400, "Bad Request: message caption is too long"),
    ],
    ids=["no picture", "empty", "too large", "too much text"],
)
def test_photos_that_telegram_refuses(sandbox, http, photo, values, status, description):
    sandbox.press(ANNA, "/start")
    answer = send_photo(http, photo, **values)
    assert (answer.status_code, answer.json()["description"]) == (status, description)


def test_pressing_a_button_and_answering_it(sandbox, http):
    sandbox.press(ANNA, "/start")
    _, sent = call(http, "sendMessage", chat_id=ANNA, text="Подойдите", reply_markup=KEYS)
    assert sandbox.messages(ANNA)[-1].labels == ("Иду", "Не могу")
    sandbox.press(ANNA, "Не могу")
    assert sandbox.unanswered(ANNA) == 1
    _, found = call(http, "getUpdates")
    query = found[-1]["callback_query"]
    assert (query["data"], query["message"]["message_id"]) == ("d:1:", sent["message_id"])
    assert call(http, "answerCallbackQuery", callback_query_id=query["id"], text="Хорошо") == (200, True)
    assert sandbox.unanswered(ANNA) == 0
    assert [one.text for one in sandbox.toasts(ANNA)] == ["Хорошо"]
    status, told = call(http, "answerCallbackQuery", callback_query_id=query["id"], text="Хорошо")
    assert (status, told.startswith("Bad Request: query is too old")) == (400, True)


def test_the_newest_button_of_that_name_is_meant(sandbox, http):
    sandbox.press(ANNA, "/start")
    call(http, "sendMessage", chat_id=ANNA, text="1", reply_markup=KEYS)
    _, newest = call(http, "sendMessage", chat_id=ANNA, text="2", reply_markup=KEYS)
    sandbox.press(ANNA, "Иду")
    _, found = call(http, "getUpdates")
    assert found[-1]["callback_query"]["message"]["message_id"] == newest["message_id"]
    with pytest.raises(InputError, match="no such button"):
        sandbox.press_data(ANNA, newest["message_id"], "t:2:")


def test_changing_a_message(sandbox, http):
    sandbox.press(ANNA, "/start")
    mine = sandbox.messages(ANNA)[0].id
    _, sent = call(http, "sendMessage", chat_id=ANNA, text="1", reply_markup=KEYS)
    number = sent["message_id"]
    same = {"chat_id": ANNA, "message_id": number}
    status, told = call(http, "editMessageText", **same, text="1", reply_markup=KEYS)
    assert (status, told.startswith("Bad Request: message is not modified")) == (400, True)
    assert call(http, "editMessageText", **same, text="2", reply_markup=KEYS)[0] == 200
    assert call(http, "editMessageReplyMarkup", **same)[0] == 200
    message = sandbox.messages(ANNA)[-1]
    assert (message.text, message.buttons) == ("2", ())
    assert message.edited_at is not None
    assert call(http, "editMessageText", chat_id=ANNA, message_id=999, text="2") == (
        400,
        "Bad Request: message to edit not found",
    )
    assert call(http, "editMessageText", chat_id=ANNA, message_id=mine, text="2") == (
        400,
        "Bad Request: message can't be edited",
    )
    assert call(http, "editMessageCaption", **same, caption="2") == (
        400,
        "Bad Request: there is no caption in the message to edit",
    )


def test_the_buttons_below_the_input_line_stay_until_others_come(sandbox, http):
    sandbox.press(ANNA, "/start")
    call(http, "sendMessage", chat_id=ANNA, text="1", reply_markup={"keyboard": [["Начнём!", {"text": "Нет"}]]})
    call(http, "sendMessage", chat_id=ANNA, text="2")
    assert sandbox.keyboard(ANNA) == (("Начнём!", "Нет"),)
    call(http, "sendMessage", chat_id=ANNA, text="3", reply_markup={"remove_keyboard": True})
    assert sandbox.keyboard(ANNA) == ()


def test_the_menu_of_commands(sandbox, http):
    commands = [{"command": "start", "description": "Начать"}]
    assert call(http, "setMyCommands", commands=commands, language_code="ru") == (200, True)
    assert sandbox.commands("ru") == commands
    assert sandbox.commands() == []
    assert call(http, "setMyCommands", commands={})[0] == 400


def test_html_becomes_text_and_entities(sandbox, http):
    sandbox.press(ANNA, "/start")
    status, sent = call(http, "sendMessage", chat_id=ANNA, text="😀 <b>Tom &lt;3</b> /help", parse_mode="HTML")
    assert status == 200
    assert sent["text"] == sandbox.messages(ANNA)[-1].text == "😀 Tom <3 /help"
    assert sent["entities"] == [
        {"type": "bold", "offset": 3, "length": 6},
        {"type": "bot_command", "offset": 10, "length": 5},
    ]


def test_the_same_words_in_another_shape_are_a_change(sandbox, http):
    sandbox.press(ANNA, "/start")
    _, sent = call(http, "sendMessage", chat_id=ANNA, text="Иду")
    same = {"chat_id": ANNA, "message_id": sent["message_id"], "parse_mode": "HTML"}
    assert call(http, "editMessageText", **same, text="<b>Иду</b>")[0] == 200
    assert call(http, "editMessageText", **same, text="<strong>Иду</strong>")[0] == 400


def test_a_picture_is_exchanged_with_its_caption(sandbox, http):
    sandbox.press(ANNA, "/start")
    number = send_photo(http, card()).json()["result"]["message_id"]
    other = card() + b"other"
    media = {"type": "photo", "media": "attach://f", "caption": "<i>потом</i>", "parse_mode": "HTML"}
    data = {"chat_id": str(ANNA), "message_id": str(number), "media": json.dumps(media)}
    answer = http.post(f"/bot{TOKEN}/editMessageMedia", data=data, files={"f": ("x.jpg", other)})
    assert answer.status_code == 200, answer.text
    message = sandbox.messages(ANNA)[-1]
    assert (message.photo, message.text, message.entities[0].kind) == (other, "потом", "italic")


def test_who_sees_which_commands(sandbox, http):
    for person in (ANNA, BORIS):
        sandbox.press(person, "/start")
    menu = {name: [{"command": name, "description": name}] for name in ("all", "english", "private", "mine")}
    assert call(http, "setMyCommands", commands=menu["all"]) == (200, True)
    call(http, "setMyCommands", commands=menu["english"], language_code="en")
    assert sandbox.menu(ANNA) == menu["all"]
    assert sandbox.menu(CAROL) == menu["english"]
    call(http, "setMyCommands", commands=menu["private"], scope={"type": "all_private_chats"})
    call(http, "setMyCommands", commands=menu["mine"], scope={"type": "chat", "chat_id": ANNA}, language_code="ru")
    assert sandbox.menu(ANNA) == menu["mine"]
    assert sandbox.menu(BORIS) == menu["private"]
    call(http, "deleteMyCommands", scope={"type": "chat", "chat_id": ANNA}, language_code="ru")
    assert sandbox.menu(ANNA) == menu["private"]
    nobody = {"type": "chat", "chat_id": CAROL}
    assert call(http, "setMyCommands", commands=menu["all"], scope=nobody) == (400, "Bad Request: chat not found")
    assert call(http, "setMyCommands", commands=[{"command": "Ну", "description": "x"}])[0] == 400
