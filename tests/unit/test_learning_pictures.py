import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InputError
from learning.pictures import LONGEST, decode

PATH = Path("shelf/picture.png")


def encoded(picture: PIL.Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def red(size: tuple[int, int] = (40, 20)) -> PIL.Image.Image:
    return PIL.Image.new("RGB", size, (250, 10, 20))


def test_colours_are_bgr() -> None:
    image = decode(encoded(red(), "PNG"), PATH)
    assert image.shape == (20, 40, 3)
    assert image[0, 0].tolist() == [20, 10, 250]


def test_cmyk() -> None:
    image = decode(encoded(red().convert("CMYK"), "JPEG", quality=95), PATH)
    assert np.abs(image[5, 5].astype(int) - [20, 10, 250]).max() < 25


@pytest.mark.parametrize("mode", ["P", "L", "1", "LA", "RGBA", "I", "F"])
def test_every_mode_becomes_bgr(mode: str) -> None:
    kind = "TIFF" if mode in {"I", "F"} else "PNG"
    image = decode(encoded(red().convert(mode), kind), PATH)
    assert image.shape == (20, 40, 3)
    assert image.dtype == np.uint8


def test_sixteen_bits_are_scaled_and_not_cut_off() -> None:
    values = np.linspace(0, 65535, 800).reshape(20, 40).astype(np.uint16)
    image = decode(encoded(PIL.Image.fromarray(values), "PNG"), PATH)
    assert image.min() == 0
    assert image.max() == 255
    assert 110 < image.mean() < 145


def test_what_is_transparent_is_grey() -> None:
    picture = PIL.Image.new("RGBA", (40, 20), (250, 10, 20, 0))
    assert decode(encoded(picture, "PNG"), PATH)[0, 0].tolist() == [127, 127, 127]


def test_exif_turns_the_picture() -> None:
    picture = red()
    exif = picture.getexif()
    exif[0x0112] = 6
    assert decode(encoded(picture, "JPEG", exif=exif.tobytes()), PATH).shape == (40, 20, 3)


def test_large_pictures_become_smaller() -> None:
    assert max(decode(encoded(red((3000, 200)), "JPEG"), PATH).shape) == LONGEST


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"%PDF-1.4", b"GIF89a"])
def test_what_is_no_picture_is_named(content: bytes) -> None:
    with pytest.raises(InputError, match=r"shelf/picture\.png"):
        decode(content, PATH)


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(InputError, match="too large"):
        decode(encoded(red((40, 20)), "PNG"), PATH)


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_damaged_pictures_are_refused_or_read(data: st.DataObject) -> None:
    content = bytearray(encoded(red(), data.draw(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]))))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    try:
        image = decode(bytes(content), PATH)
    except InputError:
        return
    assert image.ndim == 3
    assert image.dtype == np.uint8
