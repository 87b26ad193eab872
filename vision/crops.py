"""The best picture of a person: large, sharp, whole, uncovered, surely a person."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from domain.records import Box, Image

#: Padding around the box, of its size: boxes cut off feet and heads.
_PAD = 0.1
#: Crops are no larger, pixels; the encoder takes 224.
_LONGEST = 384
#: A better crop must be better by so much to replace one.
_BETTER = 1.1


@dataclass(slots=True)
class BestCrop:
    """The best so far of one track."""

    quality: float = 0.0
    image: Image | None = None
    #: Whether the picture's left or right edge cut the person off: the crop's shape then tells nothing of how close.
    cut: bool = False

    def offer(self, frame: Image, box: Box, score: float, others: Iterable[Box]) -> None:
        """Take this sight of the person if it is clearly better; the pixels are copied."""
        quality = score * _size(box) * _whole(box, frame) * _uncovered(box, others)
        # Sharpness, which costs something, is at most 1.
        if quality < self.quality * _BETTER:
            return
        crop = _cut(frame, box)
        quality *= _sharpness(crop)
        if self.image is None or quality > self.quality * _BETTER:
            self.quality, self.image = quality, crop
            self.cut = box[0] <= 1 or box[2] >= frame.shape[1] - 1


def _size(box: Box) -> float:
    """0 to 1: pixels beyond the encoder's own size add nothing."""
    return math.sqrt(min(1.0, (box[2] - box[0]) * (box[3] - box[1]) / (112 * 224)))


def _whole(box: Box, frame: Image) -> float:
    """Lower where the picture's edge cuts the person off."""
    height, width = frame.shape[:2]
    edges = (box[0] <= 1) + (box[1] <= 1) + (box[2] >= width - 1) + (box[3] >= height - 1)
    return float(0.5**edges)


def _uncovered(box: Box, others: Iterable[Box]) -> float:
    """Lower where somebody whose feet are lower, and who is therefore nearer, stands in front."""
    area = max((box[2] - box[0]) * (box[3] - box[1]), 1e-9)
    worst = 0.0
    for other in others:
        if other[3] > box[3]:
            width = min(box[2], other[2]) - max(box[0], other[0])
            height = min(box[3], other[3]) - max(box[1], other[1])
            worst = max(worst, max(0.0, width) * max(0.0, height) / area)
    return 1 - 0.9 * min(worst, 1.0)


def _sharpness(crop: Image) -> float:
    """0 to 1, saturating: the variance of the Laplacian at one size for all."""
    grey = cv2.cvtColor(cv2.resize(crop, (64, 128), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    variance = float(cv2.Laplacian(grey, cv2.CV_32F).var())
    return variance / (variance + 200)


def _cut(frame: Image, box: Box) -> Image:
    height, width = frame.shape[:2]
    across, down = (box[2] - box[0]) * _PAD, (box[3] - box[1]) * _PAD
    left, right = int(max(0, box[0] - across)), int(min(width, np.ceil(box[2] + across)))
    top, bottom = int(max(0, box[1] - down)), int(min(height, np.ceil(box[3] + down)))
    part = frame[top : max(bottom, top + 1), left : max(right, left + 1)]
    scale = _LONGEST / max(part.shape[:2])
    if scale >= 1:
        return part.copy()
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
