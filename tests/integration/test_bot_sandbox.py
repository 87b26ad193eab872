"""The sandbox answers as Telegram does."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from support.chats import ANNA, BORIS, CAROL, PEOPLE, TOKEN, card

from bot.sandbox import BAD_GATEWAY, LOST_ANSWER, RESET, Person, Sandbox, flood, slow
from domain.errors import InputError

#: The bot's own number.
BOT = TOKEN.partition(":")[0]

# here it is the sandbox that is tried, with calls that no bot should make
pytestmark = pytest.mark.wrong_calls


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    # Nothing is encrypted here, and reading certificates takes its time.
    with httpx.Client(base_url=sandbox.url, timeout=10, verify=False) as client:
        yield client


def call(http: httpx.Client, method: str, *, token: str = TOKEN, **values: object) -> tuple[int, object]:
    """The status, with the result or the description."""
    data = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    answer = http.post(f"/bot{token}/{method}", data=data)
    told = answer.json()
    assert told["ok"] == (answer.status_code == 200)
    if not told["ok"]:
        assert told["error_code"] == answer.status_code
    return answer.status_code, told["result"] if told["ok"] else told["description"]


def updates(http: httpx.Client, **values: object) -> list[int]:
    status, found = call(http, "getUpdates", **values)
    assert status == 200
    assert isinstance(found, list)
    return [one["update_id"] for one in found]


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


def send_photo(http: httpx.Client, photo: bytes, **values: str) -> httpx.Response:
    data = {"chat_id": str(ANNA), "photo": "attach://file0", **values}
    return http.post(f"/bot{TOKEN}/sendPhoto", data=data, files={"file0": ("x.jpg", photo)})


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


KEYS = {"inline_keyboard": [[{"text": "Иду", "callback_data": "t:1:"}, {"text": "Не могу", "callback_data": "d:1:"}]]}


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


def test_when_a_message_was_accepted_is_on_record(sandbox, http):
    before = time.time()
    sandbox.press(ANNA, "/start")
    call(http, "sendMessage", chat_id=ANNA, text="!")
    assert before <= sandbox.messages(ANNA)[0].at <= sandbox.messages(ANNA)[1].at <= time.time()


def test_faults_are_used_up_and_meet_whom_they_are_meant_for(sandbox, http):
    for person in (ANNA, BORIS):
        sandbox.press(person, "/start")
    sandbox.fail_next("sendMessage", BAD_GATEWAY, 2, person=ANNA)
    assert call(http, "sendMessage", chat_id=BORIS, text="!")[0] == 200
    assert [call(http, "sendMessage", chat_id=ANNA, text="!")[0] for _ in range(3)] == [502, 502, 200]
    sandbox.fail_next("sendMessage", flood(7))
    answer = http.post(f"/bot{TOKEN}/sendMessage", data={"chat_id": str(ANNA), "text": "!"})
    assert (answer.status_code, answer.json()["parameters"]) == (429, {"retry_after": 7})
    sandbox.fail_next("getMe", BAD_GATEWAY, 100)
    sandbox.mend()
    assert call(http, "getMe")[0] == 200


@pytest.mark.parametrize(("fault", "done"), [(RESET, 0), (LOST_ANSWER, 1)])
def test_a_broken_connection_before_or_after_the_deed(sandbox, http, fault, done):
    sandbox.press(ANNA, "/start")
    sandbox.fail_next("sendMessage", fault)
    with pytest.raises(httpx.ReadError):
        call(http, "sendMessage", chat_id=ANNA, text="!")
    assert len(sandbox.messages(ANNA)) == 1 + done
    assert call(http, "sendMessage", chat_id=ANNA, text="!")[0] == 200


def test_a_slow_answer_is_a_deed_done(sandbox, http):
    sandbox.press(ANNA, "/start")
    sandbox.fail_next("sendMessage", slow(30))
    with pytest.raises(httpx.ReadTimeout):
        http.post(
            f"/bot{TOKEN}/sendMessage", data={"chat_id": str(ANNA), "text": "!"}, timeout=httpx.Timeout(30, read=0.2)
        )
    assert sandbox.wait_for(ANNA, "!").text == "!"


def test_nothing_grows_without_end(sandbox, http):
    for number in range(1100):
        sandbox.press(ANNA, f"{number}")
    assert len(sandbox.messages(ANNA)) == 200
    assert sandbox.messages(ANNA)[-1].text == "1099"
    assert len(updates(http)) == 100
    assert updates(http, offset=-1000, limit=1)[0] == 100_000 + 101


def test_a_port_in_use_is_named_with_the_remedy(sandbox):
    port = int(sandbox.url.rsplit(":", 1)[1])
    with pytest.raises(InputError, match=rf"port {port} .* give another port"):
        Sandbox(TOKEN, port=port).start()
    for port in (-1, 70_000):
        with pytest.raises(InputError, match=f"port {port}"):
            Sandbox(TOKEN, port=port).start()


def test_it_listens_on_loopback_only(sandbox):
    port = int(sandbox.url.rsplit(":", 1)[1])
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Free on another of this machine's own addresses: nothing is bound to all of them.
        other.bind(("127.0.0.2", port))


def test_after_a_stop_it_goes_on_where_it_was(sandbox):
    sandbox.press(ANNA, "/start")
    url = sandbox.url
    sandbox.stop()
    sandbox.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)
    sandbox.press(ANNA, "пока никого нет")
    sandbox.start()
    assert sandbox.url == url
    with httpx.Client(base_url=url) as client:
        assert len(updates(client)) == 2


def test_a_stranger_to_the_sandbox_is_named_with_those_who_are_not(sandbox):
    with pytest.raises(InputError, match="no person 4711; there are: 1001"):
        sandbox.press(4711, "/start")


def test_waiting_in_vain_says_what_is_there_instead(sandbox, http):
    sandbox.press(ANNA, "/start")
    call(http, "sendMessage", chat_id=ANNA, text="нечто иное")
    with pytest.raises(TimeoutError, match="нечто иное"):
        sandbox.wait_for(ANNA, "Подойдите", timeout_s=0.05)
    with pytest.raises(TimeoutError):
        sandbox.wait_for(ANNA, "/start", timeout_s=0.05)


@pytest.mark.parametrize("path", ["/", "/assets/page.js", "/events", f"/bot{TOKEN}/getMe"])
@pytest.mark.parametrize("host", ["example.com", "127.0.0.1.example.com", "10.0.0.5"])
def test_other_names_for_this_machine_lead_nowhere(http, path, host):
    assert http.get(path, headers={"Host": host}).status_code == 400


def test_the_page_and_all_it_loads_hold_no_token(http):
    for path in ("/", "/assets/page.js", "/assets/page.css"):
        answer = http.get(path)
        assert answer.status_code == 200
        assert TOKEN not in answer.text
        assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert http.get("/assets/server.py").status_code == 404
    with http.stream("GET", "/events") as events:
        assert TOKEN not in next(events.iter_lines())


def test_a_name_cannot_break_out_of_the_page():
    made = Sandbox(TOKEN, people=[Person(id=1, name="</script><script>alert(1)</script>")])
    made.start()
    try:
        assert "<script>alert" not in httpx.get(made.page_url).text
    finally:
        made.stop()


def test_the_page_writes_and_presses_for_the_person(sandbox, http):
    assert http.post(f"/chat/{BOT}/{ANNA}/write", json={"text": " /start "}).status_code == 200
    assert sandbox.messages(ANNA)[-1].text == "/start"
    _, sent = call(http, "sendMessage", chat_id=ANNA, text="Подойдите", reply_markup=KEYS)
    press = {"message": sent["message_id"], "data": "t:1:"}
    assert http.post(f"/chat/{BOT}/{ANNA}/press", json=press).status_code == 200
    assert sandbox.unanswered(ANNA) == 1
    assert http.post(f"/chat/{BOT}/{ANNA}/press", json=press | {"data": "t:2:"}).status_code == 409


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


def test_following_a_link(sandbox, http):
    sandbox.follow(ANNA, sandbox.link("Zx81-kk"))
    sandbox.follow(ANNA, f"https://t.me/{sandbox.username}")
    assert [one.text for one in sandbox.messages(ANNA)] == ["/start Zx81-kk", "/start"]
    for link in ("https://t.me/other_bot?start=x", sandbox.link("nine to five"), "x"):
        with pytest.raises(InputError, match="no link to"):
            sandbox.follow(ANNA, link)


def test_each_token_is_a_bot_with_chats_of_its_own():
    other = "2000000002:AAF-other_other_other_other_other_other"
    made = Sandbox(TOKEN, people=PEOPLE, more=[other])
    made.start()
    try:
        with httpx.Client(base_url=made.url, verify=False) as http:
            names = [call(http, "getMe", token=token)[1]["username"] for token in (TOKEN, other)]
            assert len(set(names)) == 2
            assert call(http, "getMe", token=other)[1]["id"] == 2_000_000_002
            made.bot(other).press(ANNA, "/start")
            assert call(http, "sendMessage", chat_id=ANNA, text="!") == (400, "Bad Request: chat not found")
            assert call(http, "sendMessage", token=other, chat_id=ANNA, text="!")[0] == 200
            assert updates(http) == []
            assert len(call(http, "getUpdates", token=other)[1]) == 1
            assert made.bot(other).wait_for(ANNA, "!").text == "!"
    finally:
        made.stop()


def test_a_strict_sandbox_stops_who_is_too_loud():
    made = Sandbox(TOKEN, people=PEOPLE, strict=True)
    made.start()
    try:
        with httpx.Client(base_url=made.url, verify=False) as http:
            for person in (ANNA, BORIS):
                made.press(person, "/start")
            codes = [call(http, "sendMessage", chat_id=ANNA, text="!")[0] for _ in range(8)]
            assert codes[:5] == [200] * 5
            answer = http.post(f"/bot{TOKEN}/sendMessage", data={"chat_id": str(ANNA), "text": "!"})
            assert 429 in codes or answer.status_code == 429
            assert call(http, "sendMessage", chat_id=BORIS, text="!")[0] == 200
    finally:
        made.stop()


@pytest.mark.parametrize("path", ["write", "press"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"text": 1}', b'{"text": " "}', b'{"message": "1"}'])
def test_what_is_no_press_of_the_page_is_refused(sandbox, http, path, body):
    answer = http.post(f"/chat/{BOT}/{ANNA}/{path}", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert not sandbox.messages(ANNA)


def test_a_form_on_another_site_cannot_write(sandbox, http):
    answer = http.post(f"/chat/{BOT}/{ANNA}/write", content=b'{"text": "x"}', headers={"content-type": "text/plain"})
    assert answer.status_code == 400
    assert not sandbox.messages(ANNA)
