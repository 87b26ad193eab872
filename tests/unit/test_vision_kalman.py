"""Where a walking person is and will be."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vision.kalman import LASTS_S, Kalman

HEIGHT = 100.0


def walked(speed: float, fps: float, seconds: float = 4, noise: float = 0.0, seed: int = 0) -> Kalman:
    """Along x at so many pixels a second."""
    random, kalman = np.random.default_rng(seed), Kalman(np.zeros(2), HEIGHT)
    for number in range(1, int(seconds * fps) + 1):
        place = np.array([speed * number / fps, 0.0]) + random.normal(0, noise, 2)
        kalman.update(place, 1 / fps, HEIGHT, 0.8)
    return kalman


@pytest.mark.parametrize("fps", [2, 5, 25])
def test_it_learns_the_speed_and_says_where_one_will_be(fps: float) -> None:
    kalman = walked(80, fps)
    assert kalman.velocity == pytest.approx([80, 0], abs=5)
    assert kalman.ahead(0.5) == pytest.approx([360, 0], abs=10)


def test_it_smooths() -> None:
    errors = [np.abs(walked(80, 5, noise=6, seed=seed).place - [320, 0]).mean() for seed in range(30)]
    assert np.mean(errors) < 4


@given(st.floats(0, 30), st.floats(0, 30))
def test_the_longer_unseen_the_less_is_known_up_to_a_limit(one: float, other: float) -> None:
    kalman = walked(80, 5)
    early, late = sorted((one, other))
    assert kalman.spread(early) <= kalman.spread(late) <= kalman.spread(LASTS_S)
    assert kalman.ahead(late)[0] <= kalman.place[0] + 90 * LASTS_S


def test_an_unsure_detection_moves_it_less() -> None:
    sure, unsure = walked(0, 5), walked(0, 5)
    sure.update(np.array([20.0, 0.0]), 0.2, HEIGHT, 0.9)
    unsure.update(np.array([20.0, 0.0]), 0.2, HEIGHT, 0.3)
    assert unsure.place[0] < sure.place[0]


def test_at_rest_it_stays() -> None:
    kalman = walked(80, 5)
    kalman.rest()
    assert kalman.ahead(1.0) == pytest.approx(kalman.place)
