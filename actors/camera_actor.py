"""The camera as an actor: what it needs to watch, and to tell of what it saw."""

import asyncio
import os

from actors.about import About, about
from actors.announcing import LeasedAnnouncer
from actors.clients import RegistryClient, TrainerClient
from actors.metrics import CameraMetrics
from actors.networks import Networks
from actors.plan import CameraPlan, mismatch
from actors.stages import Stages
from actors.status import CameraStatus
from actors.watching import CameraWorker
from domain.places import JOURNAL, home
from domain.priority import SEEING

#: Seconds between two looks at the status for the metrics.
PUBLISH_S = 5.0


class CameraActor:
    """The camera as an actor; on a node with another release than the head's, a word about that in its place."""

    async def __init__(self, sealed: bytes, recipe: str, head_release: str) -> None:  # type: ignore[misc]  # Ray awaits it
        # and so are the threads that this one starts
        os.nice(SEEING)
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
        """None where this node has another release than the head."""
        return await self._worker.status() if self._worker else None

    async def about(self) -> About:
        """Where it runs and what it was made with."""
        return about(self._recipe, self._problem)

    async def stop(self) -> None:
        """Finish what is on its way; what headquarters have not heard stays in the journal."""
        if self._worker:
            await self._worker.stop()
            await self._announcer.stop()

    async def _publish(self, worker: CameraWorker) -> None:
        while True:
            self._metrics.publish(
                await worker.status(), kept=self._announcer.waiting, sent_bytes=self._networks.sent_bytes
            )
            await asyncio.sleep(PUBLISH_S)
