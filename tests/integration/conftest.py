"""What the bot's tests share."""

from collections.abc import Iterator

import httpx
import pytest
from support.chats import PEOPLE, TOKEN

from bot.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(TOKEN, people=PEOPLE)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    # Nothing is encrypted here, and reading certificates takes its time.
    with httpx.Client(base_url=sandbox.url, timeout=10, verify=False) as client:
        yield client
