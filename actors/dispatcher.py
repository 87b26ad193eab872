"""The dispatcher: the one process that talks to Telegram. It hears the assistants and sends what the outbox holds.

Both in one process, since Telegram limits the bot as a whole: answers to buttons and notifications share its pace.
"""

import asyncio
import logging
from typing import TypedDict

from actors.clients import RegistryClient
from actors.plan import Plan
from bot.application import Bot
from bot.delivery import Delivery
from bot.registry import Registry
from domain.errors import TelegramError
from domain.settings import Telegram

_LOGGER = logging.getLogger(__name__)


class DispatcherStatus(TypedDict):
    """The bot's part of `amiko status`."""

    healthy: bool
    #: Seconds since Telegram last answered a poll; None if it never did.
    answered_s_ago: float | None
    problem: str | None


class Dispatcher:
    """Plain and without Ray; one thin line makes an actor of it. It keeps nothing that a kill could lose."""

    def __init__(self, settings: Telegram, registry: Registry) -> None:
        self._bot = Bot(settings, registry)
        self._delivery = Delivery(self._bot, registry)
        self._refused: str | None = None

    async def start(self) -> None:
        """Begin to poll and to deliver. A wrong token is told by the status: nobody is there to be raised at."""
        try:
            await self._bot.start()
        except TelegramError as error:
            _LOGGER.error("%s", error)  # noqa: TRY400 - the text says it all
            self._refused = str(error)
            return
        self._delivery.start()

    async def stop(self) -> None:
        """Finish what is under way, and tell Telegram which updates were handled."""
        await self._delivery.stop()
        await self._bot.stop()

    async def status(self) -> DispatcherStatus:
        health = self._bot.health
        return DispatcherStatus(
            healthy=self._refused is None and health.ok and self._delivery.healthy,
            answered_s_ago=health.answered_s_ago,
            problem=self._refused or health.problem,
        )


class DispatcherActor(Dispatcher):
    """The dispatcher as an actor."""

    async def __init__(self, plan: Plan) -> None:  # type: ignore[misc]  # Ray awaits it
        super().__init__(plan.settings.telegram, RegistryClient())
        # beside: Telegram may be out of reach for long, and calls are answered meanwhile
        self._starting = asyncio.create_task(self.start())
