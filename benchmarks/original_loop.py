"""`amiko bench original`: the same recording by the original's loop and by Amiko's cameras, with the same networks.

The original asked all three networks about each frame, one after the other, in one process, and wrote a message for
each person in each frame. It is written anew here from that description.
"""

import asyncio
import time
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from statistics import median
from typing import TypedDict

import cv2
import numpy as np
import torch
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from actors.networks import Networks
from actors.watching import CameraWorker
from benchmarks.learning import footage
from domain.errors import InputError
from domain.records import Detection, Embedding, Image, Origin, Prediction, Sample, Visit
from domain.settings import Camera, Store
from learning.data import Dataset
from learning.training import fit
from networks.detector import Detector, load_detector
from networks.encoder import Encoder, load_encoder
from networks.mlp import Classifier
from networks.ranking import rank
from vision.picture import letterbox
from vision.source import open_source

#: Of a person's score; the original's own was 0.9, for another detector.
THRESHOLD = 0.5
DEPARTMENTS = ("Appliances", "Beauty Technique", "Electronics", "Large equipment", "Toys")
#: Rounds of both, by turns.
ROUNDS = 3


class Results(TypedDict):
    """CPU is in seconds of one core for a minute of video, decoding included; medians of the rounds."""

    #: Theirs divided by ours.
    cpu_ratio: float
    cpu_s_per_min: float
    cpu_s_per_min_original: float
    detector_calls: int
    detector_calls_original: int
    encoder_calls: int
    encoder_calls_original: int
    messages: int
    messages_original: int


@dataclass(slots=True)
class Counted:
    """What a loop did, and its processor time."""

    detector_calls: int = 0
    encoder_calls: int = 0
    messages: int = 0
    cpu_s: float = 0.0


class Counting(Networks):
    """The three networks in this process, and how often each was asked; the registry, too, for its messages."""

    def __init__(self, detector: Detector, encoder: Encoder, classifier: Classifier) -> None:
        self._networks = (detector, encoder, classifier)
        self.counted = Counted()

    def find(self, picture: Image, score: float) -> list[Detection]:
        self.counted.detector_calls += 1
        return self._networks[0].detect([picture], score)[0]

    def predict(self, crop: Image) -> tuple[Embedding, Prediction]:
        self.counted.encoder_calls += 1
        _, encoder, classifier = self._networks
        (embedding,) = encoder.embed([crop])
        ranking = rank(classifier, embedding)
        return embedding, Prediction(ranking=ranking, classifier=1)

    async def detect(self, picture: Image, score: float, *, within_s: float, again: bool) -> list[Detection]:
        return await asyncio.to_thread(self.find, picture, score)

    async def embed(self, crop: Image, *, within_s: float) -> Embedding:
        return (await asyncio.to_thread(self.predict, crop))[0]

    async def describe(self, crop: Image, store: str, *, within_s: float) -> tuple[Embedding, Prediction | None]:
        return await asyncio.to_thread(self.predict, crop)

    async def warm_up(self, store: str, *, within_s: float) -> None:
        """There is nothing to connect to."""

    async def announce(self, visit: Visit) -> None:
        self.counted.messages += 1

    async def add_sample(self, sample: Sample) -> None:
        raise AssertionError("an entrance camera has no samples")


def run(*, json: bool) -> Results:
    """Measure on one_by_one in the folder AMIKO_FOOTAGE; about two minutes. Raises InputError where it is missing."""
    paths = sorted((footage() / "one_by_one").glob("*.mp4"))
    if not paths:
        raise InputError(
            f"{footage()}/one_by_one: no such recording; set AMIKO_FOOTAGE to the folder of the recordings"
        )
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    networks = (load_detector(), load_encoder())
    parts = (*networks, classifier_of_noise(networks[1]))
    theirs, ours = [], []
    minutes = 0.0
    for _ in range(ROUNDS):
        counting = Counting(*parts)
        begin = time.process_time()
        minutes = original(paths[0], counting) / 60
        counting.counted.cpu_s = time.process_time() - begin
        theirs.append(counting.counted)
        counting = Counting(*parts)
        begin = time.process_time()
        asyncio.run(camera_alone(paths[0], counting))
        counting.counted.cpu_s = time.process_time() - begin
        ours.append(counting.counted)
    cpu, cpu_original = (median(one.cpu_s for one in rounds) / minutes for rounds in (ours, theirs))
    results = Results(
        cpu_ratio=round(cpu_original / cpu, 2),
        cpu_s_per_min=round(cpu, 2),
        cpu_s_per_min_original=round(cpu_original, 2),
        detector_calls=ours[0].detector_calls,
        detector_calls_original=theirs[0].detector_calls,
        encoder_calls=ours[0].encoder_calls,
        encoder_calls_original=theirs[0].encoder_calls,
        messages=ours[0].messages,
        messages_original=theirs[0].messages,
    )
    if json:
        print(dumps(results))
    else:
        _show(results)
    return results


def original(path: Path, networks: Counting) -> float:
    """The original's loop; returns how many seconds the recording has."""
    reader = open_source(str(path))
    last = 0.0
    while (got := reader.read()) is not None:
        image, last = got
        height, width = image.shape[:2]
        picture = letterbox(image, (0, 0, width, height), 416)
        for person in networks.find(picture.image, THRESHOLD):
            left, top, right, bottom = (int(value) for value in picture.to_frame(person.box))
            crop = image[top:bottom, left:right]
            if crop.size:
                networks.predict(crop)
                networks.counted.messages += 1
    reader.close()
    return last + 1 / reader.fps


async def camera_alone(path: Path, networks: Counting) -> None:
    camera = Camera(id="door", role="entrance", source=SecretStr(str(path)))
    worker = CameraWorker(
        store=Store(id="bench", name="bench", departments=list(DEPARTMENTS), cameras=[camera]),
        camera=camera,
        networks=networks,
        announcer=networks,
        collector=networks,
        run="bench",
        paced=False,
        loop=False,
    )
    worker.start()
    await worker.finished()


def classifier_of_noise(encoder: Encoder) -> Classifier:
    """One that was trained on noise: what it says is of no matter here, what it costs is."""
    random = np.random.default_rng(0)
    data = Dataset(
        vectors=random.random((100, encoder.dimensions), np.float32).astype(np.float16),
        labels=np.arange(100) % len(DEPARTMENTS),
        departments=DEPARTMENTS,
        encoder=encoder.identity,
        origins=np.full(100, Origin.CAMERA.value),
        cameras=np.full(100, "noise"),
        days=np.full(100, "2026-03-01"),
        groups=np.arange(100).astype(str),
    )
    return fit(data, seed=0).classifier


def _show(results: Results) -> None:
    table = Table("one_by_one", "the original's loop", "Amiko's camera")
    for line, key in (
        ("CPU, s/min", "cpu_s_per_min"),
        ("detections", "detector_calls"),
        ("encoder's calls", "encoder_calls"),
        ("messages", "messages"),
    ):
        ours = {name: str(value) for name, value in results.items()}
        table.add_row(line, ours[f"{key}_original"], ours[key])
    console = Console()
    console.print(table)
    console.print(f"{results['cpu_ratio']:.1f} times less CPU, decoding included; six visitors")
