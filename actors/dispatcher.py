"""The dispatcher: the one process that talks to Telegram. It hears the assistants and sends what the outbox holds.

Both in one process, since Telegram limits the bot as a whole: answers to buttons and notifications share its pace.
"""

import asyncio
import logging
import os
from typing import TypedDict

from actors.about import About, about, current_plan
from actors.clients import RegistryClient, TrainerClient
from actors.leases import Lease
from bot.application import Bot
from bot.delivery import Delivery
from bot.registry import Registry, Reports
from domain.errors import TelegramError
from domain.settings import Settings

_LOGGER = logging.getLogger(__name__)


#: Seconds until a token that was refused is tried again.
REFUSED_S = 30.0


class DispatcherStatus(TypedDict):
    """The bot's part of `amiko status`."""

    healthy: bool
    #: Seconds since Telegram last answered a poll; None if it never did.
    answered_s_ago: float | None
    problem: str | None


class Dispatcher:
    """Plain and without Ray; one thin line makes an actor of it. It keeps nothing that a kill could lose."""

    def __init__(self, settings: Settings, registry: Registry, reports: Reports | None = None) -> None:
        self._settings = settings
        self._registry = registry
        self._reports = reports
        self._bot = Bot(settings, registry, reports)
        self._delivery = Delivery(self._bot, registry)
        self._refused: str | None = None
        self._starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to poll and to deliver, within the running event loop, however long Telegram is out of reach."""
        self._starting = asyncio.create_task(self._start(), name="starting")

    async def stop(self) -> None:
        """Finish what is under way, and tell Telegram which updates were handled."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        await self._delivery.stop()
        await self._bot.stop()

    async def _start(self) -> None:
        """A refused token is told by the status, and asked about again: what refused may have been a proxy."""
        while True:
            try:
                await self._bot.start()
            except TelegramError as error:
                if self._refused is None:
                    _LOGGER.error("%s", error)  # noqa: TRY400 - the text says it all
                self._refused = str(error)
                await asyncio.sleep(REFUSED_S)
                # one that was refused can't be started again
                self._bot = Bot(self._settings, self._registry, self._reports)
                self._delivery = Delivery(self._bot, self._registry)
            else:
                self._refused = None
                self._delivery.start()
                return

    async def status(self) -> DispatcherStatus:
        health = self._bot.health
        return DispatcherStatus(
            healthy=self._refused is None and health.ok and self._delivery.healthy,
            answered_s_ago=health.answered_s_ago,
            problem=self._refused or health.problem,
        )


class DispatcherActor(Dispatcher):
    """The dispatcher as an actor; it polls and sends while it has the bot's lease, and ends where it has lost it."""

    async def __init__(self) -> None:  # type: ignore[misc]  # Ray awaits it
        plan = await current_plan()
        self._recipe = plan.head_digest
        super().__init__(plan.settings, RegistryClient(), TrainerClient())
        self._lease = Lease(RegistryClient(), "bot")
        self._holding = asyncio.create_task(self._hold())

    async def about(self) -> About:
        """Where it runs and what it was made with."""
        return about(self._recipe)

    async def stop(self) -> None:
        self._holding.cancel()
        await asyncio.gather(self._holding, return_exceptions=True)
        await super().stop()
        await self._lease.release()

    async def _hold(self) -> None:
        await self._lease.taken()
        self.start()
        await self._lease.lost()
        await super().stop()
        # Ray starts it again, if it is the copy that Ray knows of; that one waits for its turn
        os._exit(1)
