"""A camera with the real networks in the same process, on the demo's clip."""

import asyncio
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import SecretStr

import actors.visitors
import actors.watching
import vision.capture
from actors.networks import Networks
from actors.status import CameraStatus
from actors.watching import CameraWorker
from amiko import madeup
from domain.errors import LateError, OverloadError, SourceRefusedError
from domain.records import Detection, Embedding, Image, Origin, Prediction, Ranked, Sample, Visit
from domain.settings import Camera, Store
from networks.detector import Detector, load_detector
from networks.encoder import Encoder, load_encoder
from vision.source import Reader

LIMIT_S = 120
FRAMES = 175


class LocalNetworks(Networks):
    """The same networks without Serve between."""

    def __init__(self, detector: Detector, encoder: Encoder) -> None:
        self._local = (detector, encoder)
        #: How many of the next calls fail, as those of a cluster in trouble.
        self.detect_failures = 0

    async def detect(self, picture: Image, score: float, *, within_s: float, again: bool) -> list[Detection]:
        if self.detect_failures:
            self.detect_failures -= 1
            raise RuntimeError("no replica")
        return (await asyncio.to_thread(self._local[0].detect, [picture], score))[0]

    async def embed(self, crop: Image, *, within_s: float) -> Embedding:
        return (await asyncio.to_thread(self._local[1].embed, [crop]))[0]

    async def describe(self, crop: Image, store: str, *, within_s: float) -> tuple[Embedding, Prediction | None]:
        ranking = (Ranked(department="Toys", probability=1.0),)
        return await self.embed(crop, within_s=within_s), Prediction(ranking=ranking, classifier=1)


class Ears:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self.samples: list[Sample] = []

    async def announce(self, visit: Visit) -> None:
        self.visits.append(visit)

    async def add_sample(self, sample: Sample) -> None:
        self.samples.append(sample)


@pytest.fixture(scope="module")
def networks(weights: None) -> LocalNetworks:
    return LocalNetworks(load_detector(), load_encoder())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first two visitors of the demo's clip."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    madeup.write_clip(path, FRAMES)
    return path


def made(
    networks: Networks,
    camera: Camera,
    ears: Ears,
    *,
    run: str = "r",
) -> CameraWorker:
    return CameraWorker(
        store=Store(id="s", name="s", departments=["Toys", "Cars"], cameras=[camera]),
        camera=camera,
        networks=networks,
        announcer=ears,
        collector=ears,
        run=run,
        paced=False,
        loop=False,
    )


async def watch(networks: Networks, camera: Camera, *, run: str = "r") -> tuple[Ears, CameraStatus]:
    """Let a camera see its recording to the end."""
    ears = Ears()
    worker = made(networks, camera, ears, run=run)
    worker.start()
    await asyncio.wait_for(worker.finished(), LIMIT_S)
    status = await worker.status()
    await worker.stop()
    return ears, status


def entrance(source: Path) -> Camera:
    return Camera(id="door", role="entrance", source=SecretStr(str(source)))


async def test_each_visitor_is_announced_once(networks: LocalNetworks, clip: Path) -> None:
    ears, status = await watch(networks, entrance(clip))
    assert len(ears.visits) == len({visit.id for visit in ears.visits}) == 2
    assert all(visit.embedding is not None and visit.prediction is not None for visit in ears.visits)
    assert (status["state"], status["visits"], status["frames"]) == ("ended", 2, FRAMES)
    assert status["picture"] == "good"
    assert status["stages_ms"].keys() == {"capture", "queue", "gate", "detect", "track", "describe", "announce"}


async def test_a_camera_that_comes_back_after_a_kill_tells_of_the_same_visits(
    networks: LocalNetworks, clip: Path
) -> None:
    first, _ = await watch(networks, entrance(clip))
    again, _ = await watch(networks, entrance(clip))
    another, _ = await watch(networks, entrance(clip), run="tomorrow")
    assert {visit.id for visit in first.visits} == {visit.id for visit in again.visits}
    assert not {visit.id for visit in first.visits} & {visit.id for visit in another.visits}


async def test_a_detection_that_fails_does_not_end_the_watching(networks: LocalNetworks, clip: Path) -> None:
    networks.detect_failures = 3
    ears, status = await watch(networks, entrance(clip))
    assert len(ears.visits) == 2
    assert status["state"] == "ended"


class Live(Reader):
    """The clip as a live source: at its own pace, whether anybody has time or not."""

    fps = float(madeup.FPS)

    def __init__(self, clip: Path) -> None:
        self.frames = cv2.VideoCapture(str(clip), cv2.CAP_FFMPEG)

    def grab(self) -> float | None:
        time.sleep(1 / self.fps)
        return 0.0 if self.frames.grab() else None

    def picture(self) -> Image:
        return np.asarray(self.frames.retrieve()[1], dtype=np.uint8)

    def close(self) -> None:
        self.frames.release()


class Overloaded(LocalNetworks):
    """Takes its time for each frame, refuses one of four and is late with another."""

    calls = 0

    async def detect(self, picture: Image, score: float, *, within_s: float, again: bool) -> list[Detection]:
        self.calls += 1
        assert not again, "a live camera's next try is its newest frame"
        assert within_s <= 2, "after that the frame is stale"
        await asyncio.sleep(0.15)
        if self.calls % 4 == 1:
            raise OverloadError
        if self.calls % 4 == 3:
            raise LateError
        return await super().detect(picture, score, within_s=within_s, again=again)

    async def warm_up(self, store: str, *, within_s: float) -> None:
        """It is warm."""


async def test_under_overload_frames_are_dropped_and_visitors_are_not(
    networks: LocalNetworks, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = iter([Live(clip)])

    def open_once(_: str) -> Reader:
        for reader in opened:
            return reader
        raise SourceRefusedError("it was played once")

    monkeypatch.setattr(vision.capture, "open_source", open_once)
    busy = Overloaded(*networks._local)
    ears = Ears()
    worker = made(busy, Camera(id="door", role="entrance", source=SecretStr("rtsp://camera/door"), fps=20), ears)
    worker.start()
    status = await worker.status()
    async with asyncio.timeout(LIMIT_S):
        while status["reason"] != "it was played once" or status["pending"]:
            await asyncio.sleep(0.05)
            status = await worker.status()
    await worker.stop()
    assert status["dropped"] > 0
    assert status["late"] > 0
    assert status["detections"] + status["late"] == busy.calls
    assert status["frames"] == FRAMES
    assert len(ears.visits) == 2
    assert all(visit.prediction is not None for visit in ears.visits)


async def test_a_fault_of_our_own_does_not_blind_the_camera(
    networks: LocalNetworks, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actors.watching, "AGAIN_S", 0.0)
    honest = actors.watching.Watcher.see
    faults = iter([True, True])

    def see(self: object, *arguments: object) -> object:
        if next(faults, False):
            raise ZeroDivisionError
        return honest(self, *arguments)

    monkeypatch.setattr(actors.watching.Watcher, "see", see)
    ears, status = await watch(networks, entrance(clip))
    assert len(ears.visits) == 2
    assert status["state"] == "ended"


async def test_who_stays_at_a_departments_camera_becomes_a_sample(
    networks: LocalNetworks, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actors.visitors, "day_of", lambda _, timezone: f"a day in {timezone}")
    camera = Camera(id="toys", role="department", department="Toys", source=SecretStr(str(clip)), dwell_s=1.5)
    ears, _ = await watch(networks, camera)
    assert ears.visits == []
    assert len(ears.samples) == 2
    for sample in ears.samples:
        assert (sample.store, sample.camera, sample.department) == ("s", "toys", "Toys")
        assert sample.origin is Origin.CAMERA
        assert sample.group == sample.id
        assert sample.day == "a day in Europe/Moscow"


@pytest.mark.parametrize("content", [None, b"", b"no video at all"])
async def test_a_recording_that_is_none_is_told_by_the_status(
    networks: LocalNetworks, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "some.mp4"
    if content is not None:
        path.write_bytes(content)
    ears, status = await watch(networks, entrance(path))
    assert ears.visits == []
    assert status["state"] == "lost"
    assert "some.mp4" in status["reason"]


async def test_a_door_outside_the_picture_is_told_by_the_status(networks: LocalNetworks, clip: Path) -> None:
    camera = Camera.model_validate(
        {"id": "door", "role": "entrance", "source": str(clip), "door": {"line": [0, 0, 4000, 0], "inside": [5, 5]}}
    )
    _, status = await watch(networks, camera)
    assert status["state"] == "lost"
    assert "0,0,4000,0" in status["reason"]
