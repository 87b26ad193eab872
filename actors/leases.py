"""The bot's lease: who polls Telegram and sends. Two at once would both answer, and tell everything twice."""

import asyncio
import logging
import os
import time
from typing import Protocol

import psutil
from ray.exceptions import RayError

from actors.announcing import this_process
from actors.clients import ActorMissingError
from domain.errors import LeaseHeldError, LeaseLostError

_LOGGER = logging.getLogger(__name__)

#: Seconds that a lease counts without being renewed; another who wants it waits as long.
LASTS_S = 20.0
#: Seconds between two renewals.
RENEW_S = 5.0
#: Seconds after the last renewal that was heard until the holder gives up: earlier than any other may begin.
GIVE_UP_S = 14.0


class Office(Protocol):
    """What a holder needs of the registry."""

    async def take_lease(self, name: str, holder: str, *, lasts_s: float | None, gone: str | None) -> int: ...

    async def renew_lease(self, name: str, token: int, *, lasts_s: float) -> None: ...

    async def release_lease(self, name: str, token: int) -> None: ...


class Lease:
    """One name's. `taken`, then `lost`; each is waited for."""

    def __init__(self, office: Office, name: str, *, renew_s: float = RENEW_S, give_up_s: float = GIVE_UP_S) -> None:
        self._office = office
        self._name = name
        self._renew_s = renew_s
        self._give_up_s = give_up_s
        self._token: int | None = None
        self._asked = 0.0

    async def taken(self) -> None:
        """Wait until it is this process' own. A holder on this node that is no more is not waited for."""
        gone: str | None = None
        told = False
        while True:
            self._asked = time.monotonic()
            try:
                self._token = await self._office.take_lease(self._name, this_process(), lasts_s=LASTS_S, gone=gone)
            except LeaseHeldError as error:
                if is_gone(error.holder) and gone != error.holder:
                    gone = error.holder
                    continue
                if not told:
                    _LOGGER.warning("%s; waiting until it is over", error.args[0])
                    told = True
            except (RayError, ActorMissingError, TimeoutError) as error:
                _LOGGER.warning("%s: no lease: %s", self._name, type(error).__name__)
            else:
                return
            await asyncio.sleep(1)

    async def lost(self) -> None:
        """Renew it; return once another has it, or may have it for all that this process knows."""
        assert self._token is not None
        until = self._asked + self._give_up_s
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(self._renew_s, left))
            asked = time.monotonic()
            try:
                async with asyncio.timeout(min(self._renew_s, until - asked)):
                    await self._office.renew_lease(self._name, self._token, lasts_s=LASTS_S)
                until = asked + self._give_up_s
            except LeaseLostError as error:
                _LOGGER.error("%s", error.args[0])  # noqa: TRY400 - the text says it all
                return
            except (RayError, ActorMissingError, TimeoutError) as error:
                _LOGGER.warning("%s: the lease could not be renewed: %s", self._name, type(error).__name__)
        _LOGGER.error("%s: the registry was out of reach for too long; the lease is given up", self._name)

    async def release(self) -> None:
        """Whoever comes next need not wait."""
        if self._token is not None:
            await self._office.release_lease(self._name, self._token)
            self._token = None


def is_gone(holder: str) -> bool:
    """Whether that process was one of this node's and is no more."""
    node, pid, began = holder.split("/")
    if node != os.uname().nodename:
        return False
    try:
        return abs(psutil.Process(int(pid)).create_time() - float(began)) > 1
    except psutil.NoSuchProcess:
        return True
