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
    small = resized(part, inner)
    padded = np.full((_up(inner[1]), _up(inner[0]), 3), PAD, dtype=np.uint8)
    padded[: inner[1], : inner[0]] = small
    return Picture(image=padded, left=left, top=top, width=width, height=height, scale=scale)


def resized(image: Image, size: tuple[int, int]) -> Image:
    """The image in `(width, height)` pixels.

    By halves as far as they go, which OpenCV does ten times faster than a mean over other areas, and the rest between
    neighbours, as the detector's training pictures were made.
    """
    width, height = size
    while image.shape[1] >= 2 * width and image.shape[0] >= 2 * height:
        half = (image.shape[1] // 2, image.shape[0] // 2)
        # an odd last row or column would make it the slow way
        image = cv2.resize(image[: 2 * half[1], : 2 * half[0]], half, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]  # bytes stay bytes
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]  # bytes stay bytes


def _up(side: int) -> int:
    return -(-side // GRID) * GRID
