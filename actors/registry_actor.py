"""The assistant registry as an actor: on the head's database, measured, and heard by cameras and bots with a lease."""

import asyncio
import logging
from dataclasses import replace

from actors.about import About, about
from actors.clients import current_plan
from actors.clock import steady
from actors.metrics import RegistryMetrics
from actors.registry import AssistantRegistry
from actors.upkeep import Upkeep
from domain.places import DATABASE
from domain.records import Notification, Visit
from storage import assistants, leases, notifications, tally
from storage.database import Database

_LOGGER = logging.getLogger(__name__)

#: Seconds between two looks at the database for the metrics.
PUBLISH_S = 10.0
#: Seconds between two looks whether the clock was set.
CLOCK_S = 1.0


class RegistryActor(AssistantRegistry):
    """Reads the plan, watches the clock, publishes the metrics, and gives out the leases."""

    async def __init__(self) -> None:  # type: ignore[misc]  # Ray awaits it
        plan = await current_plan()
        self._recipe = plan.head_digest
        super().__init__(plan.settings, await Database.connect(plan.home / DATABASE), steady=steady)
        async with self._database.transaction() as connection:
            await tally.begin(connection)
        await self.after_start()
        self._metrics = RegistryMetrics(self._stores)
        self._publishing = asyncio.create_task(self._publish())
        self._watching = asyncio.create_task(self._watch_clock())
        self._upkeep = asyncio.create_task(Upkeep(plan.settings, self._database, self).run())

    def _sent(self, notification: Notification) -> None:
        now = self._clock()
        self._metrics.took(notification.store, "delivered", now - notification.created_at)
        self._metrics.took(notification.store, "message", now - notification.came_at)
        told = {"store": notification.store, "camera": notification.camera, "visit": notification.visit}
        _LOGGER.info("a notification was sent", extra={**told, "notification": notification.id})

    async def _publish(self) -> None:
        while True:
            try:
                async with self._database.transaction() as connection:
                    oldest = await notifications.oldest_queued(connection)
                    staff = await assistants.counts(connection)
                    happened = await tally.take(connection)
                age_s = self._clock() - oldest if oldest is not None else 0.0
                self._metrics.publish(staff, happened, outbox_age_s=age_s)
            except Exception:  # what can't be measured now is measured in a moment
                _LOGGER.exception("the metrics could not be published")
            await asyncio.sleep(PUBLISH_S)

    async def _watch_clock(self) -> None:
        """Where nobody calls, what waits to be sent would be given up by a clock that was set."""
        while True:
            try:
                await self._now()
            except Exception:  # a full disk, say: what can't be moved now has its time as it stands
                _LOGGER.exception("the clock's step could not be followed")
            await asyncio.sleep(CLOCK_S)

    async def announce_leased(self, visit: Visit, *, lease: str, token: int, age_s: float) -> None:
        """As `announce`, for the camera's copy that has the lease. Raises LeaseLostError for any other."""
        # by the head's clock from here on: the node's may be another
        await self.announce(replace(visit, at=self._clock() - age_s), age_s=age_s, lease=(lease, token))
        self._metrics.took(visit.store, "heard", age_s)

    async def take_lease(self, name: str, holder: str, lasts_s: float | None, gone: str | None) -> int:
        """See `storage.leases.take`."""
        now = await self._now()
        async with self._database.transaction() as connection:
            return await leases.take(connection, name, holder=holder, now=now, lasts_s=lasts_s, gone=gone)

    async def renew_lease(self, name: str, token: int, lasts_s: float) -> None:
        """Raises LeaseLostError."""
        now = await self._now()
        async with self._database.transaction() as connection:
            await leases.renew(connection, name, token, now=now, lasts_s=lasts_s)

    async def release_lease(self, name: str, token: int) -> None:
        async with self._database.transaction() as connection:
            await leases.release(connection, name, token, now=self._clock())

    async def about(self) -> About:
        """Where it runs and what it was made with."""
        return about(self._recipe)
