"""What assistants write, and what they press below the message about a visitor."""

import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable

from markupsafe import Markup
from telegram import CallbackQuery, InlineKeyboardMarkup, Message, User
from telegram.error import BadRequest, TelegramError

from bot.commands import set_admin_commands
from bot.drawing import draw_day
from bot.handlers.desk import Asked, Desk, OtherBotError
from bot.keyboards import (
    Action,
    Choice,
    Press,
    departments_keyboard,
    named,
    notification_keyboard,
)
from bot.limits import wrong_codes
from bot.texts import LANGUAGES, Texts, language_of, texts
from bot.wording import paragraphs
from domain.errors import NotRegisteredError
from domain.records import NOT_A_CUSTOMER, Assistant, Notification, NotificationState, Standing

_LOGGER = logging.getLogger(__name__)

#: What a deep link may carry, and so what a code may be.
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")

#: Seconds after its end from which on a notification's message may have been left behind.
_OLD_S = 500.0


def bare(text: str) -> str:
    """A button's label as people may also type it: without capitals, dots over ё, quotes and exclamation marks."""
    return re.sub(r"[^\w ]", "", text.casefold().replace("ё", "е")).strip()


def _labels(*names: str) -> frozenset[str]:
    # both languages': a keyboard stays in the chat when a person changes Telegram's language
    return frozenset(bare(texts(language).plain(name)) for language in LANGUAGES for name in names)


_WAIT = _labels("button-begin", "button-next")
_PAUSE = _labels("button-pause")


class Assistants:
    """All that an assistant can do."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._registry = desk.registry
        self._wrong_codes = wrong_codes()

    # -- words --------------------------------------------------------------------------------------------

    async def login(self, asked: Asked) -> None:
        """/start and /login, with the code of an invitation or without."""
        user, t = asked.user, asked.t
        if self._desk.is_admin(user):
            await self._registry.greet(admin=user.id, language=t.language)
            # who had no chat when the bot was started had no menu either
            await set_admin_commands(asked.message.get_bot(), user.id)
        if asked.words and self._wrong_codes.reached(user.id):
            return
        assistant = await self._join(asked) if asked.words else None
        if assistant is None:
            if asked.words and not self._desk.is_admin(user):
                # an assistant's, too: another store's codes are no more theirs than a stranger's
                self._wrong_codes.count(user.id)
            try:
                assistant = await self._desk.login(user)
            except NotRegisteredError:
                if not asked.words or self._desk.is_admin(user):
                    raise
                await asked.message.reply_text(t("wrong-code"))
                return
        self._desk.checked(assistant)
        store = self._desk.store_of(assistant)
        await self._desk.say(asked, assistant, t("welcome", name=assistant.name, store=store.name))

    async def words(self, asked: Asked) -> None:
        """«Начнём!», «Следующий!» and «Пауза». Anything else is not understood."""
        said = bare(asked.message.text or "")
        if said in _WAIT:
            await self._move(asked, self._registry.wait)
        elif said in _PAUSE:
            await self._move(asked, self._registry.pause)
        else:
            assistant = await self._desk.assistant(asked.user)
            await self._desk.say(asked, assistant, asked.t("not-understood"))

    async def cancel(self, asked: Asked) -> None:
        """/cancel: no more visitors."""
        await self._move(asked, self._registry.pause)

    async def departments(self, asked: Asked) -> None:
        """/departments: those that one knows best."""
        assistant = await self._desk.assistant(asked.user)
        state = self._desk.wording.state(assistant.state, asked.t)
        await asked.message.reply_text(
            paragraphs(asked.t("departments"), state), reply_markup=self._departments(assistant, asked.t)
        )

    async def stats(self, asked: Asked) -> None:
        """/stats: one's own day."""
        assistant = await self._desk.assistant(asked.user)
        day = await self._registry.day(telegram_id=asked.user.id)
        text = self._desk.wording.day(day, asked.t)
        picture = await draw_day(day, asked.t.language) if day.met else None
        if picture is None:
            await self._desk.say(asked, assistant, text)
        else:
            await self._desk.show_picture(asked, assistant, picture, text)

    async def hello(self, asked: Asked) -> None:
        """/hello."""
        await self._small_talk(asked, asked.t("hello", name=asked.user.full_name))

    async def ping(self, asked: Asked) -> None:
        """/ping: the bot is there."""
        await self._small_talk(asked, asked.t("ping"))

    async def help(self, asked: Asked) -> None:
        """/help."""
        admin = asked.t("help-admin") if self._desk.is_admin(asked.user) else ""
        await self._small_talk(asked, paragraphs(asked.t("help"), admin))

    # -- presses ------------------------------------------------------------------------------------------

    async def press(self, query: CallbackQuery, press: Press) -> None:
        """A button below a message about a visitor. Raises NotRegisteredError for somebody else's."""
        user = query.from_user
        t = texts(language_of(user.language_code))
        notification, said = await self._act(press, user, t)
        await toast(query, said)
        await self._bring_up_to_date(query, notification, departments=said == t.plain("toast-departments-changed"))
        if press.action is Action.TAKE and notification.state is NotificationState.TAKEN:
            assistant = (await self._registry.standing(telegram_id=user.id)).assistant
            if not self._desk.shows(user, assistant.state):
                await self._desk.show_state(user, assistant, t)

    async def choose(self, query: CallbackQuery, choice: Choice, value: str) -> None:
        """A department to be ticked or not."""
        user = query.from_user
        t = texts(language_of(user.language_code))
        assistant = await self._desk.assistant(user)
        name = named(value, self._desk.store_of(assistant).departments)
        known = set(assistant.departments)
        if name is None:
            await toast(query, t.plain("toast-departments-changed"))
        else:
            # said as a wish and not as a change, so that the same press again does no harm
            known = known | {name} if choice is Choice.KNOW else known - {name}
            assistant = (await self._registry.know(telegram_id=user.id, departments=sorted(known))).assistant
            await toast(query, "")
        await set_buttons(query, self._departments(assistant, t))

    # -- within -------------------------------------------------------------------------------------------

    async def _join(self, asked: Asked) -> Assistant | None:
        user, code = asked.user, asked.words[0]
        if not _CODE.fullmatch(code):
            return None
        try:
            joined = await self._registry.join(
                code=code,
                telegram_id=user.id,
                username=user.username,
                name=user.full_name,
                language=asked.t.language,
            )
        except NotRegisteredError:
            return None
        self._desk.forgive(user)
        return joined

    async def _move(self, asked: Asked, move: Callable[..., Awaitable[Standing]]) -> None:
        try:
            if not self._desk.one_bot:
                await self._desk.assistant(asked.user)
            standing = await move(telegram_id=asked.user.id, update=asked.update)
        except OtherBotError:
            raise
        except NotRegisteredError:
            await self._desk.assistant(asked.user)
            standing = await move(telegram_id=asked.user.id, update=asked.update)
        await self._desk.say(asked, standing.assistant, already=not standing.changed)

    async def _small_talk(self, asked: Asked, text: Markup) -> None:
        try:
            assistant = await self._desk.assistant(asked.user)
        except NotRegisteredError:
            if not self._desk.is_admin(asked.user):
                raise
            await asked.message.reply_text(text)
        else:
            await self._desk.say(asked, assistant, text)

    def _departments(self, assistant: Assistant, t: Texts) -> InlineKeyboardMarkup:
        return departments_keyboard(assistant, self._desk.store_of(assistant), self._desk.wording, t)

    async def _act(self, press: Press, user: User, t: Texts) -> tuple[Notification, str]:
        """Tell the registry. Returns the notification as it is now, and what to say about the press."""
        which = {"notification": press.notification, "telegram_id": user.id}
        match press.action:
            case Action.TAKE:
                notification = await self._registry.take(**which)
                return notification, _outcome(notification, NotificationState.TAKEN, t)
            case Action.DECLINE:
                notification = await self._registry.decline(**which)
                return notification, _outcome(notification, NotificationState.DECLINED, t)
            case Action.ANSWER:
                answer = named(press.digest, self._possible_answers())
                notification = await self._registry.answer(**which, answer=answer or "")
                if notification.state is not NotificationState.TAKEN:
                    return notification, _outcome(notification, NotificationState.TAKEN, t)
                if time.time() > (notification.answerable_until or 0):
                    return notification, t.plain("toast-too-late")
                changed = answer is None or notification.answer != answer
                return notification, t.plain("toast-departments-changed" if changed else "toast-answered")

    def _possible_answers(self) -> list[str]:
        """All stores': the registry knows whose the notification is, and which answers it takes."""
        return [*(name for store in self._desk.settings.stores for name in store.departments), NOT_A_CUSTOMER]

    async def _bring_up_to_date(self, query: CallbackQuery, notification: Notification, *, departments: bool) -> None:
        """What a press changes is shown by delivery, as any other change of a notification.

        But the press also tells which message the person looks at. One whose number was lost with Telegram's answer,
        one that is so old that it was left behind, and one with departments that the store no longer has are to be
        shown anew; the second copy of one, which delivery knows nothing of, is changed here.
        """
        if not isinstance(query.message, Message):
            return  # Too old: Telegram no longer tells what it was.
        message = query.message.message_id
        if notification.message not in {None, message}:
            await self._show(query, query.message, notification)
        elif departments or notification.message is None or time.time() > notification.expires_at + _OLD_S:
            await self._registry.look_at(notification=notification.id, telegram_id=query.from_user.id, message=message)

    async def _show(self, query: CallbackQuery, message: Message, notification: Notification) -> None:
        text = self._desk.wording.notification(notification)
        keyboard = notification_keyboard(notification, self._desk.wording, at=time.time())
        with contextlib.suppress(BadRequest):  # pressed twice, or deleted by the person
            if message.photo:
                await query.edit_message_caption(text, reply_markup=keyboard)
            else:
                await query.edit_message_text(text, reply_markup=keyboard)


def _outcome(notification: Notification, wanted: NotificationState, t: Texts) -> str:
    """What to say about a press, seen what has become of the notification."""
    match notification.state:
        case NotificationState.TAKEN:
            return t.plain("toast-taken" if wanted is NotificationState.TAKEN else "toast-going")
        case NotificationState.DECLINED:
            return t.plain("toast-declined" if wanted is NotificationState.DECLINED else "toast-declined-before")
        case NotificationState.EXPIRED if notification.met_by is not None:
            return t.plain("toast-met", name=notification.met_by)
        case NotificationState.EXPIRED:
            return t.plain("toast-expired")
        case _:
            return t.plain("toast-not-valid")


async def toast(query: CallbackQuery, text: str) -> None:
    """Answer a press. One that can't be answered, too old or on a bad line, keeps nothing from being done."""
    try:
        await query.answer(text or None)
    except BadRequest:
        pass
    except TelegramError as error:
        _LOGGER.warning("a press was not answered: %s", type(error).__name__)


async def set_buttons(query: CallbackQuery, keyboard: InlineKeyboardMarkup | None) -> None:
    """Change the buttons below the message that was pressed.

    One that is too old or deleted stays as it is, and so does one that was pressed twice and shows already what it
    should.
    """
    if isinstance(query.message, Message):
        with contextlib.suppress(BadRequest):
            await query.edit_message_reply_markup(keyboard)
