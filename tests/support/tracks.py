"""Made-up people: where they walk is a function of time; a detector that misses and jitters sees them."""

from collections.abc import Callable

import numpy as np

from domain.records import Detection, Frame
from domain.settings import Camera
from vision.appearance import BINS, STRIPES
from vision.picture import Picture
from vision.tracking import Sight
from vision.watcher import Seen, Watcher

#: Pixels; the door's line lies at y = 300, inside is above.
HEIGHT = 60
SIZE = (640, 600)
DOOR = {"line": (100, 300, 300, 300), "inside": (200, 100)}
#: Place of a person at a time: `(x, depth)` in heights; depth positive inside, x from the picture's left.
Path = Callable[[float], tuple[float, float] | None]


def box_at(x: float, depth: float, height: float = HEIGHT) -> tuple[float, float, float, float]:
    """The box of somebody whose feet are there."""
    foot = 300 - depth * HEIGHT + 0.03 * height
    return x * HEIGHT - 0.18 * height, foot - height, x * HEIGHT + 0.18 * height, foot


def sights(path: Path, seconds: float, fps: float = 5) -> list[Sight]:
    """What a perfect detector sees of one person."""
    seen = []
    for number in range(int(seconds * fps)):
        place = path(number / fps)
        if place is not None:
            seen.append(Sight(number, number / fps, (place[0] * HEIGHT, 300 - place[1] * HEIGHT), HEIGHT))
    return seen


class Eye:
    """Stands in for camera and detector in front of a real Watcher: blank pictures, made-up boxes."""

    def __init__(
        self, camera: Camera, *, fps: float = 5, seed: int = 0, miss: float = 0.0, jitter: float = 0.0
    ) -> None:
        self.watcher = Watcher(camera, gated=False)
        self.events: list[Seen] = []
        self._image = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)
        self._fps, self._miss, self._jitter = fps, miss, jitter
        self._random = np.random.default_rng(seed)
        self._number = 0
        self._picture: Picture | None = None
        self._share = 1.0

    def resize(self, share: float) -> None:
        """The camera gives smaller or larger pictures from now on."""
        self._share = share
        self._image = np.zeros((round(SIZE[1] * share), round(SIZE[0] * share), 3), dtype=np.uint8)
        self._picture = None

    @property
    def at(self) -> float:
        return self._number / self._fps

    def watch(self, paths: list[Path], seconds: float) -> None:
        """Let people walk for so long; their times begin with this call."""
        begin = self.at
        while self.at - begin < seconds:
            frame = Frame(index=self._number, at=self.at, image=self._image)
            # All pictures are alike, so that one is made for all.
            self._picture = self._picture or self.watcher.look(frame)
            assert self._picture is not None
            self.events += self.watcher.see(frame, self._picture, self._detect(self._picture, paths, self.at - begin))
            self._number += 1

    def finish(self) -> list[Seen]:
        self.events += self.watcher.finish()
        return self.events

    def _detect(self, picture: Picture, paths: list[Path], at: float) -> list[Detection]:
        found = []
        for path in paths:
            place = path(at)
            if place is None or self._random.random() < self._miss:
                continue
            shift = self._random.normal(0, self._jitter * HEIGHT, 4) if self._jitter else np.zeros(4)
            box = np.array(box_at(*place)) + shift
            score = float(np.clip(self._random.normal(0.7, self._jitter * 2), 0.26, 0.95))
            # Into the picture's pixels, as a detector answers.
            box = (self._share * box - [picture.left, picture.top] * 2) * picture.scale
            found.append(Detection(box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])), score=score))
        return found


def plain_look() -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """The colours of anybody."""
    return np.full((STRIPES, BINS), 1 / BINS, dtype=np.float32)


def entrance(**settings: object) -> Camera:
    return Camera.model_validate({"id": "door", "role": "entrance", "source": "0", **settings})
