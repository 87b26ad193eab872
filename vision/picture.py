"""The small picture that goes to the detector, and the way back from its boxes to the frame."""

from dataclasses import dataclass

import cv2
import numpy as np

from domain.records import Box, Image

#: The detector was trained with this grey around its pictures.
PAD = 114
#: The detector's coarsest grid: both sides of its picture are multiples of it.
GRID = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A part of a frame as the detector gets it: uint8 `(height, width, 3)`, BGR, sides multiples of 32."""

    image: Image
    #: Where the part's top left corner lies in the frame, pixels.
    left: int
    top: int
    #: The part's size in the frame, pixels.
    width: int
    height: int
    #: Pixels of the picture per pixel of the frame.
    scale: float

    def to_frame(self, box: Box) -> Box:
        """A box in the picture's pixels, in the frame's; cut off where the part ends."""
        x_min, y_min, x_max, y_max = (value / self.scale for value in box)
        return (
            self.left + min(max(x_min, 0.0), self.width),
            self.top + min(max(y_min, 0.0), self.height),
            self.left + min(max(x_max, 0.0), self.width),
            self.top + min(max(y_max, 0.0), self.height),
        )


def letterbox(image: Image, region: tuple[int, int, int, int], size: int) -> Picture:
    """The region `(x_min, y_min, x_max, y_max)` of a frame, its long side `size` pixels, padded at the right and below.

    Only the short side's rest up to a multiple of 32 is padded: 40 % fewer pixels than a square for a wide picture.
    """
    left, top, right, bottom = region
    part = image[top:bottom, left:right]
    height, width = part.shape[:2]
    scale = size / max(height, width)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(part, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    padded = np.full((_up(inner[1]), _up(inner[0]), 3), PAD, dtype=np.uint8)
    padded[: inner[1], : inner[0]] = small
    return Picture(image=padded, left=left, top=top, width=width, height=height, scale=scale)


def _up(side: int) -> int:
    return -(-side // GRID) * GRID
