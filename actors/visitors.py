"""What becomes of the people whom a camera sees: visits are described and announced, samples are kept.

To the encoder goes one crop a person. All of it goes on beside the watching, which does not wait.
"""

import asyncio
import hashlib
import logging
from collections.abc import Coroutine, Iterable
from typing import Protocol

from actors.networks import Networks
from actors.stages import Trace
from domain.days import day_of
from domain.records import Embedding, Image, Origin, Prediction, Sample, Visit
from domain.settings import Camera, Store
from vision.cards import blurred_card, photo_card
from vision.watcher import Seen, SeenKind

_LOGGER = logging.getLogger(__name__)

#: Seconds until a visitor is announced without a department: late is worse than unknown.
DESCRIBE_PATIENCE_S = 4.0
#: Seconds that a sample waits for the encoder: nobody waits for a sample, and a replica that died is replaced in less.
SAMPLE_PATIENCE_S = 10.0


class Announcer(Protocol):
    """Where visits go: the assistant registry."""

    async def announce(self, visit: Visit) -> None: ...


class Collector(Protocol):
    """Where samples go: the trainer."""

    async def add_sample(self, sample: Sample) -> None: ...


class Visitors:
    """Of one camera."""

    def __init__(
        self,
        *,
        store: Store,
        camera: Camera,
        networks: Networks,
        announcer: Announcer,
        collector: Collector,
        run: str,
        live: bool,
    ) -> None:
        """`run`, `live`: a recording that is played again in the same run of the system makes the same visits."""
        self._store = store
        self._camera = camera
        self._networks = networks
        self._announcer = announcer
        self._collector = collector
        self._run = run
        self._live = live
        #: Those that were begun.
        self.visits = self.samples = 0
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """Visits and samples that are on their way."""
        return len(self._under_way)

    def begin(self, seen: Iterable[Seen], *, came_at: float, trace: Trace) -> None:
        """Take on what one frame showed, within the running event loop.

        `came_at`: when the frame came, in seconds since 1970. `trace`: the frame's way so far.
        """
        for one in seen:
            if one.crop is None:
                continue
            if one.kind is SeenKind.VISIT:
                self.visits += 1
                self._start(self._announce(one, one.crop, came_at, trace.further()))
            elif one.kind is SeenKind.SAMPLE:
                self.samples += 1
                self._start(self._collect(one, one.crop, came_at))

    async def done(self) -> None:
        """Return once all that was begun is handed on."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOGGER.error("camera %s/%s", self._store.id, self._camera.id, exc_info=error)

    async def _announce(self, seen: Seen, crop: Image, came_at: float, trace: Trace) -> None:
        embedding, prediction = await self._describe(crop)
        trace.passed("describe")
        identity = self._identity(seen, came_at)
        await self._announcer.announce(
            Visit(
                id=identity,
                store=self._store.id,
                camera=self._camera.id,
                at=came_at,
                embedding=embedding,
                prediction=prediction,
                card=self._card(seen, crop),
            )
        )
        trace.passed("announce")
        told = {stage: round(seconds * 1000, 1) for stage, seconds in trace.seconds.items()}
        where = {"store": self._store.id, "camera": self._camera.id, "visit": identity}
        _LOGGER.info("the way of a visit", extra=where | {"stages_ms": told})

    def _card(self, seen: Seen, crop: Image) -> bytes | None:
        try:
            match self._store.card:
                case "blurred":
                    return blurred_card(crop, cut=seen.cut)
                case "photo":
                    return photo_card(crop)
                case "none":
                    return None
        except Exception:
            # a visitor without a picture is a visitor all the same
            _LOGGER.exception("camera %s/%s: no card", self._store.id, self._camera.id)
            return None

    async def _describe(self, crop: Image) -> tuple[Embedding | None, Prediction | None]:
        try:
            return await self._networks.describe(crop, self._store.id, within_s=DESCRIBE_PATIENCE_S)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the visitor is there and is announced
            _LOGGER.warning("camera %s/%s: no prediction: %s", self._store.id, self._camera.id, error)
            return None, None

    async def _collect(self, seen: Seen, crop: Image, came_at: float) -> None:
        assert self._camera.department is not None
        embedding = await self._networks.embed(crop, within_s=SAMPLE_PATIENCE_S)
        identity = self._identity(seen, came_at)
        await self._collector.add_sample(
            Sample(
                id=identity,
                store=self._store.id,
                department=self._camera.department,
                origin=Origin.CAMERA,
                camera=self._camera.id,
                day=day_of(came_at, self._store.timezone),
                group=identity,
                embedding=embedding,
            )
        )

    def _identity(self, seen: Seen, came_at: float) -> str:
        """The same for the same person of the same recording in the same run; never the same for two people."""
        moment = f"{came_at:.3f}" if self._live else seen.frame
        parts = (self._run, self._store.id, self._camera.id, seen.track, moment)
        return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:32]
