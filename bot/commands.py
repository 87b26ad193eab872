"""The menu of commands, by language and role."""

import logging
from collections.abc import Iterable

from telegram import Bot, BotCommand, BotCommandScopeChat
from telegram.error import BadRequest, Forbidden

from bot.handlers import ADMIN_COMMANDS, COMMANDS
from bot.texts import LANGUAGES, texts

_LOGGER = logging.getLogger(__name__)


async def set_commands(bot: Bot, admins: Iterable[int]) -> None:
    """Assistants see theirs in every chat, each admin sees the admins' too. Raises what the library raises.

    An admin who has not written to the bot yet has no chat: the menu is there after the next start.
    """
    for language in LANGUAGES:
        # people whose language is neither get the one in English
        code = None if language == "en" else language
        await bot.set_my_commands(_menu(language, COMMANDS), language_code=code)
        for admin in admins:
            try:
                await bot.set_my_commands(
                    _menu(language, (*COMMANDS, *ADMIN_COMMANDS)),
                    scope=BotCommandScopeChat(admin),
                    language_code=code,
                )
            except (BadRequest, Forbidden) as error:
                _LOGGER.info("admin %s has no menu of commands yet: %s", admin, error.message)


def _menu(language: str, names: Iterable[str]) -> list[BotCommand]:
    t = texts(language)
    return [BotCommand(name, t.plain(f"command-{name}")) for name in names]
