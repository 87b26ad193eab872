"""The menu of commands, by language and role."""

import logging
from collections.abc import Iterable

from telegram import Bot, BotCommand, BotCommandScopeChat
from telegram.error import BadRequest, Forbidden

from bot.texts import LANGUAGES, texts

_LOGGER = logging.getLogger(__name__)

#: Which commands there are, in the menus' order.
COMMANDS = ("start", "departments", "stats", "cancel", "login", "help")
ADMIN_COMMANDS = ("invite", "assistants", "stores", "report")

#: People whose language is neither get the menu in English.
_CODES = {language: None if language == "en" else language for language in LANGUAGES}


async def set_commands(bot: Bot, admins: Iterable[int]) -> None:
    """Assistants see theirs in every chat, each admin sees the admins' too. Raises what the library raises."""
    for language, code in _CODES.items():
        await bot.set_my_commands(_menu(language, COMMANDS), language_code=code)
    for admin in admins:
        await set_admin_commands(bot, admin)


async def set_admin_commands(bot: Bot, admin: int) -> None:
    """An admin who has not written to the bot yet has no chat, and so no menu. Raises what the library raises."""
    try:
        for language, code in _CODES.items():
            menu = _menu(language, (*COMMANDS, *ADMIN_COMMANDS))
            await bot.set_my_commands(menu, scope=BotCommandScopeChat(admin), language_code=code)
    except (BadRequest, Forbidden) as error:
        _LOGGER.info("admin %s has no menu of commands yet: %s", admin, error.message)


def _menu(language: str, names: Iterable[str]) -> list[BotCommand]:
    t = texts(language)
    return [BotCommand(name, t.plain(f"command-{name}")) for name in names]
