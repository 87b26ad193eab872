"""Training sees department cameras, prediction sees doors: how much of the score is the camera's background?

Planted backgrounds: garments are laid onto pictures of one drawn place for each department ("its camera"), and onto one
more place for all of them ("the door"). What is learnt at the cameras is scored at both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from domain.records import Image, Origin
from domain.settings import SampleWeights
from learning import scoring
from learning.data import Dataset
from learning.pictures import decode
from learning.training import fit
from networks.encoder import Encoder, load_encoder

if TYPE_CHECKING:
    from networks.ranking import Floats

#: A crop's size, pixels.
WIDTH, HEIGHT = 160, 224
#: How much of a crop's width and height the garment's photograph covers: much, as people do of theirs, and little.
COVERS = (0.7, 0.4)
#: Samples of each department that assistants have labelled at the door.
ANSWERS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to train, scored where it was trained and at the door."""

    own_camera: float
    door: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Accuracies, 0 to 1, by how much of the crop is covered."""

    covers: float
    chance: float
    #: Trained at the door itself: what could be had.
    ceiling: float
    #: Of the score above chance at the own camera, the share that is gone at the door.
    background_share: float
    #: What cameras teach that see any garment at all: nothing but their backgrounds.
    background_alone: Way
    ways: dict[str, Way]


def gap(folder: Path, *, seed: int = 0) -> list[Gap]:
    """`folder` holds `train` and `validation`, each with a folder of photographs for each department."""
    encoder = load_encoder()
    return [_gap(folder, encoder, covers, seed) for covers in COVERS]


def _gap(folder: Path, encoder: Encoder, covers: float, seed: int) -> Gap:
    random = np.random.default_rng(seed)
    names = sorted(path.name for path in (folder / "train").iterdir())
    places = [_place(random) for _ in range(len(names) + 1)]
    door = len(names)

    def seen(part: str, *, at: str) -> Dataset:
        crops, labels, cameras = [], [], []
        for number, name in enumerate(names):
            for path in sorted((folder / part / name).iterdir()):
                label = int(random.integers(len(names))) if at == "any camera" else number
                place = door if at == "door" else label
                crops.append(_lay(decode(path.read_bytes(), path), places[place], covers, random))
                labels.append(label)
                cameras.append(f"camera {place}")
        return _dataset(encoder, crops, labels, cameras, names, Origin.ASSISTANT if at == "door" else Origin.CAMERA)

    train, own = seen("train", at="own camera"), seen("validation", at="own camera")
    # answers are given about visitors of the door, who are none of those that are scored
    answers, at_door = seen("train", at="door"), seen("validation", at="door")
    mixed, mixed_own = seen("train", at="any camera"), seen("validation", at="any camera")
    empty = _dataset(
        encoder,
        [_view(place, random) for place in places[:door] for _ in range(4)],
        [number for number in range(door) for _ in range(4)],
        [""] * (4 * door),
        names,
        Origin.CAMERA,
    )
    backgrounds = _backgrounds(empty)
    some = np.concatenate([np.flatnonzero(answers.labels == number)[:ANSWERS] for number in range(len(names))])
    # both answers and cameras show the same garments otherwise
    rest = np.isin(np.arange(len(train)), some, invert=True)
    plain = _way(train, own, at_door, seed)
    chance = 1 / len(names)
    return Gap(
        covers=covers,
        chance=chance,
        ceiling=_way(answers, at_door, at_door, seed).door,
        background_share=round((plain.own_camera - plain.door) / (plain.own_camera - chance), 4),
        background_alone=_way(mixed, mixed_own, at_door, seed),
        ways={
            "plain": plain,
            "standardised per camera": _way(_centred(train), _centred(own), _centred(at_door), seed),
            "without the directions of empty pictures": _way(
                _without(train, backgrounds), _without(own, backgrounds), _without(at_door, backgrounds), seed
            ),
            f"{ANSWERS} answers a department alone": _way(answers.where(some), own, at_door, seed),
            f"cameras and {ANSWERS} answers a department": _way(
                _together(train.where(rest), answers.where(some)), own, at_door, seed
            ),
        },
    )


def _place(random: np.random.Generator) -> Image:
    """A wall and a floor of some colours with shelves of other colours: a camera's view, larger than a crop."""
    place = np.empty((2 * HEIGHT, 3 * WIDTH, 3), np.uint8)
    place[:] = random.integers(60, 230, 3)
    place[HEIGHT + 40 :] = random.integers(40, 200, 3)
    for _ in range(40):
        left, top = int(random.integers(0, 3 * WIDTH)), int(random.integers(0, 2 * HEIGHT))
        width, height = int(random.integers(10, 70)), int(random.integers(10, 50))
        colour = tuple(int(value) for value in random.integers(0, 255, 3))
        cv2.rectangle(place, (left, top), (left + width, top + height), colour, -1)
    return cv2.GaussianBlur(place, (0, 0), 1.5).astype(np.uint8)


def _view(place: Image, random: np.random.Generator) -> Image:
    """A part of the place, as large as a crop, in a light of the moment."""
    # people stand about where others stood
    left = place.shape[1] // 3 + int(random.integers(-20, 20))
    top = place.shape[0] // 3 + int(random.integers(-20, 20))
    light = random.uniform(0.8, 1.15)
    view: Image = np.clip(place[top : top + HEIGHT, left : left + WIDTH] * light, 0, 255).astype(np.uint8)
    return view


def _lay(photo: Image, place: Image, covers: float, random: np.random.Generator) -> Image:
    view = _view(place, random)
    scale = min(covers * WIDTH / photo.shape[1], covers * HEIGHT / photo.shape[0])
    size = (max(1, int(photo.shape[1] * scale)), max(1, int(photo.shape[0] * scale)))
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    left, top = (WIDTH - size[0]) // 2, (HEIGHT - size[1]) // 2
    view[top : top + size[1], left : left + size[0]] = small
    return view


def _dataset(
    encoder: Encoder, crops: Sequence[Image], labels: list[int], cameras: list[str], names: list[str], origin: Origin
) -> Dataset:
    vectors = np.concatenate(
        [
            np.stack([embedding.vector for embedding in encoder.embed(crops[begin : begin + 32])])
            for begin in range(0, len(crops), 32)
        ]
    )
    count = len(labels)
    return Dataset(
        vectors=vectors.astype(np.float16),
        labels=np.array(labels),
        departments=tuple(names),
        encoder=encoder.identity,
        origins=np.array([origin.value] * count),
        cameras=np.array(cameras),
        days=np.array(["2026-01-01"] * count),
        groups=np.array([f"{origin.value} {number}" for number in range(count)]),
    )


def _way(train: Dataset, own: Dataset, door: Dataset, seed: int) -> Way:
    classifier = fit(train, weights=SampleWeights(), seed=seed).classifier
    return Way(
        own_camera=round(float(scoring.right(scoring.probabilities(classifier, own), own.labels).mean()), 4),
        door=round(float(scoring.right(scoring.probabilities(classifier, door), door.labels).mean()), 4),
    )


def _centred(data: Dataset) -> Dataset:
    """Each camera's mean taken away."""
    vectors = data.vectors.astype(np.float32)
    for camera in np.unique(data.cameras):
        vectors[data.cameras == camera] -= vectors[data.cameras == camera].mean(0)
    return replace(data, vectors=vectors.astype(np.float16))


def _backgrounds(empty: Dataset) -> NDArray[np.float32]:
    """Orthogonal directions in which empty pictures differ, `(dimensions, departments - 1)`."""
    rows = empty.vectors.astype(np.float32)
    means = np.stack([rows[empty.labels == number].mean(0) for number in range(len(empty.departments))])
    directions: Floats = np.linalg.svd(means - means.mean(0), full_matrices=False)[2][:-1].T
    return directions


def _without(data: Dataset, directions: NDArray[np.float32]) -> Dataset:
    vectors = data.vectors.astype(np.float32)
    return replace(data, vectors=(vectors - (vectors @ directions) @ directions.T).astype(np.float16))


def _together(first: Dataset, second: Dataset) -> Dataset:
    return replace(
        first,
        vectors=np.concatenate([first.vectors, second.vectors]),
        labels=np.concatenate([first.labels, second.labels]),
        origins=np.concatenate([first.origins, second.origins]),
        cameras=np.concatenate([first.cameras, second.cameras]),
        days=np.concatenate([first.days, second.days]),
        groups=np.concatenate([first.groups, second.groups]),
    )
