"""Cards: the picture of a visitor for the assistants' message, as JPEG, made and kept in memory alone.

No face is looked for, since a detector would miss some. Wherever in the crop a head can be, there are a few coarse
blocks left, and they are blurred; what is lost is lost before the JPEG is made. How far down a head can be, and how
large it can be, is told by the crop's shape: a person who stands in full is narrow. Someone who bends, a child with
outstretched arms, or whoever is so close that the legs are out of the picture is wide, and the wider the crop, the
more of it is coarse. In the rest, which shows what the person wears, a face of somebody smaller beside would be about
ten pixels high.
"""

import io

import cv2
import numpy as np
import PIL.Image

from domain.records import Image

#: The longest side, pixels.
_LONGEST = 512
_QUALITY = 85
#: Width over height of a person who surely stands in full, and of one of whom there may be but a face.
_FULL, _FACE = 0.45, 1.1
#: Of the crop's height, for each of the two: the upper part that is made coarse, and how many blocks high it all is.
#: A head is a sixth to a fourth of a whole person, and may be all of a close-up; so it is four blocks at the most.
_PART, _BLOCKS = (0.42, 1.0), (13.0, 4.0)
#: The rest is as sharp as a picture of so many rows; of its height, the way from coarse to sharp takes so much.
_ROWS, _WAY = 64.0, 0.08


def photo_card(crop: Image) -> bytes:
    """The crop as it is: BGR, shape `(height, width, 3)`."""
    return _jpeg(_sized(crop))


def blurred_card(crop: Image, *, cut: bool) -> bytes:
    """The crop with its head made unrecognisable: BGR, shape `(height, width, 3)`.

    `cut`: the edge of the camera's picture cut the person off at a side, so that the shape tells nothing.
    """
    picture = _sized(crop)
    height, width = picture.shape[:2]
    close = 1.0 if cut else float(np.clip((width / height - _FULL) / (_FACE - _FULL), 0, 1))
    part = _PART[0] + close * (_PART[1] - _PART[0])
    blocks = _BLOCKS[0] + close * (_BLOCKS[1] - _BLOCKS[0])
    end = min(height, round(part * height))
    coarse = _coarse(picture, height / blocks)
    if end < height:
        # of the lower part alone: nothing of the upper one may seep into it
        sharper = _coarse(picture[end:], height / _ROWS)
        share = np.clip(np.arange(height - end) / (_WAY * height), 0, 1)[:, None, None]
        coarse[end:] = np.round(sharper * share + coarse[end:] * (1 - share))
    return _jpeg(coarse)


def _coarse(image: Image, block: float) -> Image:
    """The means of blocks of about so many pixels, and smooth ways from one to the next."""
    height, width = image.shape[:2]
    few = (max(1, round(width / block)), max(1, round(height / block)))
    blocks = cv2.resize(image, few, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(blocks, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _sized(crop: Image) -> Image:
    height, width = crop.shape[:2]
    scale = _LONGEST / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(crop, size, interpolation=way), dtype=np.uint8)


def _jpeg(image: Image) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(image[..., ::-1])).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
