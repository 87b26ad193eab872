"""The dispatcher: the one process that talks to Telegram. It hears the assistants and sends what the outbox holds.

Both in one process, since Telegram limits the bot as a whole: answers to buttons and notifications share its pace.
"""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable
from functools import partial

from actors.about import About, about
from actors.clients import RegistryClient, TrainerClient, current_plan
from actors.leases import Lease
from actors.metrics import DispatcherMetrics
from actors.status import BotStatus, DispatcherStatus
from bot.application import Bot
from bot.delivery import Delivery
from bot.registry import Registry, Reports
from domain.errors import TelegramError
from domain.names import BOT_LEASE
from domain.settings import Settings

_LOGGER = logging.getLogger(__name__)


#: Seconds between two looks at the status for the metrics.
PUBLISH_S = 5.0
#: Seconds until a token that was refused is tried again.
REFUSED_S = 30.0


class Dispatcher:
    """Plain and without Ray; one thin line makes an actor of it. It keeps nothing that a kill could lose."""

    def __init__(self, settings: Settings, registry: Registry, reports: Reports | None = None) -> None:
        usernames: dict[str, str] = {}
        self._lines = {
            name: _Line(partial(Bot, settings, registry, reports, name=name, usernames=usernames), registry)
            for name in settings.telegram.tokens
        }

    def start(self) -> None:
        """Begin to poll and to deliver, within the running event loop, however long Telegram is out of reach."""
        for line in self._lines.values():
            line.start()

    async def stop(self) -> None:
        """Finish what is under way, and tell Telegram which updates were handled."""
        await asyncio.gather(*(line.stop() for line in self._lines.values()))

    @property
    def errors(self) -> Counter[str]:
        """Telegram's errors since the start, by kind."""
        return sum((line.errors for line in self._lines.values()), Counter())

    async def status(self) -> DispatcherStatus:
        bots = {name: line.status() for name, line in self._lines.items()}
        silences = [one["answered_s_ago"] for one in bots.values()]
        known = [silence for silence in silences if silence is not None]
        problems = [(name, one["problem"]) for name, one in bots.items() if one["problem"] is not None]
        told = DispatcherStatus(
            healthy=all(one["healthy"] for one in bots.values()),
            answered_s_ago=max(known) if len(known) == len(silences) else None,
            problem=problems[0][1] if problems else None,
        )
        if len(bots) > 1:
            told["bots"] = bots
            told["problem"] = f"bot {problems[0][0]}: {problems[0][1]}" if problems else None
        return told


class _Line:
    """One bot and what it delivers: a token that is refused stops no other."""

    def __init__(self, bot: Callable[[], Bot], registry: Registry) -> None:
        self._make = bot
        self._registry = registry
        self._bot: Bot | None = None
        self._delivery: Delivery | None = None
        self._refused: str | None = None
        self._starting: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._starting = asyncio.create_task(self._start(), name="starting")

    async def stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._delivery is not None:
            await self._delivery.stop()
        if self._bot is not None:
            await self._bot.stop()

    @property
    def errors(self) -> Counter[str]:
        return self._bot.errors if self._bot is not None else Counter()

    def status(self) -> BotStatus:
        if self._bot is None or self._delivery is None:
            return BotStatus(healthy=False, answered_s_ago=None, problem=self._refused)
        health = self._bot.health
        return BotStatus(
            healthy=health.ok and self._delivery.healthy,
            answered_s_ago=health.answered_s_ago,
            problem=health.problem,
        )

    async def _start(self) -> None:
        """A refused token is told by the status, and asked about again: what refused may have been a proxy."""
        while True:
            try:
                # one that was refused can't be started again
                bot = self._make()
                await bot.start()
            except TelegramError as error:
                if self._refused is None:
                    _LOGGER.error("%s", error)  # noqa: TRY400 - the text says it all
                self._refused = str(error)
                await asyncio.sleep(REFUSED_S)
            else:
                self._refused = None
                self._bot, self._delivery = bot, Delivery(bot, self._registry)
                self._delivery.start()
                return


class DispatcherActor(Dispatcher):
    """The dispatcher as an actor; it polls and sends while it has the bot's lease, and ends where it has lost it."""

    async def __init__(self) -> None:  # type: ignore[misc]  # Ray awaits it
        plan = await current_plan()
        self._recipe = plan.head_digest
        super().__init__(plan.settings, RegistryClient(), TrainerClient())
        self._lease = Lease(RegistryClient(), BOT_LEASE)
        self._holding = asyncio.create_task(self._hold())
        self._metrics = DispatcherMetrics()
        self._publishing = asyncio.create_task(self._publish())

    async def about(self) -> About:
        """Where it runs and what it was made with."""
        return about(self._recipe)

    async def stop(self) -> None:
        self._holding.cancel()
        await asyncio.gather(self._holding, return_exceptions=True)
        await super().stop()
        await self._lease.release()

    async def _publish(self) -> None:
        while True:
            status = await self.status()
            self._metrics.publish(
                healthy=status["healthy"], answered_s_ago=status["answered_s_ago"], errors=self.errors
            )
            await asyncio.sleep(PUBLISH_S)

    async def _hold(self) -> None:
        await self._lease.taken()
        self.start()
        await self._lease.lost()
        await super().stop()
        # Ray starts it again, if it is the copy that Ray knows of; that one waits for its turn
        os._exit(1)
