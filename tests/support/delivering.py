"""Delivery between the real registry and a bot that does as told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from support.chats import ANNA, BORIS, CAROL, assistant, settings_of, until
from support.registry import ShopRegistry
from telegram.error import (
    NetworkError,
    TelegramError,
)

from bot.delivery import Delivery
from bot.pacing import Urgency
from domain.records import Notice, Notification, NotificationState


def after(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


LOST = after(NetworkError("httpx.ReadError: "), httpx.ReadError(""))


class PlayedBot:
    """Fails as told, by chat; notes what was sent."""

    name = "main"

    def __init__(self) -> None:
        self.errors: dict[int, list[Exception]] = {}
        self.sent: list[tuple[int, bool]] = []
        self.tries: list[int] = []
        self.times: dict[int, set[float]] = {}
        self.under_way = 0
        #: Chats whose sends hang until the event is set.
        self.stuck: dict[int, asyncio.Event] = {}
        self.silent: dict[int, float] = {}
        self.changed: list[tuple[int, int]] = []
        self.told: list[Notice] = []
        self.urgencies: list[Urgency] = []

    async def turn(self, chat: int, urgency: Urgency) -> None:
        self.urgencies.append(urgency)
        await asyncio.sleep(self.silent.pop(chat, 0.0))

    async def send(self, notification: Notification, *, at: float, card: bool) -> int:
        self.tries.append(notification.id)
        self.times.setdefault(notification.id, set()).add(at)
        await self._call(notification.chat)
        self.sent.append((notification.id, card))
        return 100 + notification.id

    async def change(self, notification: Notification) -> None:
        await self._call(notification.chat)
        self.changed.append((notification.id, notification.revision))

    async def tell(self, notice: Notice) -> None:
        await self._call(notice.chat)
        self.told.append(notice)

    async def _call(self, chat: int) -> None:
        if chat in self.stuck:
            self.under_way += 1
            await self.stuck[chat].wait()
            self.under_way -= 1
        if errors := self.errors.get(chat):
            raise errors.pop(0)


class Desk:
    def __init__(self) -> None:
        self.bot = PlayedBot()
        self.registry = ShopRegistry(
            settings_of(admins=(CAROL,)), [assistant(1, ANNA), assistant(2, BORIS), assistant(3, CAROL)]
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Delivery]:
        delivery = Delivery(self.bot, self.registry)
        delivery.start()
        try:
            yield delivery
        finally:
            await delivery.stop()

    def state(self, one: Notification) -> NotificationState:
        return self.registry.notifications[one.id].state

    async def becomes(self, one: Notification, state: NotificationState) -> None:
        await until(lambda: self.state(one) is state)
