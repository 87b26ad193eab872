"""What the tests of the bot share: a shop's assistants, and a bot that talks with the sandbox."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from pydantic import SecretStr
from support.registry import ShopRegistry

from bot.application import Bot
from bot.delivery import Delivery
from bot.sandbox import Message, Person, Sandbox
from domain.records import Assistant, AssistantState, Notification, NotificationState, Prediction, Ranked
from domain.settings import Camera, Settings, Store, Telegram

TOKEN = "1234567890:AAF-secret_secret_secret_secret_secr"
DEPARTMENTS = ("Appliances", "Beauty Technique", "Electronics", "Large equipment", "Toys")

ANNA, BORIS, CAROL, STRANGER = 1001, 1002, 1003, 1009
PEOPLE = (
    Person(id=ANNA, name="Анна", username="anna"),
    Person(id=BORIS, name="Борис <3 & co", username="boris"),
    Person(id=CAROL, name="Carol", username="carol", language="en-GB"),
    Person(id=STRANGER, name="Чужой"),
)


def assistant(number: int, telegram_id: int | None, **fields: object) -> Assistant:
    known = {
        "id": number,
        "store": "spb-1",
        "name": f"№{number}",
        "username": None,
        "telegram_id": telegram_id,
        "language": "ru",
        "state": AssistantState.OFF,
        "since": 0.0,
    }
    return Assistant(**(known | fields))


def prediction(*ranking: tuple[str, float]) -> Prediction:
    given = ranking or (("Toys", 0.72), ("Electronics", 0.15), ("Beauty Technique", 0.08), ("Appliances", 0.05))
    return Prediction(
        ranking=tuple(Ranked(department=name, probability=probability) for name, probability in given),
        classifier=1,
    )


def notification(**fields: object) -> Notification:
    known = {
        "id": 7,
        "visit": "v",
        "number": 12,
        "store": "spb-1",
        "camera": "door",
        "came_at": 0.0,
        "bot": "main",
        "assistant": 1,
        "chat": ANNA,
        "language": "ru",
        "state": NotificationState.QUEUED,
        "prediction": prediction(),
        "departments": DEPARTMENTS,
        "created_at": 0.0,
        "expires_at": 60.0,
    }
    return Notification(**(known | fields))


def store(**fields: object) -> Store:
    known = {
        "id": "spb-1",
        "name": "Амико, Невский",
        "departments": list(DEPARTMENTS),
        "cameras": [Camera(id="door", role="entrance", source=SecretStr("0"))],
    }
    return Store(**(known | fields))


def settings_of(
    *stores: Store, token: str = TOKEN, api_url: str = "http://127.0.0.1:9", admins: tuple[int, ...] = ()
) -> Settings:
    telegram = Telegram(token=SecretStr(token), api_url=api_url, admins=list(admins))
    return Settings(telegram=telegram, stores=list(stores) or [store()])


def shop_registry() -> ShopRegistry:
    """Anna and Carol are known by their ids, Boris by his user name."""
    staff = [
        assistant(1, ANNA, name="Анна"),
        assistant(2, None, username="boris", name="Борис <3 & co"),
        assistant(3, CAROL, name="Carol"),
    ]
    return ShopRegistry(settings_of(), staff)


def card() -> bytes:
    """A small JPEG."""
    return cv2.imencode(".jpg", np.full((60, 40, 3), 180, np.uint8))[1].tobytes()


def settings(sandbox: Sandbox, token: str = TOKEN) -> Settings:
    return settings_of(token=token, api_url=sandbox.url)


@dataclass
class Shop:
    """A bot at work."""

    sandbox: Sandbox
    registry: ShopRegistry
    bot: Bot
    delivery: Delivery

    async def hears(self, person: int, wanted: str | Callable[[Message], bool], limit_s: float = 30) -> Message:
        """The newest message of the bot to that person that fits."""
        return await asyncio.to_thread(self.sandbox.wait_for, person, wanted, timeout_s=limit_s)

    async def says(self, person: int, text: str, answer: str) -> Message:
        """The person writes or presses; the bot's answer, which comes after it."""
        before = max((one.id for one in self.sandbox.messages(person)), default=0)
        self.sandbox.press(person, text)
        return await self.hears(person, lambda one: one.id > before and answer in one.text)

    async def log_in(self, *people: int) -> None:
        for person in people:
            await self.says(person, "/start", "")

    def from_bot(self, person: int) -> list[str]:
        return [one.text for one in self.sandbox.messages(person) if one.from_bot]


async def until(condition: Callable[[], object], limit_s: float = 30) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - anything can be waited for, not only events
            await asyncio.sleep(0.01)


@asynccontextmanager
async def shop(sandbox: Sandbox, registry: ShopRegistry | None = None) -> AsyncIterator[Shop]:
    """A bot and its delivery at work with that sandbox."""
    known = registry or shop_registry()
    bot = Bot(settings(sandbox), known)
    delivery = Delivery(bot, known)
    await bot.start()
    delivery.start()
    try:
        yield Shop(sandbox, known, bot, delivery)
    finally:
        await delivery.stop()
        await bot.stop()
