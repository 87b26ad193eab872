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

import pytest
from support.chats import ANNA, BORIS, PEOPLE, TOKEN, card, prediction, shop

from bot.sandbox import Sandbox

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
        button = f"[...document.querySelectorAll('button')].find((one) => one.textContent === {json.dumps(label)})"
        self.until(button)
        self.run(f"{button}.click()")

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
    made = Sandbox(TOKEN, people=PEOPLE)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


def hint(text: str) -> str:
    return f"document.getElementById('hint').textContent.includes({json.dumps(text)})"


async def test_a_newcomer_is_led_from_the_start_to_the_answer(sandbox, browser):
    def play(*steps: tuple[str, str]) -> None:
        for advice, button in steps:
            browser.until(hint(advice))
            browser.press(button)

    async with shop(sandbox) as at:
        browser.open(sandbox.page_url)
        await asyncio.to_thread(play, ("нажмите «Запустить»", "Запустить"), ("нажмите «Начнём!»", "Начнём!"))
        await asyncio.to_thread(browser.until, hint("Ждём посетителя"))
        one = await at.registry.announce(prediction(), telegram_id=ANNA, card=card())
        await asyncio.to_thread(play, ("Нажмите «Иду»", "Иду"), ("Отметьте", "Electronics"))
        await asyncio.to_thread(browser.until, hint("Нажмите «Следующий!»"))
        assert at.registry.notifications[one.id].answer == "Electronics"
        said = await asyncio.to_thread(browser.text)
        assert "Отмечено: Electronics" in said
        assert "бот на связи" in said
        assert TOKEN not in await asyncio.to_thread(browser.run, "document.documentElement.outerHTML")
        loaded = "[...document.images].every((one) => one.complete && one.naturalWidth > 0)"
        assert await asyncio.to_thread(browser.run, f"document.images.length === 1 && {loaded}")


async def test_another_person_has_a_chat_of_their_own_and_a_mark_where_something_is_new(sandbox, browser):
    async with shop(sandbox) as at:
        browser.open(sandbox.page_url + f"#{BORIS}")
        await asyncio.to_thread(browser.until, hint("Вы — Борис <3 & co"))
        await at.log_in(ANNA)
        await asyncio.to_thread(browser.until, "document.querySelector('.persons .fresh')?.textContent === 'Анна'")
        await asyncio.to_thread(browser.press, "Анна")
        await asyncio.to_thread(browser.until, "document.body.innerText.includes('Здравствуйте, Анна!')")
        assert await asyncio.to_thread(browser.run, "document.querySelector('.persons .fresh') === null")


def test_without_a_bot_the_page_says_so(sandbox, browser):
    browser.open(sandbox.page_url + "?alone")
    browser.until("document.getElementById('line').textContent === 'бот не на связи'")


def test_what_people_write_is_text_and_nothing_else(sandbox, browser):
    sandbox.press(ANNA, "<img src=x onerror='document.title=1'><b>жирно</b>")
    browser.open(sandbox.page_url + "?markup")
    browser.until("document.querySelector('.body')?.textContent.includes('<b>жирно</b>')")
    assert browser.run("document.images.length") == 0


def test_it_fits_a_telephone(sandbox, browser):
    for number in range(40):
        sandbox.press(ANNA, f"{number} " + "длинноеслово" * 20)
    browser.open(sandbox.page_url + "?narrow")
    browser.until("document.querySelectorAll('.message').length === 40")
    assert browser.run("document.documentElement.scrollWidth <= window.innerWidth")
    chat = "document.getElementById('chat')"
    browser.until(f"{chat}.scrollHeight - {chat}.scrollTop - {chat}.clientHeight < 5")
    assert browser.run("document.getElementById('text').getBoundingClientRect().bottom <= window.innerHeight")
