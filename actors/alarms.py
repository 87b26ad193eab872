"""What admins have to be told of, among it which cameras are out of reach: looked at from time to time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Protocol

from actors.status import CameraStatus
from domain.records import NoticeKind

_LOGGER = logging.getLogger(__name__)

#: Seconds between two looks. A camera that is out of reach in two of them running is lost: a killed process is back
#: before the second.
LOOK_S = 10.0
#: States in which a camera does what it should; `connecting` is neither: what was said last is still said.
_WELL = {"streaming", "ended"}


class Cameras(Protocol):
    """Who wants to know: the registry."""

    async def see_cameras(self, *, lost: Collection[tuple[str, str]]) -> None: ...


class Alarms(Protocol):
    """Who tells the admins: the registry."""

    async def alarm(self, *, kind: NoticeKind, subject: str, values: Mapping[str, str]) -> None:
        """At most once an hour about the same subject."""


class CameraWatch:
    """Plain and without Ray; runs within the actor that watches the others."""

    def __init__(self, look: Callable[[], Awaitable[Mapping[str, CameraStatus | None]]], registry: Cameras) -> None:
        """`look` tells each camera's state by `store/camera`; None for one that does not answer."""
        self._look = look
        self._registry = registry
        self._out: set[str] = set()
        self._lost: set[str] = set()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may be better
                _LOGGER.warning("the cameras could not be looked at: %s: %s", type(error).__name__, error)

    async def look(self) -> None:
        """Look once, and tell the registry: always all of it, so that one that was started again knows it too."""
        states = {name: status["state"] if status else "away" for name, status in (await self._look()).items()}
        out = {name for name, state in states.items() if state not in {*_WELL, "connecting"}}
        unsure = {name for name, state in states.items() if state == "connecting"}
        self._lost = (out & self._out) | (self._lost & (unsure | out))
        self._out = out
        await self._registry.see_cameras(lost=[_split(name) for name in sorted(self._lost)])


def _split(name: str) -> tuple[str, str]:
    store, _, camera = name.partition("/")
    return store, camera
