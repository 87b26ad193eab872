"""What a person wears, as a histogram: enough to tell two people in front of one camera apart, and to store nothing."""

import cv2
import numpy as np
from numpy.typing import NDArray

from domain.records import Box, Image

#: float32, shape `(STRIPES, bins)`, each row sums to 1.
Look = NDArray[np.float32]

#: Head, upper body, legs.
STRIPES = 3
_SATURATIONS, _HUES, _VALUES = 3, 8, 8
BINS = _SATURATIONS * _HUES * _VALUES
#: Part of each bin that is shared with either neighbour, so that a little more light does not change all.
_SHARED = 0.15
#: Pictures of people are reduced to this, which evens out size and noise: width, height.
_SIZE = (16, 48)


def look_of(image: Image, box: Box) -> Look:
    """The colours of a box's middle (its edges are background), stripe by stripe from top to bottom."""
    x_min, y_min, x_max, y_max = box
    inset = (x_max - x_min) * 0.2
    height, width = image.shape[:2]
    left, right = int(np.clip(x_min + inset, 0, width - 1)), int(np.clip(x_max - inset, 1, width))
    top, bottom = int(np.clip(y_min, 0, height - 1)), int(np.clip(y_max, 1, height))
    part = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    small = cv2.resize(part, _SIZE, interpolation=cv2.INTER_AREA)
    hsv = cv2.cvtColor(small, cv2.COLOR_BGR2HSV).astype(np.int32)
    # Of dark and of pale colours the hue is noise.
    saturation = np.minimum(hsv[..., 1] * _SATURATIONS // 256, _SATURATIONS - 1)
    saturation = np.where(hsv[..., 2] < 48, 0, saturation)
    hue = np.where(saturation == 0, 0, hsv[..., 0] * _HUES // 180)
    value = hsv[..., 2] * _VALUES // 256
    bins = (saturation * _HUES + hue) * _VALUES + value
    counts = np.stack([np.bincount(row.ravel(), minlength=BINS) / row.size for row in np.split(bins, STRIPES)])
    return np.asarray(counts @ _SMOOTHING, dtype=np.float32)


def _neighbours(size: int, *, circle: bool) -> NDArray[np.float64]:
    """Shares of the bins along one axis, shape `(size, size)`; hues go round in a circle."""
    shares = (1 - 2 * _SHARED) * np.eye(size)
    for bin_ in range(size):
        for other in (bin_ - 1, bin_ + 1):
            shares[bin_, other % size if circle else min(max(other, 0), size - 1)] += _SHARED
    return shares


_SMOOTHING = np.kron(
    _neighbours(_SATURATIONS, circle=False),
    np.kron(_neighbours(_HUES, circle=True), _neighbours(_VALUES, circle=False)),
)


def likeness(one: Look, other: Look) -> float:
    """0 (nothing in common) to 1 (the same colours in each stripe): the mean Bhattacharyya coefficient."""
    return float(np.sqrt(one * other).sum(axis=1).mean())
