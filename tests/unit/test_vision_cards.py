"""Of a card with the face made unrecognisable, nothing comes back."""

import io

import cv2
import numpy as np
import PIL.Image
import pytest

from domain.records import Image
from vision.cards import blurred_card, photo_card

#: Height and width of the crop, of its head's height, and whether an edge cut the person off: a person in full, a
#: child, one who bends or is seen down to the knees, a bust, a face that fills the picture, half of one at the edge.
SHAPES = [
    pytest.param((384, 160), 0.22, False, id="standing"),
    pytest.param((200, 84), 0.32, False, id="child"),
    pytest.param((384, 230), 0.5, False, id="bending"),
    pytest.param((260, 230), 0.65, False, id="bust"),
    pytest.param((300, 330), 1.0, False, id="face"),
    pytest.param((384, 130), 1.0, True, id="half a face"),
]


def decoded(card: bytes) -> Image:
    picture = PIL.Image.open(io.BytesIO(card))
    assert picture.format == "JPEG"
    assert not picture.getexif()
    return np.asarray(picture.convert("RGB"))


def person(shape: tuple[int, int], head: float, detail: int) -> Image:
    """Smooth but for the head, down to that share of the height: there is a face of noise, another for each number."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([90 + 60 * y / height, 120 + 30 * x / width, np.full(shape, 140.0)], axis=2)
    rows = round(head * height)
    # features from one pixel up to a twelfth of the head: eyes and a mouth are smaller than a fifth
    noise = sum(
        cv2.resize(
            np.random.default_rng((detail, size)).choice([-1.0, 1.0], (rows // size + 1, width // size + 1)),
            (width, rows),
            interpolation=cv2.INTER_NEAREST,
        )
        for size in {1, max(2, rows // 24), max(3, rows // 12)}
    )
    # what is as large as the head itself (dark hair, a pale face) may be seen in a card, and is the same in all
    noise -= cv2.GaussianBlur(noise, (0, 0), rows / 10)
    image[:rows] += 25 * noise[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def sharpness(picture: Image) -> float:
    """The energy of what is finer than a twelfth of the height."""
    grey = picture.astype(np.float64).mean(2)
    return float((grey - cv2.GaussianBlur(grey, (0, 0), picture.shape[0] / 24)).std())


@pytest.mark.parametrize(("shape", "head", "cut"), SHAPES)
def test_faces_that_differ_make_the_same_card(shape, head, cut):
    one, other = (decoded(blurred_card(person(shape, head, detail), cut=cut)).astype(int) for detail in (1, 2))
    photos = [decoded(photo_card(person(shape, head, detail))).astype(int) for detail in (1, 2)]
    rows = round(head * one.shape[0])
    assert np.abs(photos[0] - photos[1])[:rows].mean() > 20, "they differ indeed"
    assert np.abs(one - other).mean() < 4
    assert np.abs(one - other).max() < 25


@pytest.mark.parametrize(("shape", "head", "cut"), SHAPES)
def test_no_detail_is_left_in_the_head(shape, head, cut):
    crop = person(shape, head, 1)
    card = decoded(blurred_card(crop, cut=cut))
    rows = round(head * card.shape[0])
    assert sharpness(card[:rows]) < 0.15 * sharpness(decoded(photo_card(crop))[:rows])


def test_what_is_worn_can_still_be_told():
    crop = np.full((384, 160, 3), 200, np.uint8)
    crop[230:] = np.tile(np.repeat([[[40, 40, 200]], [[220, 220, 220]]], 16, axis=0), (5, 160, 1))[:154]
    stripes = decoded(blurred_card(crop, cut=False))[340:].mean(axis=(1, 2))
    assert np.ptp(stripes) > 60


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3), (30, 12), (384, 160), (1200, 700)])
@pytest.mark.parametrize("cut", [False, True])
def test_any_crop_makes_a_small_card(shape, cut):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    card = blurred_card(noise, cut=cut)
    assert max(decoded(card).shape) == 512
    assert len(card) < 40_000


def test_colours_are_as_they_were():
    blue = np.zeros((100, 40, 3), np.uint8)
    blue[..., 0] = 250
    for card in (photo_card(blue), blurred_card(blue, cut=False)):
        assert decoded(card)[50, 20] == pytest.approx([0, 0, 250], abs=6)
