"""From a camera to the registry: leased, so that of two copies one is heard, and across a link that may be cut."""

import asyncio
import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import psutil
from ray.exceptions import RayError, RayTaskError

from actors.clients import ActorMissingError
from actors.clock import steady
from domain.errors import InputError, LeaseLostError
from domain.names import camera_actor
from domain.records import Visit
from storage.journal import Journal

_LOGGER = logging.getLogger(__name__)

#: Seconds that one try may take: over a link that is cut, a call does not fail, it hangs.
TRY_S = 10.0
#: Seconds between two tries.
AGAIN_S = 1.0


class Headquarters(Protocol):
    """What an announcer needs of the registry."""

    async def take_lease(self, name: str, holder: str) -> int: ...

    async def announce_leased(self, visit: Visit, *, lease: str, token: int, age_s: float) -> None: ...


def this_process() -> str:
    """Names a process for good: on one node, process numbers are given again."""
    return f"{os.uname().nodename}/{os.getpid()}/{psutil.Process().create_time():.2f}"


class LeasedAnnouncer:
    """Of one camera. Each visit is told in order, until it was heard or another copy of the camera has the lease."""

    def __init__(
        self,
        headquarters: Headquarters,
        *,
        store: str,
        camera: str,
        journal: Path,
        lost: Callable[[], None],
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady,
    ) -> None:
        """`journal`: where visits are kept until they were heard.

        `lost`: what to do where another copy of this camera is at work.
        """
        self._headquarters = headquarters
        self._name = camera_actor(store, camera)
        self._journal = Journal(journal, store=store, camera=camera)
        self._lost = lost
        self._clock = clock
        self._steady = steady
        self._token: int | None = None
        #: Visits with their cards, which are in no journal.
        self._waiting: dict[str, Visit] = {}
        #: Those that are just being written to the journal, which has no cards.
        self._coming: set[str] = set()
        #: When each of them came in, by the clock that nobody sets.
        self._came: dict[str, float] = {}
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Take the lease and begin to tell, what an earlier process has left first."""
        self._task = asyncio.create_task(self._tell(), name=f"telling of {self._name}")

    async def stop(self) -> None:
        """What was not heard yet stays in the journal."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def announce(self, visit: Visit) -> None:
        """Return once it is in the journal: from then on a kill does not lose it."""
        told = {"store": visit.store, "camera": visit.camera, "visit": visit.id}
        self._coming.add(visit.id)
        try:
            await asyncio.to_thread(self._journal.add, visit)
        except (OSError, sqlite3.Error) as error:
            # a full disk, say: it is told all the same, from memory
            _LOGGER.error("a visitor could not be written to the journal: %s", error, extra=told)  # noqa: TRY400 - the text says it all
        else:
            _LOGGER.info("a visitor came in", extra=told)
        finally:
            self._coming.discard(visit.id)
        self._keep(visit)
        self._news.set()

    @property
    def waiting(self) -> int:
        """Visits of this process that were not heard yet."""
        return len(self._waiting)

    async def _tell(self) -> None:
        looked = told = False
        while True:
            self._news.clear()
            try:
                if not looked:
                    await self._look()
                    looked = True
                await self._tell_all()
            except Exception:  # whatever it is: who tells no more loses every visitor from then on
                _LOGGER.exception("%s: telling broke off; it begins again", self._name)
                await asyncio.sleep(AGAIN_S)
                continue
            if not self._waiting:
                told = False
                await self._news.wait()
                continue
            if not told:
                _LOGGER.warning("%s: not everything was heard; %d visits are kept", self._name, len(self._waiting))
                told = True
            await asyncio.sleep(AGAIN_S)

    def _keep(self, visit: Visit) -> None:
        self._waiting[visit.id] = visit
        self._came.setdefault(visit.id, self._steady() - max(0.0, self._clock() - visit.at))

    async def _look(self) -> None:
        """What an earlier process has not told comes first."""
        left = await asyncio.to_thread(self._journal.pending)
        new, self._waiting = self._waiting, {}
        # those of this process are in the journal as well, and have their cards here
        for visit in (*left, *new.values()):
            if visit.id not in self._coming:
                self._keep(visit)

    async def _tell_all(self) -> None:
        for visit in list(self._waiting.values()):
            try:
                await self._try(visit)
            except LeaseLostError as error:
                _LOGGER.error("%s; it ends", error.args[0])  # noqa: TRY400 - the text says it all
                self._lost()
                return
            except InputError as error:
                # its store was taken out of the settings: nobody will ever want to know
                _LOGGER.warning("%s", error.args[0])
            except RayTaskError:
                # heard, and not understood: tried again, and no other visit waits for it
                _LOGGER.exception("%s: visit %s was not taken", self._name, visit.id)
                continue
            except (RayError, ActorMissingError, TimeoutError) as error:
                _LOGGER.info("%s: out of reach: %s", self._name, type(error).__name__)
                return
            await self._forget(visit)

    async def _forget(self, visit: Visit) -> None:
        try:
            await asyncio.to_thread(self._journal.remove, visit.id)
        except (OSError, sqlite3.Error) as error:
            # told again after the next start, which is nothing the second time
            _LOGGER.error("a visitor could not be taken out of the journal: %s", error)  # noqa: TRY400 - the text says it all
        self._waiting.pop(visit.id, None)
        self._came.pop(visit.id, None)

    async def _try(self, visit: Visit) -> None:
        async with asyncio.timeout(TRY_S):
            if self._token is None:
                self._token = await self._headquarters.take_lease(self._name, this_process())
            await self._headquarters.announce_leased(
                visit, lease=self._name, token=self._token, age_s=self._steady() - self._came[visit.id]
            )
