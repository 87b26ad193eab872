"""A person and the bot's handlers: real updates in, the calls to Telegram out, no network in between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr
from support.chats import ANNA, BORIS, CAROL, assistant, store
from support.recorder import ME, Recorder
from support.registry import ShopRegistry
from telegram import Update
from telegram.ext import Application, ApplicationBuilder, Defaults, ExtBot

from bot.handlers import Handlers
from domain.settings import Camera, Settings

ADMIN, DINA = 2001, 1004


class Chat:
    def __init__(self, application: Application, recorder: Recorder, registry: ShopRegistry) -> None:
        self.application = application
        self.telegram = recorder
        self.registry = registry
        self._update = 0

    def user(self, person: int, language: str | None = "ru") -> dict:
        known = {"id": person, "is_bot": False, "first_name": "Имя <b>", "last_name": "Фамилия"}
        return (
            known
            | ({"language_code": language} if language else {})
            | ({"username": "boris"} if person == BORIS else {})
        )

    async def write(
        self, person: int, text: str | None, *, language: str | None = "ru", update: int | None = None, **fields: object
    ) -> str:
        """The person's update; returns what the bot said, or an empty text."""
        message = {
            "message_id": 5,
            "date": 0,
            "chat": {"id": person, "type": "private"},
            "from": self.user(person, language),
            "text": text,
        }
        if text and text.startswith("/"):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split()[0])}]
        return await self._handle({"message": message | fields}, update)

    async def press(
        self, person: int, data: str | None, *, language: str | None = "ru", message: dict | None = None
    ) -> str:
        """The person presses a button; returns what popped up."""
        old = {"message_id": 5, "date": 1, "chat": {"id": person, "type": "private"}, "from": ME, "text": "x"}
        query = {
            "id": "q",
            "from": self.user(person, language),
            "chat_instance": "1",
            "data": data,
            "message": message or old,
        }
        before = len(self.telegram.toasts())
        await self._handle({"callback_query": query}, None)
        new = self.telegram.toasts()[before:]
        assert len(new) == 1, "each press is answered once"
        return new[0]

    async def is_silent(self, person: int, text: str) -> bool:
        """Neither an answer nor a question to the registry."""
        before = sum(self.registry.calls.values()), len(self.telegram.calls)
        await self.write(person, text)
        return before == (sum(self.registry.calls.values()), len(self.telegram.calls))

    async def _handle(self, content: dict, update: int | None) -> str:
        self._update += 1
        before = len(self.telegram.said())
        number = self._update if update is None else update
        given = Update.de_json({"update_id": number} | content, self.application.bot)
        await self.application.process_update(given)
        return "".join(self.telegram.said()[before:])


STAFF = [
    assistant(1, ANNA, name="Анна"),
    assistant(2, None, username="boris", name="Борис <3 & co"),
    assistant(3, CAROL, name="Carol"),
]
SHOP = store(
    department_names={"Toys": {"ru": "Игрушки"}},
    cameras=[Camera(id="door", role="entrance", source=SecretStr("0"))],
)
#: A second store, whose assistants talk to another bot.
OTHER = store(id="spb-2", name="Амико, Садовая", bot="second")
NAMES = {"main": "amiko_bot", "second": "amiko_second_bot"}


@asynccontextmanager
async def talking(settings: Settings) -> AsyncIterator[Chat]:
    staff = [*STAFF, *([assistant(4, DINA, name="Дина", store="spb-2")] if len(settings.stores) > 1 else [])]
    recorder, registry = Recorder(), ShopRegistry(settings, staff)
    telegram = ExtBot("1:a", request=recorder, get_updates_request=recorder, defaults=Defaults(parse_mode="HTML"))
    application = ApplicationBuilder().bot(telegram).updater(None).job_queue(None).build()
    handlers = Handlers(registry, settings, bot="main", usernames=NAMES)
    application.add_handlers(handlers.all())
    application.add_error_handler(handlers.failed)
    async with application:
        yield Chat(application, recorder, registry)
