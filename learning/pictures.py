"""Pictures from people's folders, of whatever kind, as BGR."""

import io
import warnings
from pathlib import Path

import numpy as np
import PIL.Image
from PIL import ImageOps, UnidentifiedImageError

from domain.errors import InputError
from domain.records import Image

#: Longest side that is kept, pixels; the encoder takes 224, the detector 640.
LONGEST = 1280
#: What lies behind a transparent picture: the grey that the encoder sees as nothing.
BEHIND = (127, 127, 127)


def decode(content: bytes, path: Path) -> Image:
    """The first picture of a file, upright, as `(height, width, 3)` BGR.

    Rotated by its EXIF, CMYK and palettes turned to RGB, 16 bits to 8, transparency laid on grey. `path` names it
    in errors. Raises InputError where it is no picture, is cut off, or is larger than can be meant.
    """
    if not content:
        raise InputError(f"{path}: the file is empty")
    try:
        with warnings.catch_warnings():
            # a picture of some hundred megapixels is a mistake or an attack; odd EXIF or palettes are neither
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(io.BytesIO(content)) as opened:
                opened.draft("RGB", (LONGEST, LONGEST))
                opened.load()
                picture = _plain(ImageOps.exif_transpose(opened))
    except UnidentifiedImageError:
        raise InputError(f"{path}: is not a picture") from None
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning):
        raise InputError(f"{path}: is too large a picture; make it smaller") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(f"{path}: the picture is damaged: {error}") from error
    picture.thumbnail((LONGEST, LONGEST))
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])


def _plain(picture: PIL.Image.Image) -> PIL.Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        return _eight_bits(picture)
    if picture.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in picture.info:
        above = picture.convert("RGBA")
        ground = PIL.Image.new("RGBA", above.size, (*BEHIND, 255))
        return PIL.Image.alpha_composite(ground, above).convert("RGB")
    return picture.convert("RGB")


def _eight_bits(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Grey of 16 bits, 32 bits or fractions: PIL itself would cut them off at 255."""
    values = np.nan_to_num(np.asarray(picture, np.float64))
    top = (
        1.0
        if picture.mode == "F" and values.max(initial=0) <= 1
        else 255.0
        if values.max(initial=0) <= 255
        else 65535.0
    )
    grey = np.clip(values * (255 / top), 0, 255).astype(np.uint8)
    return PIL.Image.fromarray(grey).convert("RGB")
