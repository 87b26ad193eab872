"""What one replica of the detector answers to those who ask at the same time; without Ray."""

import asyncio

import cv2
import numpy as np
import pytest

from deployments.detector import PersonDetector
from domain.errors import InputError
from domain.settings import DETECTOR, Scaling
from networks import jpeg

pytestmark = pytest.mark.usefixtures("weights")


async def test_each_gets_what_is_above_its_own_score() -> None:
    from skimage import data

    astronaut = cv2.resize(cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR), (416, 416))
    detector = PersonDetector(DETECTOR, Scaling())
    picture = jpeg.encode(astronaut)
    doubtful, sure, nobody = await asyncio.gather(*(detector.detect(picture, score) for score in (0.01, 0.5, 0.99)))
    assert len(doubtful) > len(sure) == 1
    assert sure[0] == doubtful[0]
    assert nobody == []


@pytest.mark.parametrize("size", [(100, 96), (96, 100)])
async def test_both_sides_must_fit_the_networks_grid(size: tuple[int, int]) -> None:
    detector = PersonDetector(DETECTOR, Scaling())
    with pytest.raises(InputError, match="multiples of 32"):
        await detector.detect(jpeg.encode(np.zeros((*size, 3), np.uint8)), 0.5)
