"""Whether a camera's picture is worth anything: frozen, covered or dark pictures are told, not watched."""

import zlib
from enum import StrEnum

import cv2
import numpy as np

from domain.records import Image

#: Seconds between two examinations.
EVERY_S = 1.0
#: Seconds for which the pixels must stay exactly the same. A real picture has noise: it never does.
FROZEN_S = 10.0
#: Seconds for which a picture must be covered or dark: longer than somebody takes to walk past the lens.
BLIND_S = 5.0
#: Grey levels: a picture whose bright parts (99 %) are below is dark.
DARK = 40
#: Mean grey-level step between neighbours in a picture of 96 pixels: a scene has 1.5 (an empty road) to 15, a hand
#: or a cloth over the lens less.
SMOOTH = 0.9
_SIDE = 96


class Health(StrEnum):
    """What a picture is good for."""

    GOOD = "good"
    #: The same picture again and again while the stream runs; restart the camera.
    FROZEN = "frozen"
    #: Something lies over the lens, or it is out of focus.
    COVERED = "covered"
    #: The light is off.
    DARK = "dark"


class PictureHealth:
    """Looks at one camera's frames, once a second of their time."""

    def __init__(self) -> None:
        self.health = Health.GOOD
        self._next = float("-inf")
        self._pixels = 0
        self._same_since = 0.0
        self._sight = Health.GOOD
        self._sight_since = 0.0

    def look(self, image: Image, at: float) -> Health:
        """The health as of this frame; `at` in seconds, never running back."""
        if at < self._next:
            return self.health
        first, self._next = self._next == float("-inf"), at + EVERY_S
        pixels = zlib.crc32(image[::4, ::4].tobytes())
        if first or pixels != self._pixels:
            self._pixels, self._same_since = pixels, at
        sight = _sight(image)
        if first or sight is not self._sight:
            self._sight, self._sight_since = sight, at
        if self._sight is not Health.GOOD and at - self._sight_since >= BLIND_S:
            self.health = self._sight
        elif at - self._same_since >= FROZEN_S:
            self.health = Health.FROZEN
        elif self._sight is Health.GOOD:
            self.health = Health.GOOD
        return self.health


def _sight(image: Image) -> Health:
    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    if float(np.percentile(grey, 99)) < DARK:
        return Health.DARK
    level = grey.astype(np.float32)
    steps = [np.abs(np.diff(level, axis=axis)).mean() if grey.shape[axis] > 1 else 0.0 for axis in (0, 1)]
    return Health.COVERED if sum(steps) / 2 < SMOOTH else Health.GOOD
