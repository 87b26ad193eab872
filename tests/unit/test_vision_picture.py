"""The detector's small picture, and the way back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.picture import GRID, PAD, letterbox


@given(width=st.integers(1, 900), height=st.integers(1, 900), size=st.sampled_from([416, 640]))
def test_boxes_come_back_to_where_they_were(width: int, height: int, size: int) -> None:
    picture = letterbox(np.zeros((height, width, 3), dtype=np.uint8), (0, 0, width, height), size)
    box = (0.1 * width, 0.2 * height, 0.5 * width, 0.9 * height)
    small = tuple(value * picture.scale for value in box)
    assert picture.to_frame((small[0], small[1], small[2], small[3])) == pytest.approx(box)
    assert max(picture.image.shape[:2]) == size
    assert all(side % GRID == 0 for side in picture.image.shape[:2])


def test_wide_pictures_are_padded_by_less_than_a_grid_step() -> None:
    picture = letterbox(np.zeros((432, 768, 3), dtype=np.uint8), (0, 0, 768, 432), 416)
    assert picture.image.shape == (256, 416, 3)
    assert (picture.image[234:] == PAD).all()
    assert (picture.image[:233] == 0).all()


def test_boxes_beyond_the_region_are_cut_off_at_it() -> None:
    picture = letterbox(np.zeros((288, 384, 3), dtype=np.uint8), (150, 50, 384, 250), 640)
    assert picture.to_frame((-100, -100, 9000, 9000)) == (150, 50, 384, 250)
