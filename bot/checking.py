"""Whether Telegram takes the token, asked once before anything is started."""

from telegram import Bot
from telegram.error import InvalidToken
from telegram.error import TelegramError as RefusedByTelegram

from bot.connection import base_url, request
from bot.polling import explain
from bot.secrecy import Redaction
from domain.errors import TelegramError
from domain.settings import Telegram


async def check_token(settings: Telegram) -> str | None:
    """None where Telegram knows the bot; else why it can't be asked now, which passes by itself.

    Raises TelegramError for a token that Telegram refuses.
    """
    token = settings.token.get_secret_value().strip()
    redaction = Redaction(token)
    redaction.install()
    try:
        line = request(settings.api_url)
        bot = Bot(token, base_url=base_url(settings.api_url), request=line, get_updates_request=line)
        async with bot:
            await bot.get_me()
    except InvalidToken as error:
        # The library's own words hold the token.
        raise TelegramError(explain(error)) from None
    except RefusedByTelegram as error:
        return explain(error)
    finally:
        redaction.remove()
    return None
