"""CameraActor: one camera, from its source to visits that are announced and samples that are kept.

Full-size frames stay in this process. To the detector goes a small picture, one at a time; to the encoder one crop
a person.
"""

import asyncio
import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Coroutine
from datetime import datetime
from typing import Protocol, TypedDict
from zoneinfo import ZoneInfo

import cv2

from actors.about import About, about
from actors.announcing import LeasedAnnouncer
from actors.clients import RegistryClient, TrainerClient
from actors.metrics import CameraMetrics
from actors.networks import Networks
from actors.plan import CameraPlan, mismatch
from actors.stages import Stages, Trace
from domain.errors import AmikoError
from domain.places import JOURNAL, home
from domain.records import Embedding, Frame, Image, Origin, Prediction, Sample, Visit
from domain.settings import Camera, Store
from vision.capture import Capture, SourceEndedError
from vision.cards import blurred_card, photo_card
from vision.health import PictureHealth
from vision.picture import Picture
from vision.rhythm import Rhythm
from vision.source import LIVE, kind_of
from vision.watcher import Seen, SeenKind, Watcher

_LOGGER = logging.getLogger(__name__)

#: Seconds that a recording's frame waits for a detector that is down: a replica that died is replaced in less.
DETECT_PATIENCE_S = 10.0
#: Seconds after which a live source's frame is stale: the detector need not answer, the newest frame is asked about.
STALE_S = 2.0
#: Seconds until a visitor is announced without a department: late is worse than unknown.
DESCRIBE_PATIENCE_S = 4.0
#: Seconds that a thread looks for a frame before it is asked whether the actor is to stop.
READ_S = 0.5
#: Seconds until watching begins again after a fault of our own.
AGAIN_S = 5.0
#: Seconds between two looks at the status for the metrics.
PUBLISH_S = 5.0


class Announcer(Protocol):
    """Where visits go: the assistant registry."""

    async def announce(self, visit: Visit) -> None: ...


class Collector(Protocol):
    """Where samples go: the trainer."""

    async def add_sample(self, sample: Sample) -> None: ...


class CameraStatus(TypedDict):
    """One camera's part of `amiko status`."""

    camera: str
    role: str
    state: str
    reason: str
    #: good, frozen, covered or dark.
    picture: str
    #: Frames that came; those of a live source that nobody had time for; those that the detector did not answer for.
    frames: int
    dropped: int
    late: int
    detections: int
    visits: int
    samples: int
    #: Visits and samples that are on their way.
    pending: int
    #: p50 and p95 in milliseconds of the last times, by stage; see `actors.stages`.
    stages_ms: dict[str, dict[str, float]]


class CameraWorker:
    """Plain and without Ray; one thin line makes an actor of it."""

    def __init__(
        self,
        *,
        store: Store,
        camera: Camera,
        networks: Networks,
        announcer: Announcer,
        collector: Collector,
        run: str,
        paced: bool,
        loop: bool,
        gated: bool = True,
        stages: Stages | None = None,
    ) -> None:
        """`run` names this run of the system: a recording that a restarted actor plays again makes the same visits.

        `paced`, `loop`: how a recording is played; cameras know neither. `gated`: see `Watcher`.
        """
        self._store = store
        self._camera = camera
        self._networks = networks
        self._announcer = announcer
        self._collector = collector
        self._run_id = run
        self._paced = paced
        self._loop = loop
        self._gated = gated
        self._state, self._reason = "connecting", "starting"
        self._capture: Capture | None = None
        #: A recording's frames can wait; a live source's are replaced by newer ones.
        self._live = kind_of(camera.source.get_secret_value()) in LIVE
        self._health = PictureHealth()
        #: Of captures that are over.
        self._frames = self._dropped = 0
        self._late = self._detections = self._visits = self._samples = 0
        #: Of the last frames in a row.
        self._unanswered = 0
        self._stages = stages or Stages()
        self._pending: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch, within the running event loop."""
        self._task = asyncio.create_task(self._run(), name=f"camera {self._camera.id}")

    async def stop(self) -> None:
        """Stop watching, and finish what is on its way."""
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        if self._pending:
            await asyncio.wait(self._pending, timeout=DESCRIBE_PATIENCE_S)

    async def finished(self) -> None:
        """Return once there is nothing more to see, and all that was seen is handed on. A camera never ends."""
        assert self._task is not None
        await self._task
        while self._pending:
            await asyncio.wait(self._pending)

    async def status(self) -> CameraStatus:
        capture = self._capture
        return CameraStatus(
            camera=self._camera.id,
            role=self._camera.role,
            state=capture.state.state.value if capture else self._state,
            reason=capture.state.reason if capture else self._reason,
            picture=self._health.health.value,
            frames=self._frames + (capture.frames if capture else 0),
            dropped=self._dropped + (capture.dropped if capture else 0),
            late=self._late,
            detections=self._detections,
            visits=self._visits,
            samples=self._samples,
            pending=len(self._pending),
            stages_ms=self._stages.percentiles_ms(),
        )

    async def _run(self) -> None:
        """Watch to the end of a recording, or for ever: a fault of our own must not blind a shop until it is seen."""
        while True:
            try:
                await self._watch()
            except Exception as error:
                _LOGGER.exception("camera %s/%s: watching broke off", self._store.id, self._camera.id)
                reason = f"watching broke off ({type(error).__name__}: {error}); it begins again"
                self._over("lost", reason)
                await asyncio.sleep(AGAIN_S)
            else:
                return

    async def _watch(self) -> None:
        # OpenCV would take a thread for each core, from the replicas
        cv2.setNumThreads(1)
        watcher = Watcher(self._camera, gated=self._gated)
        try:
            await self._networks.warm_up(self._store.id, within_s=DETECT_PATIENCE_S)
        except Exception as error:  # noqa: BLE001 - it is a courtesy; the camera's own calls have their own patience
            _LOGGER.warning("camera %s/%s: the networks are not ready: %s", self._store.id, self._camera.id, error)
        try:
            # opening a recording reads from it
            capture = await asyncio.to_thread(
                Capture,
                self._camera.source.get_secret_value(),
                paced=self._paced,
                loop=self._loop,
                rhythm=Rhythm(self._camera.fps),
            )
            self._capture = capture
            try:
                await self._read(capture, watcher)
            finally:
                # a source that hangs may take two seconds to close
                await asyncio.to_thread(capture.close)
        except SourceEndedError as error:
            await self._handle(watcher.finish(), time.time(), Trace(self._stages))
            self._over("ended", str(error))
        except AmikoError as error:
            # wrong for good, until somebody changes the settings: told by the status, and the other cameras go on
            _LOGGER.error("camera %s/%s: %s", self._store.id, self._camera.id, error)  # noqa: TRY400
            self._over("lost", str(error))

    def _over(self, state: str, reason: str) -> None:
        """No capture any more; what it counted is kept."""
        if self._capture:
            self._frames += self._capture.frames
            self._dropped += self._capture.dropped
        self._capture, self._state, self._reason = None, state, reason

    async def _read(self, capture: Capture, watcher: Watcher) -> None:
        while True:
            # on a thread of its own, since it waits and works: the actor answers meanwhile
            found = await asyncio.to_thread(self._next, capture, watcher)
            if found is not None:
                frame, picture, trace = found
                seen = await self._detect(watcher, frame, picture, trace)
                await self._handle(seen, frame.came_at, trace)

    def _next(self, capture: Capture, watcher: Watcher) -> tuple[Frame, Picture, Trace] | None:
        """The next frame worth a detection, its small picture, and its trace; None if none comes for a while."""
        until = time.monotonic() + READ_S
        while time.monotonic() < until:
            frame = capture.read(READ_S)
            if frame is None:
                return None
            queued_s = time.time() - frame.came_at - frame.decode_s
            since = time.perf_counter()
            self._health.look(frame.image, frame.at)
            picture = watcher.look(frame)
            if picture is not None:
                trace = Trace(self._stages)
                trace.passed("capture", frame.decode_s)
                trace.passed("queue", max(0.0, queued_s))
                trace.passed("gate", time.perf_counter() - since)
                return frame, picture, trace
        return None

    async def _detect(self, watcher: Watcher, frame: Frame, picture: Picture, trace: Trace) -> list[Seen]:
        try:
            found = await self._networks.detect(
                picture.image,
                watcher.score,
                within_s=STALE_S if self._live else DETECT_PATIENCE_S,
                again=not self._live,
            )
        except Exception as error:  # noqa: BLE001 - whatever the cluster says, the camera goes on with the next frame
            self._late += 1
            self._unanswered += 1
            if self._unanswered == 1:
                _LOGGER.warning("camera %s/%s: no detection: %s", self._store.id, self._camera.id, error)
            return []
        if self._unanswered > 1:
            message = "camera %s/%s: detections again, after %d frames without"
            _LOGGER.warning(message, self._store.id, self._camera.id, self._unanswered)
        self._unanswered = 0
        trace.passed("detect")
        self._detections += 1
        seen = watcher.see(frame, picture, found)
        trace.passed("track")
        return seen

    async def _handle(self, events: list[Seen], taken_at: float, trace: Trace) -> None:
        for seen in events:
            if seen.crop is None:
                continue
            if seen.kind is SeenKind.VISIT:
                self._visits += 1
                self._begin(self._announce(seen, seen.crop, taken_at, trace.further()))
            elif seen.kind is SeenKind.SAMPLE:
                self._samples += 1
                self._begin(self._collect(seen, seen.crop, taken_at))

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        # beside the watching, which must not wait for it
        task = asyncio.create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._pending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOGGER.error("camera %s/%s", self._store.id, self._camera.id, exc_info=error)

    async def _announce(self, seen: Seen, crop: Image, taken_at: float, trace: Trace) -> None:
        embedding, prediction = await self._describe(crop)
        trace.passed("describe")
        identity = self._identity(seen, taken_at)
        await self._announcer.announce(
            Visit(
                id=identity,
                store=self._store.id,
                camera=self._camera.id,
                at=taken_at,
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

    async def _collect(self, seen: Seen, crop: Image, taken_at: float) -> None:
        assert self._camera.department is not None
        embedding = await self._networks.embed(crop, within_s=DETECT_PATIENCE_S)
        identity = self._identity(seen, taken_at)
        await self._collector.add_sample(
            Sample(
                id=identity,
                store=self._store.id,
                department=self._camera.department,
                origin=Origin.CAMERA,
                camera=self._camera.id,
                day=datetime.fromtimestamp(taken_at, ZoneInfo(self._store.timezone)).date().isoformat(),
                group=identity,
                embedding=embedding,
            )
        )

    def _identity(self, seen: Seen, taken_at: float) -> str:
        """The same for the same person of the same recording in the same run; never the same for two people."""
        moment = f"{taken_at:.3f}" if self._live else seen.frame
        parts = (self._run_id, self._store.id, self._camera.id, seen.track, moment)
        return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:32]


class CameraActor:
    """The camera as an actor; on a node with another release than the head's, a word about that in its place."""

    async def __init__(self, sealed: bytes, recipe: str, head_release: str) -> None:  # type: ignore[misc]  # Ray awaits it
        self._recipe = recipe
        self._worker: CameraWorker | None = None
        # not even opened where releases differ: what is in it may be new to this node
        self._problem = mismatch(head_release)
        if self._problem is not None:
            return
        plan = CameraPlan.opened(sealed)
        self._announcer = LeasedAnnouncer(
            RegistryClient(),
            store=plan.store.id,
            camera=plan.camera.id,
            journal=(plan.home or home()) / JOURNAL,
            # Ray starts it again, if it is the copy that Ray knows of
            lost=lambda: os._exit(1),
        )
        self._metrics = CameraMetrics(plan.store.id, plan.camera.id)
        stages = Stages(self._metrics.took)
        self._networks = Networks(plan.application, took=stages.took)
        self._worker = CameraWorker(
            store=plan.store,
            camera=plan.camera,
            networks=self._networks,
            announcer=self._announcer,
            collector=TrainerClient(),
            run=plan.run,
            paced=plan.paced,
            loop=plan.loop,
            stages=stages,
        )
        self._publishing = asyncio.create_task(self._publish(self._worker))
        self._announcer.start()
        self._worker.start()

    async def status(self) -> CameraStatus | None:
        return await self._worker.status() if self._worker else None

    async def about(self) -> About:
        """Where it runs and what it was made with."""
        return about(self._recipe, self._problem)

    async def stop(self) -> None:
        if self._worker:
            await self._worker.stop()
            await self._announcer.stop()

    async def _publish(self, worker: CameraWorker) -> None:
        while True:
            self._metrics.publish(
                await worker.status(), kept=self._announcer.waiting, sent_bytes=self._networks.sent_bytes
            )
            await asyncio.sleep(PUBLISH_S)
