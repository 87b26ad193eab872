"""What unit tests of the registry, and of the bot's handlers, share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from support.chats import settings_of
from support.staffed import Shop, open_shop
from support.talking import ADMIN, OTHER, SHOP, Chat, talking

import bot.delivery
import bot.errands
from domain.settings import AnotherBot


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as opened:
        yield opened


@pytest.fixture
async def one_each(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, notify="one") as opened:
        yield opened


@pytest.fixture(params=["all", "one"])
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path, notify=request.param) as opened:
        yield opened


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


@pytest.fixture
def quick(monkeypatch):
    """Tests don't wait as long as people do."""
    monkeypatch.setattr(bot.errands, "BACK_OFF_S", (0.01, 0.05))
    monkeypatch.setattr(bot.delivery, "_LOOK_S", 0.01)
    monkeypatch.setattr(bot.delivery, "_STOP_S", 0.2)
