"""What the motion gate takes for motion."""

import numpy as np
import pytest

from domain.records import Image
from vision.motion import Motion, MotionGate


def room(seed: int = 0, level: int = 120, noise: float = 4) -> Image:
    """A room with a camera's noise."""
    floor = np.add.outer(np.arange(216) // 12 * 3, np.arange(384) // 24 * 2) % 60 + level
    pixels = floor[:, :, None] + np.random.default_rng(seed).normal(0, noise, (216, 384, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def with_person(image: Image, left: int, top: int = 60, height: int = 80) -> Image:
    copy = image.copy()
    copy[top : top + height, left : left + height // 3] = (30, 20, 160)
    return copy


def settled() -> MotionGate:
    gate = MotionGate()
    for number in range(10):
        gate.look(room(number), number / 5, [])
    return gate


def test_noise_is_none() -> None:
    assert settled().look(room(99), 2.0, []) is Motion.NONE


def test_the_first_picture_and_one_of_another_size_are_new() -> None:
    assert MotionGate().look(room(), 0.0, []) is Motion.NEW
    assert settled().look(room()[:100], 2.0, []) is Motion.NEW


@pytest.mark.parametrize("height", [14, 40, 120])
def test_a_person_of_any_size_who_comes_is_new(height: int) -> None:
    assert settled().look(with_person(room(99), 200, height=height), 2.0, []) is Motion.NEW


def test_a_lamp_that_changes_all_pixels_alike_is_none() -> None:
    assert settled().look(room(99, level=150), 2.0, []) is Motion.NONE


def test_somebody_known_who_moves_the_arms_is_known_and_walking_off_is_new() -> None:
    gate, box = MotionGate(), (100.0, 60.0, 130.0, 140.0)
    for number in range(10):
        gate.look(with_person(room(number), 100), number / 5, [box])
    arms = with_person(room(99), 100)
    arms[80:95, 100:120] = 240
    assert gate.look(arms, 2.0, [box]) is Motion.KNOWN
    assert gate.look(with_person(room(98), 160), 2.2, [box]) is Motion.NEW


def test_slow_people_are_noticed_too() -> None:
    gate = MotionGate()
    seen = [gate.look(with_person(room(number), 100 + number // 2), number / 5, []) for number in range(30)]
    assert seen[6:].count(Motion.NEW) >= 20


def test_one_pixel_is_enough_of_a_picture() -> None:
    gate, tiny = MotionGate(), np.zeros((1, 1, 3), dtype=np.uint8)
    assert [gate.look(tiny, number / 5, []) for number in range(3)] == [Motion.NEW, Motion.NONE, Motion.NONE]


def test_somebody_known_who_walks_on_is_near() -> None:
    gate, box = MotionGate(), (100.0, 60.0, 126.0, 140.0)
    for number in range(10):
        gate.look(with_person(room(number), 100), number / 5, [box])
    assert gate.look(with_person(room(98), 130), 2.0, [box]) is Motion.NEAR
    two = with_person(with_person(room(97), 130), 320)
    assert gate.look(two, 2.2, [box]) is Motion.NEW
