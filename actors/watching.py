"""A camera at work: from its source, by way of the detector, to the people who are seen.

Full-size frames stay in this process. To the detector goes a small picture, one at a time.
"""

import asyncio
import contextlib
import logging
import time

import cv2

from actors.networks import Networks
from actors.stages import Stages, Trace
from actors.status import CameraStatus
from actors.visitors import DESCRIBE_PATIENCE_S, Announcer, Collector, Visitors
from domain.errors import AmikoError
from domain.records import Frame
from domain.settings import Camera, Store
from vision.capture import Capture, SourceEndedError
from vision.health import PictureHealth
from vision.picture import Picture
from vision.rhythm import Rhythm
from vision.source import LIVE, kind_of
from vision.watcher import Seen, Watcher

_LOGGER = logging.getLogger(__name__)

#: Seconds that a recording's frame waits for a detector that is down: a replica that died is replaced in less.
DETECT_PATIENCE_S = 10.0
#: Seconds after which a live source's frame is stale: the detector need not answer, the newest frame is asked about.
STALE_S = 2.0
#: Seconds that a thread looks for a frame before it is asked whether the actor is to stop.
READ_S = 0.5
#: Seconds until watching begins again after a fault of our own.
AGAIN_S = 5.0


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
        self._late = self._detections = 0
        #: Of the last frames in a row.
        self._unanswered = 0
        self._stages = stages or Stages()
        self._visitors = Visitors(
            store=store,
            camera=camera,
            networks=networks,
            announcer=announcer,
            collector=collector,
            run=run,
            live=self._live,
        )
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
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DESCRIBE_PATIENCE_S):
                await self._visitors.done()

    async def finished(self) -> None:
        """Return once there is nothing more to see, and all that was seen is handed on. A camera never ends."""
        assert self._task is not None
        await self._task
        await self._visitors.done()

    async def status(self) -> CameraStatus:
        """Counts since this worker was made; the capture's state, while there is one."""
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
            visits=self._visitors.visits,
            samples=self._visitors.samples,
            pending=self._visitors.pending,
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
            self._visitors.begin(watcher.finish(), came_at=time.time(), trace=Trace(self._stages))
            self._over("ended", str(error))
        except AmikoError as error:
            # wrong for good, until somebody changes the settings: told by the status, and the other cameras go on
            _LOGGER.error("camera %s/%s: %s", self._store.id, self._camera.id, error)  # noqa: TRY400 - the text says it all
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
                self._visitors.begin(seen, came_at=frame.came_at, trace=trace)

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
