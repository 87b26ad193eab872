"""People in different clothes look different; the same person in another place looks alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.records import Image
from vision.appearance import likeness, look_of
from vision.tracking import LIKE


def person(shirt: tuple[int, int, int], trousers: tuple[int, int, int], seed: int = 0, light: float = 1.0) -> Image:
    """Skin, shirt and trousers, 60x180 pixels, with noise."""
    picture = np.zeros((180, 60, 3))
    picture[:40], picture[40:100], picture[100:] = (120, 150, 200), shirt, trousers
    picture = picture * light + np.random.default_rng(seed).normal(0, 6, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


WHOLE = (0.0, 0.0, 60.0, 180.0)
RED, BLUE, WHITE, BLACK = (40, 40, 200), (200, 60, 30), (230, 230, 230), (25, 25, 25)


def test_the_same_clothes_in_a_little_other_light_and_size_are_alike() -> None:
    one = look_of(person(RED, BLACK), WHOLE)
    other = look_of(person(RED, BLACK, seed=1, light=0.9), (3, 2, 58, 175))
    assert likeness(one, other) > LIKE


@pytest.mark.parametrize("clothes", [(BLUE, WHITE), (WHITE, BLUE), (BLACK, RED)])
def test_other_clothes_are_not(clothes: tuple[tuple[int, int, int], tuple[int, int, int]]) -> None:
    one, other = look_of(person(RED, BLACK), WHOLE), look_of(person(*clothes), WHOLE)
    assert likeness(one, other) < LIKE


def test_it_goes_by_what_is_worn_where() -> None:
    one, other = look_of(person(RED, BLUE), WHOLE), look_of(person(BLUE, RED), WHOLE)
    assert likeness(one, other) < LIKE


@given(st.tuples(*[st.floats(-50, 250)] * 4))
def test_any_box_gives_a_histogram(corners: tuple[float, float, float, float]) -> None:
    x1, y1, x2, y2 = corners
    look = look_of(person(RED, BLACK), (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)))
    assert look.sum(axis=1) == pytest.approx([1, 1, 1])
    assert likeness(look, look) == pytest.approx(1)
