"""What has to be looked after whether somebody comes in or not: room on the disk, and what is too old to be kept."""

import asyncio
import logging
import os
import time
from collections.abc import Callable

from actors.alarms import Alarms
from actors.clock import Steps, steady
from domain.days import day_of, days_before
from domain.places import JOURNAL
from domain.records import NoticeKind
from domain.settings import TIMEZONE, Settings
from storage import journal, notices, room, samples, visits
from storage.database import KEEP_COPY_S, Database, drop_copies

_LOGGER = logging.getLogger(__name__)

#: Seconds between two looks at the disk, and at what is too old.
LOOK_S = 10.0
FORGET_S = 3600.0
_DAY_S = 24 * 3600.0
#: Seconds without a record after which a clock is not believed at once: it may have been set far ahead, and all that
#: there is would be too old. It is believed when it has gone on for a day.
_GAP_S, _SURE_S = 2 * _DAY_S, _DAY_S


class Upkeep:
    """Of the head's database. Plain and without Ray; runs within the registry's process."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        alarms: Alarms,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady,
    ) -> None:
        self._zones = {store.id: store.timezone for store in settings.stores}
        self._keep_days = settings.training.keep_samples_days
        self._database = database
        self._alarms = alarms
        self._clock = clock
        self._steady = steady
        self._steps = Steps(clock, steady)
        #: Since when the clock has gone on without being set, by the one that nobody sets.
        self._going_since = steady()
        #: Whether the disk was full when it was looked at last; None before that.
        self._full: bool | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        next_forgetting = time.monotonic()
        while True:
            try:
                await self.see_disk()
                if time.monotonic() >= next_forgetting:
                    await self.forget_old()
                    next_forgetting = time.monotonic() + FORGET_S
            except Exception:  # whatever it is, the next look may be better
                _LOGGER.exception("the upkeep broke off; it begins again")
            await asyncio.sleep(LOOK_S)

    async def see_disk(self) -> None:
        """Keep the reserve ready while there is room; tell of a disk that is full, and of one that no longer is."""
        full = await asyncio.to_thread(room.is_full, self._database.path.parent)
        if full or not await room.reserve(self._database):
            full = True
            await room.use_again(self._database)
        if full == self._full:
            return
        if self._full is None and not full:
            async with self._database.transaction() as connection:
                told = await notices.is_told(connection, NoticeKind.DISK_FULL)
        else:
            told = True
        if told:
            _LOGGER.log(
                logging.ERROR if full else logging.WARNING,
                "the disk of %s %s",
                self._database.path.parent,
                "is full: make room" if full else "has room again",
            )
            kind = NoticeKind.DISK_FULL if full else NoticeKind.DISK_ROOM
            await self._alarms.alarm(kind=kind, subject="disk", values={"name": os.uname().nodename})
        self._full = full

    async def forget_old(self) -> None:
        """Delete what is older than `keep_samples_days`, wherever it is; nothing of it stays in the log either."""
        clock, path = self._clock(), self._database.path
        now = await self._believed(clock)
        keep_s = self._keep_days * _DAY_S
        async with self._database.transaction() as connection:
            await visits.forget_before(connection, now - keep_s)
        # of stores that are closed, too
        for store in await samples.stores(self._database):
            oldest = days_before(day_of(now, self._zones.get(store, TIMEZONE)), self._keep_days)
            if count := await samples.forget_before(self._database, store, oldest):
                _LOGGER.info("old samples deleted", extra={"store": store, "count": count})
        await asyncio.to_thread(journal.forget_before, path.with_name(JOURNAL), now - keep_s)
        if now == clock:
            await asyncio.to_thread(drop_copies, path, keep_s=min(KEEP_COPY_S, keep_s))
        if not self._full:
            # else its length is what visits are still written into
            await asyncio.to_thread(room.empty_log, path)
            await room.reserve(self._database)

    async def _believed(self, now: float) -> float:
        """The moment from which days are counted back: `now`, which the clock says, or the last that is on record."""
        if abs(self._steps.step()) >= _DAY_S:
            self._going_since = self._steady()
        if self._steady() - self._going_since >= _SURE_S:
            return now
        # what this clock itself has dated since it was set says nothing
        seen = await visits.last_before(self._database, now - _SURE_S)
        if seen is None or now - seen <= _SURE_S + _GAP_S:
            return now
        _LOGGER.warning(
            "nothing on record for %.0f days, or a wrong clock: what is old is kept until it has gone on for a day",
            (now - seen) / _DAY_S,
        )
        return seen
