"""Cameras whose visitors are drawn: the real camera's way from a crop to the registry, with the seeing left out.

Watching a real picture for 300 visitors would take more than two cores have; the real cameras of a run do that for a
tenth of them.
"""

import asyncio
import os
import random
import time
from pathlib import Path

import cv2
import numpy as np
from pydantic import SecretStr

from actors.announcing import LeasedAnnouncer
from actors.clients import RegistryClient, TrainerClient
from actors.networks import Networks
from actors.stages import Trace
from actors.watching import CameraWorker
from amiko import madeup
from domain.places import JOURNAL
from domain.priority import SEEING
from domain.records import Image
from domain.settings import Camera, Store
from vision.watcher import Seen, SeenKind

#: Ray's namespace of these actors, which are none of Amiko's.
NAMESPACE = "chaos"
#: Seconds that a network has for an answer.
ASK_S = 5.0
#: Different pictures of each made-up visitor.
PICTURES = 2


class DrawnCameraWorker(CameraWorker):
    """Visitors come in at random moments, until the time is over."""

    def __init__(self, *, store: Store, announcer: LeasedAnnouncer, per_s: float, until: float, seed: int) -> None:
        """`until`: seconds since 1970."""
        super().__init__(
            store=store,
            camera=Camera(id="drawn", role="entrance", source=SecretStr("rtsp://127.0.0.1:9/drawn")),
            networks=Networks(),
            announcer=announcer,
            collector=TrainerClient(),
            # two lives of one camera make no visit twice: its moment is part of its name
            run=str(seed),
            paced=True,
            loop=False,
        )
        self._per_s = per_s
        self._until = until
        self._chance = random.Random(f"{seed} {store.id} {os.getpid()}")

    async def _watch(self) -> None:
        crops = await asyncio.to_thread(_crops)
        track = 0
        while time.time() < self._until:
            await asyncio.sleep(self._chance.expovariate(self._per_s))
            track += 1
            seen = Seen(
                kind=SeenKind.VISIT,
                track=track,
                frame=track,
                at=time.time(),
                first_frame=track,
                last_frame=track,
                crop=self._chance.choice(crops),
            )
            self._visitors.begin([seen], came_at=time.time(), trace=Trace(self._stages))
        await asyncio.Event().wait()


def _crops() -> list[Image]:
    cv2.setNumThreads(1)
    return [crop for seed, one in enumerate(madeup.CHARACTERS) for crop in madeup.scenes(one, PICTURES, seed)]


class DrawnCameraActor:
    """As an actor, made as `CameraActor` is; real cameras of the store may join it in its process."""

    async def __init__(self, store: Store, per_s: float, until: float, seed: int, folder: Path) -> None:
        os.nice(SEEING)
        announcer = LeasedAnnouncer(
            RegistryClient(), store=store.id, camera="drawn", journal=folder / JOURNAL, lost=lambda: os._exit(1)
        )
        self._networks, self._store = Networks(), store.id
        self._worker = DrawnCameraWorker(store=store, announcer=announcer, per_s=per_s, until=until, seed=seed)
        announcer.start()
        self._worker.start()
        self._real: list[CameraWorker] = []

    async def watch(self, store: Store, folder: Path) -> None:
        """Begin with all cameras that the store has."""
        for camera in store.cameras:
            announcer = LeasedAnnouncer(
                RegistryClient(), store=store.id, camera=camera.id, journal=folder / JOURNAL, lost=lambda: os._exit(1)
            )
            worker = CameraWorker(
                store=store,
                camera=camera,
                networks=self._networks,
                announcer=announcer,
                collector=TrainerClient(),
                run="1",
                paced=True,
                loop=False,
            )
            announcer.start()
            worker.start()
            self._real.append(worker)

    async def counted(self) -> dict[str, int]:
        """What became of the real cameras' frames."""
        told = [await one.status() for one in self._real]
        keys = ("frames", "dropped", "late", "detections")
        streaming = sum(one["state"] == "streaming" for one in told)
        return {"streaming": streaming} | {key: sum(one[key] for one in told) for key in keys}

    async def about(self) -> int:
        """It is there."""
        return os.getpid()

    async def ask(self, network: str) -> None:
        """Whether that network answers. Raises what the camera is told where it does not."""
        grey = np.full((64, 64, 3), 114, np.uint8)
        if network == "detector":
            await self._networks.detect(grey, 0.9, within_s=ASK_S, again=False)
        else:
            await self._networks.describe(grey, self._store, within_s=ASK_S)
