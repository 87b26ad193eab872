"""The token is tried once before anything is started."""

import logging

import pytest
from support.chats import TOKEN, settings

from bot.checking import check_token
from bot.sandbox import BAD_GATEWAY
from domain.errors import TelegramError


async def test_the_right_one_is_taken(sandbox):
    assert await check_token(settings(sandbox).telegram) is None


@pytest.mark.parametrize("token", ["", "nonsense", "1:wrong"])
async def test_a_wrong_one_is_told_with_the_remedy(sandbox, token):
    with pytest.raises(TelegramError, match="@BotFather"):
        await check_token(settings(sandbox, token).telegram)


async def test_what_passes_by_itself_is_told_and_no_error(sandbox):
    sandbox.fail_next("getMe", BAD_GATEWAY)
    assert "Bad Gateway" in (await check_token(settings(sandbox).telegram) or "")
    sandbox.stop()
    assert "can't be reached" in (await check_token(settings(sandbox).telegram) or "")


async def test_it_stays_out_of_the_logs(sandbox, caplog):
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "httpx")
    await check_token(settings(sandbox).telegram)
    assert caplog.records
    assert TOKEN not in caplog.text
