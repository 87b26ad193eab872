"""Which picture of a person is kept."""

import cv2
import numpy as np
import pytest

from domain.records import Image
from vision.crops import BestCrop


def scene(value: int = 0) -> Image:
    """Noise, which is sharp."""
    return np.random.default_rng(value).integers(0, 256, (400, 600, 3)).astype(np.uint8)


BOX = (200.0, 100.0, 260.0, 260.0)


def kept(*offers: tuple[Image, tuple[float, float, float, float], float, list[tuple[float, ...]]]) -> int:
    """The number of the offer whose picture was kept."""
    best, number = BestCrop(), -1
    for index, (image, box, score, others) in enumerate(offers):
        before = best.image
        best.offer(image, box, score, others)
        if best.image is not before:
            number = index
    return number


def test_the_larger_one() -> None:
    assert kept((scene(), BOX, 0.8, []), (scene(1), (200, 100, 290, 340), 0.8, [])) == 1
    assert kept((scene(), (200, 100, 290, 340), 0.8, []), (scene(1), BOX, 0.8, [])) == 0


def test_the_surer_one() -> None:
    assert kept((scene(), BOX, 0.4, []), (scene(1), BOX, 0.9, [])) == 1


def test_the_sharper_one() -> None:
    blurred = np.asarray(cv2.GaussianBlur(scene(), (0, 0), 8), dtype=np.uint8)
    assert kept((blurred, BOX, 0.8, []), (scene(1), BOX, 0.8, [])) == 1
    assert kept((scene(), BOX, 0.8, []), (blurred, BOX, 0.9, [])) == 0


def test_the_whole_one() -> None:
    assert kept((scene(), (0, 100, 60, 260), 0.8, []), (scene(1), BOX, 0.8, [])) == 1


def test_the_uncovered_one() -> None:
    in_front = (210.0, 120.0, 270.0, 300.0)
    assert kept((scene(), BOX, 0.8, [in_front]), (scene(1), BOX, 0.8, [])) == 1
    behind = (210.0, 60.0, 270.0, 200.0)
    assert kept((scene(), BOX, 0.8, []), (scene(1), BOX, 0.8, [behind])) == 0


def test_not_every_little_improvement() -> None:
    assert kept((scene(), BOX, 0.8, []), (scene(1), BOX, 0.82, [])) == 0


def test_it_is_padded_a_copy_and_small() -> None:
    image, best = scene(), BestCrop()
    best.offer(image, BOX, 0.8, [])
    assert best.image is not None
    assert best.image.shape == (192, 72, 3)
    assert not np.shares_memory(best.image, image)
    huge = BestCrop()
    huge.offer(np.zeros((4320, 7680, 3), dtype=np.uint8), (1000, 1000, 2500, 4000), 0.9, [])
    assert huge.image is not None
    assert max(huge.image.shape) == 384


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (599, 399, 600, 400), (0, 0, 600, 400)])
def test_any_box_within_the_picture_gives_a_crop(box: tuple[float, float, float, float]) -> None:
    best = BestCrop()
    best.offer(scene(), box, 0.9, [])
    assert best.image is not None
    assert best.image.size > 0
