"""What the bot does when a person writes or presses a button.

Telegram delivers an update twice where an acknowledgement was lost. So each handler first tells the registry, whose
calls may be repeated, and then says what the registry answered. All texts go out as plain text: nothing to escape.
"""

import contextlib
import logging
import re

from telegram import CallbackQuery, Message, Update, User
from telegram.error import BadRequest, NetworkError
from telegram.error import TelegramError as RefusedByTelegram
from telegram.ext import BaseHandler, CallbackQueryHandler, CommandHandler, ContextTypes, MessageHandler, filters

from bot.keyboards import Action, Press, answer_of, notification_keyboard, off_keyboard, on_keyboard
from bot.registry import Registry, Reports
from bot.texts import LANGUAGES, Texts, language_of, notification_text, texts
from domain.errors import NotRegisteredError
from domain.records import Assistant, Notification, NotificationState, Standing
from domain.settings import Settings

_LOGGER = logging.getLogger(__name__)

#: The menu of commands, in its order.
COMMANDS = ("start", "login", "cancel", "hello", "ping", "help")

Context = ContextTypes.DEFAULT_TYPE
Handler = BaseHandler[Update, Context, None]


def _bare(text: str) -> str:
    """A button's label as people may also type it: without capitals, dots over ё, quotes and exclamation marks."""
    return re.sub(r"[^\w ]", "", text.casefold().replace("ё", "е")).strip()


#: Both languages': a keyboard stays in the chat when a person changes Telegram's language.
_WAIT = {_bare(texts(language)(name)) for language in LANGUAGES for name in ("button-begin", "button-next")}


class Handlers:
    """All that a person can do."""

    def __init__(self, registry: Registry, settings: Settings, *, bot: str, reports: Reports | None = None) -> None:
        """`bot`: the name of the one that people talk to here."""
        self._registry = registry
        self._reports = reports
        self._admins = frozenset(settings.telegram.admins)
        self._bot = bot

    def all(self) -> list[Handler]:
        """The handlers, in the order in which they are asked."""
        private = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE
        elsewhere = filters.UpdateType.MESSAGE & filters.COMMAND & ~filters.ChatType.PRIVATE
        return [
            CommandHandler(["start", "login"], self.login, private),
            CommandHandler("cancel", self.cancel, private),
            CommandHandler("hello", self.hello, private),
            CommandHandler("report", self.report, private),
            CommandHandler("ping", self.ping, private),
            CommandHandler("help", self.help, private),
            MessageHandler(private, self.message),
            MessageHandler(elsewhere, self.elsewhere),
            CallbackQueryHandler(self.pressed),
        ]

    async def login(self, update: Update, _: Context) -> None:
        """/start, /login: recognised people are told what to press first."""
        message, user, t = _parts(update)
        try:
            assistant = await self._login(user)
        except NotRegisteredError:
            await _refuse(message, user, t)
            return
        await message.reply_text(t("welcome", name=assistant.name), reply_markup=off_keyboard(t))

    async def message(self, update: Update, _: Context) -> None:
        """«Начнём!» and «Следующий!»: the assistant waits. Anything else is not understood."""
        message, user, t = _parts(update)
        if _bare(message.text or "") not in _WAIT:
            await message.reply_text(t("not-understood"))
            return
        try:
            standing = await self._wait(user, update.update_id)
        except NotRegisteredError:
            await _refuse(message, user, t)
            return
        await message.reply_text(t("waiting" if standing.changed else "waiting-already"), reply_markup=on_keyboard(t))

    async def cancel(self, update: Update, _: Context) -> None:
        """/cancel: no more visitors."""
        message, user, t = _parts(update)
        try:
            standing = await self._registry.pause(telegram_id=user.id, update=update.update_id)
        except NotRegisteredError:
            await _refuse(message, user, t)
            return
        await message.reply_text(t("off" if standing.changed else "off-already"), reply_markup=off_keyboard(t))

    async def report(self, update: Update, _: Context) -> None:
        """/report: how the classifiers do, as pictures; for admins alone, so it is in no menu."""
        message, user, t = _parts(update)
        if self._reports is None or user.id not in self._admins:
            await message.reply_text(t("not-understood"))
            return
        sheets = await self._reports.reports()
        if not sheets:
            await message.reply_text(t("report-none"))
        for store, sheet in sheets:
            await message.reply_photo(sheet, caption=store, filename="report.png")

    async def hello(self, update: Update, _: Context) -> None:
        """/hello."""
        message, user, t = _parts(update)
        await message.reply_text(t("hello", name=user.full_name))

    async def ping(self, update: Update, _: Context) -> None:
        """/ping: the bot is there."""
        message, _user, t = _parts(update)
        await message.reply_text(t("ping"))

    async def help(self, update: Update, _: Context) -> None:
        """/help."""
        message, _user, t = _parts(update)
        await message.reply_text(t("help"))

    async def elsewhere(self, update: Update, _: Context) -> None:
        """A command in a group: the bot's place is the private chat."""
        message, _user, t = _parts(update)
        await message.reply_text(t("private-only"))

    async def pressed(self, update: Update, _: Context) -> None:
        """A button below a message about a visitor. Every press is answered, or Telegram shows a clock."""
        query = update.callback_query
        if query is None:
            return
        t = texts(language_of(query.from_user.language_code))
        press = Press.decode(query.data)
        if press is None:
            await _toast(query, t("toast-not-valid"))
            await _show(query, None)
            return
        try:
            notification, said = await self._act(press, query.from_user, t)
        except NotRegisteredError:
            await _toast(query, t("no-access"))
            return
        await _toast(query, said)
        await _show(query, notification)

    async def failed(self, update: object, context: Context) -> None:
        """Something broke: it is on record, and the person is told to try again."""
        _LOGGER.error("an update could not be handled", exc_info=context.error)
        if not isinstance(update, Update) or isinstance(context.error, NetworkError):
            return
        t = texts(language_of(update.effective_user.language_code if update.effective_user else None))
        with contextlib.suppress(RefusedByTelegram):
            if update.callback_query is not None:
                await update.callback_query.answer(t("trouble"), show_alert=True)
            elif update.effective_message is not None:
                await update.effective_message.reply_text(t("trouble"))

    async def _login(self, user: User) -> Assistant:
        return await self._registry.login(
            telegram_id=user.id,
            username=user.username,
            name=user.full_name,
            language=language_of(user.language_code),
        )

    async def _wait(self, user: User, update: int) -> Standing:
        try:
            return await self._registry.wait(telegram_id=user.id, update=update)
        except NotRegisteredError:
            # Registered since, or never pressed /start: the button says clearly enough what is wanted.
            await self._login(user)
            return await self._registry.wait(telegram_id=user.id, update=update)

    async def _act(self, press: Press, user: User, t: Texts) -> tuple[Notification, str]:
        """Tell the registry. Returns the notification as it is now, and what to say about the press."""
        match press.action:
            case Action.TAKE:
                notification = await self._registry.take(notification=press.notification, telegram_id=user.id)
                said = "toast-taken"
            case Action.DECLINE:
                notification = await self._registry.decline(notification=press.notification, telegram_id=user.id)
                said = "toast-declined"
            case Action.ANSWER:
                # Taking again changes nothing and tells the departments.
                notification = await self._registry.take(notification=press.notification, telegram_id=user.id)
                answer = answer_of(press.digest, notification)
                if answer is None:
                    return notification, t("toast-departments-changed")
                notification = await self._registry.answer(
                    notification=press.notification, telegram_id=user.id, answer=answer
                )
                said = "toast-answered"
        return notification, t(_outcome(press.action, notification, said))


def _outcome(action: Action, notification: Notification, said: str) -> str:
    """What to say about a press, seen what has become of the notification."""
    match notification.state:
        case NotificationState.EXPIRED:
            return "toast-expired"
        case NotificationState.DECLINED if action is not Action.DECLINE:
            return "toast-not-valid"
        case NotificationState.TAKEN if action is Action.DECLINE:
            return "toast-taken"
        case NotificationState.FAILED:
            return "toast-not-valid"
        case _:
            return said


async def _toast(query: CallbackQuery, text: str) -> None:
    """Answer a press. One that is too old to be answered (a bot that was down) is no fault."""
    with contextlib.suppress(BadRequest):
        await query.answer(text)


async def _show(query: CallbackQuery, notification: Notification | None) -> None:
    """Bring the message up to date; without a notification, take its buttons away."""
    if not isinstance(query.message, Message):
        return  # Too old: Telegram no longer tells what it was.
    try:
        if notification is None:
            await query.edit_message_reply_markup(None)
            return
        text, keyboard = notification_text(notification), notification_keyboard(notification)
        if query.message.photo:
            await query.edit_message_caption(text, reply_markup=keyboard)
        else:
            await query.edit_message_text(text, reply_markup=keyboard)
    except BadRequest as error:
        # Pressed twice, or deleted by the person: there is nothing to bring up to date.
        _LOGGER.info("a message was left as it is: %s", error.message)


async def _refuse(message: Message, user: User, t: Texts) -> None:
    await message.reply_text(f"{t('no-access')}\n\n{t('no-access-help', id=str(user.id))}")


def _parts(update: Update) -> tuple[Message, User, Texts]:
    message, user = update.effective_message, update.effective_user
    if message is None or user is None:
        raise ValueError("the filters let only people's messages through")
    return message, user, texts(language_of(user.language_code))
