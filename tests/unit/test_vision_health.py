"""Frozen, covered and dark pictures."""

import cv2
import numpy as np
import pytest
from support.recordings import footage

from domain.records import Image
from vision.capture import Capture, SourceEndedError
from vision.health import BLIND_S, FROZEN_S, Health, PictureHealth

RANDOM = np.random.default_rng(0)
SCENE = cv2.resize(RANDOM.integers(0, 256, (27, 48, 3)).astype(np.uint8), (384, 216), interpolation=cv2.INTER_LINEAR)


def noisy(picture: Image, noise: float = 3) -> Image:
    return np.clip(picture + RANDOM.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)


def black() -> Image:
    return noisy(np.full_like(SCENE, 6))


BLURRED = np.asarray(cv2.GaussianBlur(SCENE, (0, 0), 60), dtype=np.uint8)


def hand() -> Image:
    return noisy(BLURRED)


def watch(health: PictureHealth, pictures: list[Image], begin: float, fps: float = 2) -> list[Health]:
    return [health.look(picture, begin + number / fps) for number, picture in enumerate(pictures)]


def test_a_scene_is_good() -> None:
    assert set(watch(PictureHealth(), [noisy(SCENE) for _ in range(60)], 0)) == {Health.GOOD}


@pytest.mark.parametrize(("blind", "expected"), [(black, Health.DARK), (hand, Health.COVERED)])
def test_a_blind_picture_is_told_after_seconds_and_forgotten_at_once(blind: object, expected: Health) -> None:
    assert callable(blind)
    health = PictureHealth()
    watch(health, [noisy(SCENE) for _ in range(20)], 0)
    told = watch(health, [blind() for _ in range(30)], 10)
    assert told[: int(BLIND_S)] == [Health.GOOD] * int(BLIND_S)
    assert told[-1] is expected
    assert watch(health, [noisy(SCENE) for _ in range(6)], 25)[-1] is Health.GOOD


def test_somebody_close_to_the_lens_for_a_moment_is_nothing() -> None:
    health = PictureHealth()
    assert set(watch(health, [noisy(SCENE) for _ in range(20)], 0)) == {Health.GOOD}
    assert set(watch(health, [hand() for _ in range(6)], 10)) == {Health.GOOD}


def test_the_same_pixels_for_ten_seconds_are_frozen_until_they_change() -> None:
    health, frozen = PictureHealth(), noisy(SCENE)
    told = watch(health, [frozen] * 40, 0)
    assert told[: int(2 * FROZEN_S)] == [Health.GOOD] * int(2 * FROZEN_S)
    assert told[-1] is Health.FROZEN
    assert watch(health, [noisy(SCENE) for _ in range(4)], 20)[-1] is Health.GOOD


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4320, 7680)])
def test_any_size(shape: tuple[int, int]) -> None:
    assert PictureHealth().look(np.zeros((*shape, 3), dtype=np.uint8), 0.0) is Health.GOOD


@pytest.mark.parametrize("name", ["one_by_one", "shopfront_reenters", "cars_no_people"])
def test_real_recordings_are_good(name: str) -> None:
    health, told = PictureHealth(), set()
    with Capture(str(footage(name)), paced=False) as capture:
        while True:
            try:
                frame = capture.read(10)
            except SourceEndedError:
                break
            assert frame is not None
            told.add(health.look(frame.image, frame.at))
    assert told == {Health.GOOD}
