"""The motion gate: whether anything moves, for a fraction of a detection's price."""

import cv2
import numpy as np
from numpy.typing import NDArray

from domain.records import Image

#: Long side of the picture that is compared, pixels: a person of 6 % of the picture's height still covers several.
_SIDE = 192
#: Grey levels by which a pixel must change; the noise of a picture so much reduced stays below 3.
_LEVELS = 10
#: So many changed pixels are something that moves: a tenth of a small person.
_PIXELS = 6
#: Seconds in which the background takes in what stands still.
_BACKGROUND_S = 2.0


class MotionGate:
    """Compares each picture with the one before and with a slowly following background."""

    def __init__(self) -> None:
        self._before: NDArray[np.float32] | None = None
        self._background: NDArray[np.float32] | None = None
        self._at = 0.0

    def moves(self, part: Image, at: float) -> bool:
        """Whether something moved since the last call; `part` is BGR and keeps its size, `at` in seconds."""
        now = _reduced(part)
        before, background = self._before, self._background
        if before is None or background is None or before.shape != now.shape:
            self._before, self._background, self._at = now, now.copy(), at
            return True
        moved = _differs(now, before) or _differs(now, background)
        share = float(np.clip((at - self._at) / _BACKGROUND_S, 0.0, 1.0))
        cv2.accumulateWeighted(now, background, share)
        self._before, self._at = now, at
        return moved


def _reduced(part: Image) -> NDArray[np.float32]:
    height, width = part.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    grey = cv2.cvtColor(cv2.resize(part, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.blur(grey, (3, 3)), dtype=np.float32)


def _differs(now: NDArray[np.float32], then: NDArray[np.float32]) -> bool:
    change = now - then
    # A lamp or the camera's exposure changes all pixels alike.
    change -= np.median(change)
    return int(np.count_nonzero(np.abs(change) > _LEVELS)) >= _PIXELS
