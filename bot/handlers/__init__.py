"""What the bot does when a person writes or presses a button.

Telegram delivers an update twice where an acknowledgement was lost. So each handler first tells the registry, whose
calls may be repeated, and then says what the registry answered.
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from telegram import CallbackQuery, Update
from telegram.error import NetworkError
from telegram.error import TelegramError as RefusedByTelegram
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, MessageHandler, filters

from bot.handlers.admins import Admins
from bot.handlers.assistants import Assistants, set_buttons, toast
from bot.handlers.desk import Asked, Desk
from bot.keyboards import Choice, Press
from bot.registry import Registry, Reports
from bot.texts import Texts, language_of, texts
from domain.errors import NotRegisteredError
from domain.settings import Settings

_LOGGER = logging.getLogger(__name__)

Context = ContextTypes.DEFAULT_TYPE
Handler = BaseHandler[Update, Context, None]
Answer = Callable[[Asked], Awaitable[None]]
Handling = Callable[[Update, Context], Coroutine[Any, Any, None]]


class Handlers:
    """All that a person can do."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        *,
        bot: str,
        usernames: Mapping[str, str] | None = None,
        reports: Reports | None = None,
    ) -> None:
        """`bot`: the name of the one that people talk to here; `usernames`: each bot's in Telegram, as far as known."""
        self._desk = Desk(registry, settings, bot=bot, usernames={} if usernames is None else usernames)
        self._assistants = Assistants(self._desk)
        self._admins = Admins(self._desk, reports)

    def all(self) -> list[Handler]:
        """The handlers, in the order in which they are asked."""
        private = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE
        elsewhere = filters.UpdateType.MESSAGE & filters.COMMAND & ~filters.ChatType.PRIVATE
        mine, theirs = self._assistants, self._admins
        answers: dict[str, Answer] = {
            "start": mine.login,
            "login": mine.login,
            "departments": mine.departments,
            "stats": mine.stats,
            "cancel": mine.cancel,
            "hello": mine.hello,
            "ping": mine.ping,
            "help": mine.help,
        }
        for_admins: dict[str, Answer] = {
            "invite": theirs.invite,
            "assistants": theirs.assistants,
            "stores": theirs.stores,
            "report": theirs.report,
        }
        return [
            *(CommandHandler(name, self._answering(answer), private) for name, answer in answers.items()),
            *(CommandHandler(name, self._for_admins(answer), private) for name, answer in for_admins.items()),
            MessageHandler(private, self._answering(mine.words)),
            MessageHandler(elsewhere, self._elsewhere),
            CallbackQueryHandler(self._pressed),
        ]

    async def failed(self, update: object, context: Context) -> None:
        """Something broke: it is on record, and the person is told to try again."""
        _LOGGER.error("an update could not be handled", exc_info=context.error)
        if not isinstance(update, Update) or isinstance(context.error, NetworkError):
            return
        t = texts(language_of(update.effective_user.language_code if update.effective_user else None))
        with contextlib.suppress(RefusedByTelegram):
            if update.callback_query is not None:
                await update.callback_query.answer(t.plain("trouble"), show_alert=True)
            elif update.effective_message is not None:
                await update.effective_message.reply_text(t("trouble"))

    def _answering(self, answer: Answer) -> Handling:
        async def run(update: Update, _: Context) -> None:
            asked = Asked.of(update)
            # a code may make somebody known at any time; it has a limit of its own
            if self._desk.is_ignored(asked.user) and not (answer == self._assistants.login and asked.words):
                return
            try:
                await answer(asked)
            except NotRegisteredError as error:
                if (refusal := self._desk.refusal(error, asked.user, asked.t)) is not None:
                    await asked.message.reply_text(refusal)

        return run

    def _for_admins(self, answer: Answer) -> Handling:
        """Others are told that there is no such command."""
        theirs, others = self._answering(answer), self._answering(self._assistants.words)

        async def run(update: Update, context: Context) -> None:
            user = update.effective_user
            is_admin = user is not None and self._desk.is_admin(user)
            await (theirs if is_admin else others)(update, context)

        return run

    async def _elsewhere(self, update: Update, _: Context) -> None:
        """A command in a group: the bot's place is the private chat."""
        asked = Asked.of(update)
        await asked.message.reply_text(asked.t("private-only"))

    async def _pressed(self, update: Update, _: Context) -> None:
        """A button. Every press is answered, or Telegram shows a clock; only strangers may look at that."""
        query = update.callback_query
        if query is None or self._desk.is_ignored(query.from_user):
            return
        t = texts(language_of(query.from_user.language_code))
        press, chosen = Press.decode(query.data), Choice.decode(query.data)
        try:
            if press is not None:
                await self._assistants.press(query, press)
                return
            if chosen is not None and chosen[0] in {Choice.KNOW, Choice.FORGET}:
                await self._assistants.choose(query, *chosen)
                return
            if chosen is not None and self._desk.is_admin(query.from_user):
                await self._admins.choose(query, *chosen)
                return
        except NotRegisteredError:
            _LOGGER.info("a button that is not theirs was pressed by %s", query.from_user.id)
        await self._not_theirs(query, t)

    async def _not_theirs(self, query: CallbackQuery, t: Texts) -> None:
        """A button that is too old, somebody else's, or made up."""
        try:
            await self._desk.assistant(query.from_user)
        except NotRegisteredError as error:
            if self._desk.refusal(error, query.from_user, t) is not None:
                await toast(query, t.plain("toast-no-access"))
            return
        await toast(query, t.plain("toast-not-valid"))
        await set_buttons(query, None)
