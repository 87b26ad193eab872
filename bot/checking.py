"""Whether Telegram takes the tokens and how the bots are called, asked before or beside the system."""

from telegram import Bot
from telegram.error import InvalidToken
from telegram.error import TelegramError as RefusedByTelegram

from bot.connection import base_url, request
from bot.polling import explain
from bot.secrecy import Redaction
from domain.errors import TelegramError
from domain.settings import MAIN, Telegram


async def check_token(settings: Telegram) -> str | None:
    """None where Telegram knows all bots; else why it can't be asked now, which passes by itself.

    Raises TelegramError for a token that Telegram refuses.
    """
    for name in settings.tokens:
        try:
            await _username(settings, name)
        except RefusedByTelegram as error:
            return explain(error)
    return None


async def bot_username(settings: Telegram, name: str) -> str:
    """What one of `telegram.tokens` is called in Telegram, without the @.

    Raises TelegramError where Telegram refuses the token, and where it can't be asked.
    """
    try:
        return await _username(settings, name)
    except RefusedByTelegram as error:
        raise TelegramError(explain(error)) from error


async def _username(settings: Telegram, name: str) -> str:
    token = settings.tokens[name].get_secret_value().strip()
    redaction = Redaction(token)
    redaction.install()
    try:
        line = request(settings.api_url)
        bot = Bot(token, base_url=base_url(settings.api_url), request=line, get_updates_request=line)
        async with bot:
            return (await bot.get_me()).username or ""
    except InvalidToken as error:
        # The library's own words hold the token.
        told = explain(error)
        raise TelegramError(told if name == MAIN else f"telegram.bots.{name}: {told}") from None
    finally:
        redaction.remove()
