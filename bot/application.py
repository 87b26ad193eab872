"""The bot: one Telegram application, driven by hand inside whatever event loop it is started in."""

import asyncio
import logging
import time
from collections import Counter
from typing import Any

from telegram import LinkPreviewOptions
from telegram.constants import ParseMode
from telegram.error import BadRequest, InvalidToken
from telegram.error import TelegramError as RefusedByTelegram
from telegram.ext import Application, ApplicationBuilder, ContextTypes, Defaults, ExtBot

from bot.commands import set_commands
from bot.connection import base_file_url, base_url, request
from bot.failures import is_other_kind, is_unchanged
from bot.handlers import Handlers
from bot.heard import UpdatesRequest
from bot.keyboards import notification_keyboard
from bot.pacing import ONCE, Pacer, Urgency
from bot.polling import Health, Poller, explain
from bot.registry import Registry, Reports
from bot.secrecy import Redaction
from bot.wording import Wording
from domain.errors import TelegramError
from domain.records import Notice, NoticeKind, Notification
from domain.settings import MAIN, Settings

_LOGGER = logging.getLogger(__name__)

#: Messages under way at the same moment; a stuck chat holds one of them.
_CONNECTIONS = 64
#: Seconds between tries to reach Telegram at the start: the first, and the longest.
_BACK_OFF_S = (1.0, 30.0)

_Application = Application[
    ExtBot[str],
    ContextTypes.DEFAULT_TYPE,
    dict[Any, Any],
    dict[Any, Any],
    dict[Any, Any],
    None,
]


class Bot:
    """Talks with the assistants: hears them by long polling, and sends notifications for `Delivery`.

    To be started and stopped once, within one event loop.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        reports: Reports | None = None,
        *,
        name: str = MAIN,
        usernames: dict[str, str] | None = None,
    ) -> None:
        """Connect nothing yet. Raises TelegramError for an empty token, and for an address that is none.

        `name`: one of `telegram.tokens`. `usernames`: what the bots are called in Telegram, by name; shared by all of
        them, and each notes its own.
        """
        telegram = settings.telegram
        self.name = name
        token = telegram.tokens[name].get_secret_value().strip()
        if not token:
            raise TelegramError(explain(InvalidToken()))
        self._requests = (
            request(telegram.api_url, connections=_CONNECTIONS),
            request(telegram.api_url, kind=UpdatesRequest),
        )
        self._redaction = Redaction(token)
        self._redaction.install()
        self._pacer = Pacer()
        self._telegram = ExtBot(
            token=token,
            base_url=base_url(telegram.api_url),
            base_file_url=base_file_url(telegram.api_url),
            request=self._requests[0],
            get_updates_request=self._requests[1],
            rate_limiter=self._pacer,
            # all texts are, and what people are called is escaped where it is filled in: see `bot.texts`
            defaults=Defaults(parse_mode=ParseMode.HTML, link_preview_options=LinkPreviewOptions(is_disabled=True)),
        )
        self._registry = registry
        self._usernames = {} if usernames is None else usernames
        self._handlers = Handlers(registry, settings, bot=name, usernames=self._usernames, reports=reports)
        self._wording = Wording(settings)
        self._admins = tuple(telegram.admins)
        self._application: _Application = ApplicationBuilder().bot(self._telegram).updater(None).job_queue(None).build()
        self._application.add_handlers(self._handlers.all())
        self._application.add_error_handler(self._handlers.failed)
        self._poller = Poller(self._telegram, self._application.process_update, conflict=self._tell_of_second_poller)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Say hello to Telegram and begin to poll.

        Returns also where Telegram can't be reached: the bot goes on trying, and `health` says so.
        Raises TelegramError for a wrong token.
        """
        try:
            await self._connect()
            connected = True
        except InvalidToken as error:
            await self._close()
            # The library's own words hold the token.
            raise TelegramError(explain(error)) from None
        except RefusedByTelegram as error:
            self._poller.note(explain(error))
            connected = False
        self._task = asyncio.create_task(self._run(connected=connected), name="polling")

    async def stop(self) -> None:
        """Stop polling, let handlers finish, acknowledge what they handled. May be called twice."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        self._task = None
        await self._poller.finish()
        await self._close()

    @property
    def health(self) -> Health:
        """How the line to Telegram is."""
        return Health(
            polling=self._task is not None and not self._task.done(),
            answered_s_ago=self._poller.answered_s_ago,
            problem=self._poller.problem,
        )

    @property
    def errors(self) -> Counter[str]:
        """What has gone wrong with calls of Telegram since the start, by kind."""
        return self._pacer.errors + self._poller.errors

    async def turn(self, chat: int, urgency: Urgency) -> None:
        """Return once one message may go to that chat: `send` asks no further."""
        await self._pacer.turn(chat, urgency)

    async def send(self, notification: Notification, *, at: float, card: bool) -> int:
        """Send a notification, with its card if there is one and it is wanted. Returns Telegram's message number.

        `at`: when it is first sent; the text says how long ago the visitor came in then.
        Raises what the library raises, at once: `Delivery` knows what to do about it. So do the next two.
        """
        text = self._wording.notification(notification, at=at)
        keyboard = notification_keyboard(notification, self._wording, at=at)
        if notification.card is not None and card:
            message = await self._telegram.send_photo(
                notification.chat,
                notification.card,
                caption=text,
                reply_markup=keyboard,
                filename="visitor.jpg",
                rate_limit_args=ONCE,
            )
        else:
            message = await self._telegram.send_message(
                notification.chat, text, reply_markup=keyboard, rate_limit_args=ONCE
            )
        return message.message_id

    async def change(self, notification: Notification) -> None:
        """Bring a notification's message up to date; one that is so already is as good."""
        # who was started again since does not know whether it was sent with a card
        is_picture = notification.card is not None
        try:
            try:
                await self._change(notification, is_picture=is_picture)
            except BadRequest as error:
                if not is_other_kind(error):
                    raise
                await self._change(notification, is_picture=not is_picture)
        except BadRequest as error:
            if not is_unchanged(error):
                raise

    async def tell(self, notice: Notice) -> None:
        """Tell an admin."""
        await self._telegram.send_message(notice.chat, self._wording.notice(notice), rate_limit_args=ONCE)

    async def _tell_of_second_poller(self) -> None:
        await self._registry.alarm(kind=NoticeKind.SECOND_POLLER, subject=self.name, values={"bot": self.name})

    async def _change(self, notification: Notification, *, is_picture: bool) -> None:
        chat, message = notification.chat, notification.message
        text = self._wording.notification(notification)
        keyboard = notification_keyboard(notification, self._wording, at=time.time())
        if is_picture:
            await self._telegram.edit_message_caption(
                chat, message, caption=text, reply_markup=keyboard, rate_limit_args=ONCE
            )
        else:
            await self._telegram.edit_message_text(text, chat, message, reply_markup=keyboard, rate_limit_args=ONCE)

    async def _run(self, *, connected: bool) -> None:
        wait = _BACK_OFF_S[0]
        while not connected:
            await asyncio.sleep(wait)
            wait = min(2 * wait, _BACK_OFF_S[1])
            try:
                await self._connect()
                connected = True
            except RefusedByTelegram as error:
                self._poller.note(explain(error))
            except Exception:  # an answer that is no answer, for example: it is on record, and tried again
                _LOGGER.exception("Telegram could not be greeted, in an unexpected way")
        await self._poller.run()

    async def _connect(self) -> None:
        me = await self._telegram.get_me()
        self._usernames[self.name] = me.username or ""
        await self._application.initialize()
        # A webhook that someone has set would keep all updates from a bot that polls.
        await self._telegram.delete_webhook(drop_pending_updates=False)
        try:
            await set_commands(self._telegram, self._admins)
        except RefusedByTelegram as error:
            _LOGGER.warning("the menu of commands was not set: %s", explain(error))

    async def _close(self) -> None:
        await self._application.shutdown()
        # The application closes only what it has seen through the first hello.
        for one in self._requests:
            await one.shutdown()
        self._redaction.remove()
