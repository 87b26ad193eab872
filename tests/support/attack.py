"""Two stores with one bot, people who may something and people who may nothing, and whatever a client can send.

For what strangers and assistants of another store must not do, see `tests/unit/test_bot_rights.py` and `tests/fuzz/`.
"""

import asyncio
import functools
import shutil
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from support.chats import prediction
from support.recorder import Recorder
from telegram import Update
from telegram.ext import ApplicationBuilder, Defaults, ExtBot

from actors.registry import AssistantRegistry
from bot.handlers import Handlers
from bot.heard import readable
from domain.records import AssistantState, Visit
from domain.settings import Camera, Settings, Store, Telegram
from storage import assistants, notifications
from storage.database import Database

#: Of store a: Anna waits, Boris has never logged in. Of store b: Dina waits. Eve was on the list of a, and is not.
ANNA, DINA, EVE, ADMIN, STRANGER = 1001, 1004, 1005, 2001, 1009
#: What must never reach anybody but those of store b and the admin.
SECRETS = ("Садовая", "Дина", "Ковры", "вход-b")
TABLES = (
    "assistants", "visits", "notifications", "samples", "invites", "admins", "notices", "classifiers", "promotions",
    "trainings",
)  # fmt: skip


def stores() -> list[Store]:
    door = Camera(id="door", role="entrance", source=SecretStr("0"))
    back = Camera(id="door", name="вход-b", role="entrance", source=SecretStr("1"))
    return [
        Store(id="a", name="Невский", departments=["Toys", "Electronics"], cameras=[door]),
        Store(id="b", name="Садовая", departments=["Ковры", "Toys"], cameras=[back]),
    ]


def settings() -> Settings:
    return Settings(telegram=Telegram(token=SecretStr("1:a"), admins=[ADMIN]), stores=stores())


class Besieged:
    """The handlers of the bot on a real registry, asked directly."""

    def __init__(self, path: Path, registry: AssistantRegistry, database: Database, telegram: Recorder) -> None:
        self.path = path
        self.registry = registry
        self.database = database
        self.telegram = telegram
        #: What handlers have raised.
        self.errors: list[BaseException] = []
        self.spare_code = ""
        bot = ExtBot("1:a", request=telegram, get_updates_request=telegram, defaults=Defaults(parse_mode="HTML"))
        self._application = ApplicationBuilder().bot(bot).updater(None).job_queue(None).build()
        handlers = Handlers(registry, settings(), bot="main", usernames={"main": "amiko_bot"})
        self._refusals = handlers._desk._refusals
        self._application.add_handlers(handlers.all())
        self._application.add_error_handler(self._failed)

    async def hears(self, update: object) -> bool:
        """As the poller hands it on, as if its person had been silent before; False where it is passed over."""
        self._refusals._seen.clear()
        read = readable(update)
        if read is None:
            return False
        await self._application.process_update(Update.de_json(read, self._application.bot))
        return True

    async def presses(self, person: int, data: str) -> list[str]:
        """What popped up."""
        before = len(self.telegram.toasts())
        await self.hears(press(person, data))
        return self.telegram.toasts()[before:]

    async def writes(self, person: int, text: str) -> list[str]:
        """What the bot answered."""
        before = len(self.telegram.said())
        await self.hears(message(person, text))
        return self.telegram.said()[before:]

    async def _failed(self, _: object, context: Any) -> None:
        self.errors.append(context.error)

    async def initialize(self) -> None:
        await self._application.initialize()

    async def shutdown(self) -> None:
        await self._application.shutdown()


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that stands in the database."""
    with closing(sqlite3.connect(path)) as connection:
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall() for name in TABLES}


@contextmanager
def watched(path: Path) -> Iterator[Any]:
    """A number that changes with each change of the database by anybody."""
    with closing(sqlite3.connect(path)) as connection:
        yield lambda: connection.execute("PRAGMA data_version").fetchone()[0]


@functools.cache
def _template() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="amiko-besieged-")

    async def fill() -> None:
        path = Path(folder.name) / "amiko.db"
        async with Database.open(path) as database:
            registry = AssistantRegistry(settings(), database)
            async with database.transaction() as connection:
                now = time.time()
                for store, name, username, person in (
                    ("a", "Анна", None, ANNA),
                    ("a", "Борис", "boris", None),
                    ("b", "Дина", None, DINA),
                    ("a", "Ева", None, EVE),
                ):
                    one = await assistants.add(
                        connection, store=store, name=name, username=username, telegram_id=person, now=now
                    )
                    await assistants.set_state(connection, one.id, AssistantState.WAITING, now=now)
            for count in range(3):
                for store in ("a", "b"):
                    await registry.announce(
                        Visit(id=f"{store}{count}", store=store, camera="door", at=now, prediction=prediction())
                    )
            async with database.transaction() as connection:
                # one of each store is taken, and can be answered
                held = {store.id: store for store in stores()}
                numbers = [
                    row[0] for row in await connection.execute_fetchall("SELECT id FROM notifications ORDER BY id")
                ]
                told = [await notifications.by_id(connection, number, held) for number in numbers]
            for person in (ANNA, DINA):
                first = next(one for one in told if one is not None and one.chat == person)
                await registry.take(notification=first.id, telegram_id=person)
            # a code that somebody used who was taken off the list since
            used = await registry.invite(admin=ADMIN, store="a")
            eve = next(one for one in await registry.assistants() if one.telegram_id == EVE)
            await registry.remove(assistant=eve.id)
            async with database.transaction() as connection:
                await connection.execute("UPDATE invites SET used_by = ?", (EVE,))
            Path(folder.name, "used").write_text(used.code)

    # a loop of its own: the first test's is at work
    import threading

    thread = threading.Thread(target=lambda: asyncio.run(fill()))
    thread.start()
    thread.join()
    return folder


def used_code() -> str:
    """Eve's, who was taken off the list."""
    return Path(_template().name, "used").read_text()


@asynccontextmanager
async def besieged() -> AsyncIterator[Besieged]:
    """A shop as it is at the beginning of each attack."""
    with tempfile.TemporaryDirectory(prefix="amiko-attack-") as folder:
        path = Path(folder) / "amiko.db"
        shutil.copy(Path(_template().name) / "amiko.db", path)
        async with Database.open(path) as database:
            # copied or not, a visitor's minute begins now
            async with database.transaction() as connection:
                until = time.time() + 60
                await connection.execute("UPDATE notifications SET expires_at = ?", (until,))
                await connection.execute("UPDATE visits SET open_until = ? WHERE open_until IS NOT NULL", (until,))
            made = Besieged(path, AssistantRegistry(settings(), database), database, Recorder())
            await made.initialize()
            try:
                yield made
            finally:
                await made.shutdown()


def user(person: int) -> dict[str, object]:
    return {"id": person, "is_bot": False, "first_name": "Имя <b>", "language_code": "ru"}


def message(person: int, text: str, *, update: int = 1) -> dict[str, object]:
    content = {
        "message_id": 5,
        "date": 1,
        "chat": {"id": person, "type": "private"},
        "from": user(person),
        "text": text,
    }
    if text.startswith("/"):
        content["entities"] = [{"type": "bot_command", "offset": 0, "length": len(text.split(maxsplit=1)[0])}]
    return {"update_id": update, "message": content}


def press(person: int, data: str, *, update: int = 1) -> dict[str, object]:
    below = {"message_id": 5, "date": 1, "chat": {"id": person, "type": "private"}, "from": user(1), "text": "x"}
    query = {"id": "q", "from": user(person), "chat_instance": "1", "data": data, "message": below}
    return {"update_id": update, "callback_query": query}
