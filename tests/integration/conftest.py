"""What the bot's tests share."""

from collections.abc import Iterator

import pytest
from support.chats import PEOPLE, TOKEN

from bot.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox(TOKEN, people=PEOPLE)
    made.start()
    yield made
    made.stop()
