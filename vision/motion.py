"""The motion gate: what moves, for a hundredth of a detection's price."""

from collections import deque
from collections.abc import Sequence
from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from domain.records import Box, Image
from vision.picture import resized

#: Long side of the picture that is compared, pixels: a person of 6 % of the picture's height still covers some.
_SIDE = 128
#: Grey levels by which a pixel must change; the noise of a picture so much reduced stays below 3.
_LEVELS = 10
#: So many changed pixels are something that moves: a tenth of a small person.
_PIXELS = 4
#: Pictures are compared with the one so many seconds ago: slow people have moved by then, and what moved stays
#: noticed as long.
_AGO_S = 0.8
#: People's boxes grow by this share of their height: arms, and the first step before the box is looked at again.
_AROUND = 0.15
#: And by this share they hold where their person may have gone since: 0.8 s of a brisk walk.
_WAY = 0.6


class Motion(StrEnum):
    """Where something moves; of several, the last one here."""

    NONE = "none"
    #: Only where people are known to be: they stand and move their arms.
    KNOWN = "known"
    #: Where people who are known may have gone meanwhile.
    NEAR = "near"
    #: Elsewhere: somebody comes.
    NEW = "new"


class MotionGate:
    """Compares each picture with one a moment ago, reduced."""

    def __init__(self) -> None:
        self._past: deque[tuple[float, NDArray[np.int16]]] = deque()

    def look(self, part: Image, at: float, people: Sequence[Box]) -> Motion:
        """What moved; `part` is BGR, `at` in seconds, `people` are boxes in the part's pixels."""
        now, scale = _reduced(part)
        if self._past and self._past[0][1].shape != now.shape:
            self._past.clear()
        while len(self._past) > 1 and at - self._past[1][0] >= _AGO_S:
            self._past.popleft()
        then = self._past[0][1] if self._past else None
        self._past.append((at, now))
        if then is None:
            return Motion.NEW
        change = now - then
        # A lamp or the camera's exposure changes all pixels alike.
        change -= np.int16(np.median(change))
        changed = np.abs(change) > _LEVELS
        if np.count_nonzero(changed) < _PIXELS:
            return Motion.NONE
        for motion, share in ((Motion.KNOWN, _AROUND), (Motion.NEAR, _WAY)):
            for x_min, y_min, x_max, y_max in people:
                around = share * (y_max - y_min)
                left, top = max(0, int((x_min - around) * scale)), max(0, int((y_min - around) * scale))
                changed[top : int((y_max + around) * scale) + 1, left : int((x_max + around) * scale) + 1] = False
            if np.count_nonzero(changed) < _PIXELS:
                return motion
        return Motion.NEW


def _reduced(part: Image) -> tuple[NDArray[np.int16], float]:
    """The part in grey and small, and how many of its pixels lie in one of the part's."""
    height, width = part.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = cv2.cvtColor(resized(part, size), cv2.COLOR_BGR2GRAY)
    return cv2.blur(grey, (3, 3)).astype(np.int16), scale
