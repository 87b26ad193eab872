"""The chat page in a real browser: what a newcomer sees and presses."""

import asyncio
import base64
import fcntl
import json
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.chats import ANNA, BORIS, CAROL, PEOPLE, STRANGER, TOKEN, card, prediction, shop

from bot.sandbox import Person, Sandbox
from domain.records import Visit

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here: the chat page is not looked at")


def _pipe() -> list[int]:
    """A pipe whose ends keep clear of 3 and 4, which the browser wants for itself."""
    ends = os.pipe()
    clear = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return clear


class Browser:
    """Headless Chromium, driven through its debugging pipe."""

    def __init__(self, folder: Path, *, width: int = 420, height: int = 860) -> None:
        assert CHROMIUM is not None
        to_browser, self._to = _pipe()
        self._from, from_browser = _pipe()
        command = [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--hide-scrollbars", "--remote-debugging-pipe", f"--window-size={width},{height}",
            f"--user-data-dir={folder}", "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            ["bash", "-c", f"exec {shlex.join(command)} 3<&{to_browser} 4>&{from_browser}"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._read = b""
        self._number = 0
        self._session: str | None = None
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def close(self) -> None:
        self._session = None
        self._call("Browser.close")
        self._process.wait(20)
        os.close(self._to)
        os.close(self._from)

    def open(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def run(self, script: str) -> object:
        result = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, script: str, limit_s: float = 20) -> None:
        """Wait until the script says true; while a page loads, it may break."""
        end = time.monotonic() + limit_s
        while not self.run(f"(() => {{ try {{ return Boolean({script}) }} catch {{ return false }} }})()"):
            assert time.monotonic() < end, f"never true: {script}; the page says: {self.text()[-500:]}"
            time.sleep(0.05)

    def text(self) -> str:
        return str(self.run("document.body.innerText"))

    def press(self, label: str) -> None:
        """The visible button of that label, with the keyboard's place on it, as a person would."""
        root = "(document.querySelector('dialog[open]') ?? document)"
        button = (
            f"[...{root}.querySelectorAll('button')].find((one) => one.textContent === {json.dumps(label)}"
            " && one.offsetParent && one.ariaDisabled !== 'true')"
        )
        self.until(button)
        self.run(f"{{ const found = {button}; found.focus(); found.click(); }}")

    def key(self, name: str) -> None:
        """A key of the keyboard is pressed and let go."""
        code = {"Enter": 13, "Tab": 9, "Escape": 27}[name]
        pressed = {"key": name, "code": name, "windowsVirtualKeyCode": code}
        text = {"text": "\r"} if name == "Enter" else {}
        self._call("Input.dispatchKeyEvent", type="keyDown", **pressed, **text)
        self._call("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def resize(self, width: int, height: int) -> None:
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )

    def screenshot(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))

    def _call(self, method: str, **parameters: object) -> dict:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._read:
                chunk = os.read(self._from, 1 << 16)
                assert chunk, "the browser has closed its pipe"
                self._read += chunk
            line, _, self._read = self._read.partition(b"\0")
            answer = json.loads(line)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(TOKEN, people=[*PEOPLE[:-1], Person(id=STRANGER, name="Дина")])
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


def phone(person: int) -> str:
    """The element of that person's telephone."""
    return f"document.getElementById('{TOKEN.partition(':')[0]}-{person}')"


def hint(person: int, text: str) -> str:
    return f"{phone(person)}.querySelector('.hint').textContent.includes({json.dumps(text)})"


def reads(person: int, text: str) -> str:
    return f"{phone(person)}.querySelector('.log').innerText.includes({json.dumps(text)})"


def page(sandbox: Sandbox, person: int) -> str:
    """The page with that person's telephone in front; each time anew."""
    return f"{sandbox.page_url}?{time.monotonic_ns()}#{TOKEN.partition(':')[0]}-{person}"


async def test_from_the_invitation_to_the_answer(sandbox, browser):
    """A newcomer follows a link and is led on by the page; a colleague sees who meets the visitor."""

    def play(*steps: tuple[str, str]) -> None:
        for advice, button in steps:
            browser.until(hint(STRANGER, advice))
            browser.press(button)

    browser.resize(360, 740)
    async with shop(sandbox) as at:
        await at.log_in(ANNA)
        await at.says(ANNA, "Начнём!", "В ожидании")
        invite = await at.registry.invite(admin=None, store="spb-1")
        browser.open(page(sandbox, STRANGER).replace("?", f"?start={invite.code}&"))
        await asyncio.to_thread(play, ("Ссылка открыта", "Запустить"), ("Нажмите «Начнём!»", "Начнём!"))
        await asyncio.to_thread(browser.until, hint(STRANGER, "Ждём посетителя"))
        visit = Visit(id="v", store="spb-1", camera="door", at=time.time(), prediction=prediction(), card=card())
        await at.registry.real.announce(visit)
        await asyncio.to_thread(play, ("Пришёл посетитель", "Иду"), ("Отметьте", "Electronics"))
        await asyncio.to_thread(browser.until, hint(STRANGER, "Нажмите «Следующий!»"))
        await asyncio.to_thread(browser.until, reads(STRANGER, "Отмечено: Electronics"))
        loaded = f"[...{phone(STRANGER)}.querySelectorAll('img')].map((one) => one.complete && one.naturalWidth > 0)"
        assert await asyncio.to_thread(browser.run, loaded) == [True]
        await asyncio.to_thread(browser.run, f"show(phones.find((one) => one.node === {phone(ANNA)}))")
        await asyncio.to_thread(browser.until, reads(ANNA, "Клиента встречает Дина"))
        assert await asyncio.to_thread(browser.run, f"{phone(ANNA)}.querySelectorAll('.rows').length") == 0
        assert "на связи" in await asyncio.to_thread(browser.text)
        assert TOKEN not in await asyncio.to_thread(browser.run, "document.documentElement.outerHTML")


async def test_on_a_telephone_there_are_tabs_and_a_mark_where_something_is_new(sandbox, browser):
    browser.resize(360, 740)
    async with shop(sandbox) as at:
        browser.open(page(sandbox, BORIS))
        await asyncio.to_thread(browser.until, hint(BORIS, "Борис <3 & co, продавец"))
        assert not await asyncio.to_thread(browser.run, f"{phone(ANNA)}.offsetParent")
        await at.log_in(ANNA)
        await asyncio.to_thread(browser.until, "document.querySelector('.tab .mark')?.textContent === '1'")
        await asyncio.to_thread(browser.press, "Анна1")
        await asyncio.to_thread(browser.until, reads(ANNA, "Здравствуйте, Анна!"))
        assert await asyncio.to_thread(browser.run, f"{phone(ANNA)}.offsetParent && !{phone(BORIS)}.offsetParent")
        assert await asyncio.to_thread(browser.run, "document.querySelector('.mark') === null")


def say(sandbox: Sandbox, person: int, text: str, **values: object) -> None:
    """The bot writes."""
    data = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    answer = httpx.post(
        f"{sandbox.url}/bot{TOKEN}/sendMessage",
        data={"chat_id": str(person), "text": text, "parse_mode": "HTML", **data},
    )
    assert answer.status_code == 200, answer.text


def test_formatted_text_is_shown_so(sandbox, browser):
    browser.resize(1400, 900)
    sandbox.press(ANNA, "/start")
    say(sandbox, ANNA, "😀 <b>толсто <i>и косо</i></b>, <code>&lt;b&gt;</code>, /help, https://example.com/a?b=1.")
    browser.open(page(sandbox, ANNA))
    browser.until(reads(ANNA, "толсто"))
    inner = f"{phone(ANNA)}.querySelector('.message:last-child .body')"
    assert browser.run(f"{inner}.querySelector('b').innerHTML") == "толсто <i>и косо</i>"
    assert browser.run(f"{inner}.querySelector('code').textContent") == "<b>"
    assert browser.run(f"{inner}.querySelector('a').href") == "https://example.com/a?b=1"
    browser.run(f"{inner}.querySelector('.link').click()")
    browser.until(reads(ANNA, "/help\n") + f" && {phone(ANNA)}.querySelectorAll('.mine').length === 2")
    assert sandbox.messages(ANNA)[-1].text == "/help"


def test_a_link_is_opened_on_somebodys_telephone(sandbox, browser):
    browser.resize(360, 740)
    sandbox.press(ANNA, "/start")
    say(sandbox, ANNA, f"Ссылка: {sandbox.link('Zx81-kk')}")
    browser.open(page(sandbox, ANNA))
    browser.until(f"{phone(ANNA)}.querySelector('.body a')")
    browser.run(f"{phone(ANNA)}.querySelector('.body a').click()")
    browser.until("document.getElementById('ask').open")
    browser.press("Carol")
    browser.until(hint(CAROL, "Ссылка открыта"))
    assert browser.run("document.activeElement.textContent") == "Запустить"
    browser.key("Enter")
    browser.until(reads(CAROL, "/start Zx81-kk"))
    assert [one.text for one in sandbox.messages(CAROL)] == ["/start Zx81-kk"]


def test_without_a_mouse(sandbox, browser):
    browser.resize(1400, 900)
    sandbox.press(ANNA, "/start")
    keys = [[{"text": "Иду", "callback_data": "t"}, {"text": "Занят", "callback_data": "d"}]]
    say(sandbox, ANNA, "Подойдите", reply_markup={"inline_keyboard": keys})
    browser.open(page(sandbox, ANNA))
    browser.until(reads(ANNA, "Подойдите"))
    browser.run(f"{phone(ANNA)}.querySelector('.log').focus()")
    reached = []
    # the command that Anna wrote, the two buttons, the input line, the one that sends
    for _ in range(5):
        browser.key("Tab")
        reached.append(browser.run("document.activeElement.textContent.trim() || document.activeElement.ariaLabel"))
    assert reached == ["/start", "Иду", "Занят", "Сообщение", "Отправить"]
    browser.run(f"[...{phone(ANNA)}.querySelectorAll('.rows button')][1].focus()")
    browser.key("Enter")
    browser.until(f"{phone(ANNA)}.querySelector('.rows button').ariaDisabled === 'true'")
    assert sandbox.unanswered(ANNA) == 1
    # the message was drawn anew, and the keyboard's place is still in it
    assert browser.run(f"{phone(ANNA)}.querySelector('.rows').contains(document.activeElement)")
    assert browser.run(f"{phone(ANNA)}.querySelector('[role=log]').ariaLive") == "polite"
    nameless = "[...document.querySelectorAll('button, input')].filter((one) => !(one.ariaLabel || one.textContent))"
    assert browser.run(f"{nameless}.length") == 0


def test_two_bots_have_chats_of_their_own(browser):
    other = "2000000002:AAF-other_other_other_other_other_other"
    made = Sandbox(TOKEN, people=PEOPLE[:1], more=[other])
    made.start()
    try:
        made.bot(other).press(ANNA, "только второму")
        browser.resize(1400, 900)
        browser.open(page(made, ANNA))
        second = f"document.getElementById('2000000002-{ANNA}')"
        browser.until(f"{second}.querySelector('.log').innerText.includes('только второму')")
        assert browser.run(f"{phone(ANNA)}.querySelector('.message') === null")
        assert made.messages(ANNA) == []
    finally:
        made.stop()


def test_without_a_bot_the_page_says_so(sandbox, browser):
    browser.open(page(sandbox, ANNA))
    browser.until(f"{phone(ANNA)}.querySelector('.line').textContent === 'Амико не на связи'")


def test_what_people_write_is_text_and_nothing_else(sandbox, browser):
    sandbox.press(ANNA, "<img src=x onerror='document.title=1'><b>жирно</b>")
    browser.open(page(sandbox, ANNA))
    browser.until("document.querySelector('.body')?.textContent.includes('<b>жирно</b>')")
    assert browser.run("document.images.length") == 0


@pytest.mark.parametrize(("width", "height"), [(360, 740), (1400, 900)])
def test_it_fits_the_screen(sandbox, browser, width, height):
    browser.resize(width, height)
    for number in range(40):
        sandbox.press(ANNA, f"{number} " + "длинноеслово" * 20)
    browser.open(page(sandbox, ANNA))
    browser.until("document.querySelectorAll('.message').length === 40")
    assert browser.run("document.documentElement.scrollWidth <= window.innerWidth")
    log = f"{phone(ANNA)}.querySelector('.log')"
    browser.until(f"{log}.scrollHeight - {log}.scrollTop - {log}.clientHeight < 5")
    assert browser.run(f"{phone(ANNA)}.querySelector('input').getBoundingClientRect().bottom <= window.innerHeight")
