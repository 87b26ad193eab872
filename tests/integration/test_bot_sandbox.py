"""The sandbox as a server: its faults, its page, what it keeps, and whom it lets in."""

import socket
import time

import httpx
import pytest
from support.bot_api import BOT, KEYS, call, updates
from support.chats import ANNA, BORIS, PEOPLE, TOKEN

from bot.sandbox import BAD_GATEWAY, LOST_ANSWER, RESET, Person, Sandbox, flood, slow
from domain.errors import InputError

# here it is the sandbox that is tried, with calls that no bot should make
pytestmark = pytest.mark.wrong_calls


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
