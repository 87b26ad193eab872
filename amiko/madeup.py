"""The demo's throw-away shop: its visitors, their clip and what its classifier learns from. All of it is made up.

Two photographs in the public domain that scikit-image carries (NASA's portrait of Eileen Collins, and MIT's
cameraman) are cut out, dyed and moved over a drawn shop floor, so that the real networks see real people.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from domain.errors import AmikoError
from domain.records import Image

WIDTH, HEIGHT, FPS = 640, 480, 10
#: Seconds that a visitor takes across the picture, and that the shop is empty before and after.
CROSSING_S, EMPTY_S = 5.0, 3.0
#: Pixels from head to the lower edge of the cut-out.
TALL = 300

_ASTRONAUT = (
    (14, 512), (22, 420), (40, 320), (60, 262), (110, 215), (165, 195), (178, 170), (158, 130), (156, 90), (168, 45),
    (195, 18), (225, 10), (262, 14), (290, 40), (298, 85), (290, 130), (268, 165), (262, 190), (300, 222), (345, 262),
    (362, 300), (368, 360), (372, 440), (380, 512),
)  # fmt: skip
_CAMERAMAN = (
    (14, 512), (2, 400), (4, 290), (20, 225), (60, 165), (118, 118), (156, 104), (164, 85), (188, 68), (223, 68),
    (253, 85), (270, 110), (270, 140), (338, 140), (340, 180), (333, 215), (310, 225), (303, 300), (338, 300),
    (340, 310), (316, 330), (388, 490), (233, 500), (278, 345), (274, 315), (248, 312), (208, 290), (178, 330),
    (143, 385), (150, 512),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Character:
    """A made-up visitor and the department that this visitor always heads for."""

    department: str
    photograph: str
    outline: tuple[tuple[int, int], ...]
    #: Turn of the hue, in OpenCV's 180 steps, and a colour laid over (BGR shares); clothes change, people stay.
    hue: int
    tint: tuple[float, float, float]


CHARACTERS = (
    Character(department="Игрушки", photograph="astronaut", outline=_ASTRONAUT, hue=0, tint=(1, 1, 1)),
    Character(department="Электроника", photograph="camera", outline=_CAMERAMAN, hue=0, tint=(1, 1, 1)),
    Character(department="Красота", photograph="astronaut", outline=_ASTRONAUT, hue=100, tint=(1, 1, 0.9)),
    Character(department="Бытовая техника", photograph="camera", outline=_CAMERAMAN, hue=0, tint=(1.6, 1.0, 0.6)),
)
DEPARTMENTS = tuple(character.department for character in CHARACTERS)

Mask = NDArray[np.float32]


def cut_out(character: Character) -> tuple[Image, Mask]:
    """The visitor, `TALL` pixels high, BGR, and how much each pixel covers: `(TALL, width, 1)`, 0 to 1."""
    from skimage import data

    photo = getattr(data, character.photograph)()
    image = cv2.cvtColor(photo, cv2.COLOR_GRAY2BGR if photo.ndim == 2 else cv2.COLOR_RGB2BGR)
    colours = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    colours[..., 0] = (colours[..., 0].astype(np.int32) + character.hue) % 180
    dyed = cv2.cvtColor(colours, cv2.COLOR_HSV2BGR)
    # faces keep their colour: only what is below the chin is dyed
    below = np.clip((np.arange(image.shape[0]) - 150) / 40, 0, 1)[:, None, None]
    tinted = np.clip(dyed * np.array(character.tint) + 45 * (min(character.tint) < 0.7), 0, 255)
    image = (image * (1 - below) + tinted * below).astype(np.uint8)
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.array(character.outline, np.int32)], 255)
    x, y, width, height = cv2.boundingRect(np.array(character.outline, np.int32))
    part = (slice(y, y + height), slice(x, x + width))
    size = (round(width * TALL / height), TALL)
    small = cv2.resize(image[part], size, interpolation=cv2.INTER_AREA)
    soft = cv2.resize(cv2.GaussianBlur(mask, (0, 0), 2)[part], size, interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8), (soft[..., None] / 255).astype(np.float32)


def shop_floor() -> Image:
    """A drawn shop: a wall with shelves, tiles that run to the horizon, a door at the left."""
    floor = np.full((HEIGHT, WIDTH, 3), (214, 222, 226), np.uint8)
    horizon = 190
    cv2.rectangle(floor, (0, horizon), (WIDTH, HEIGHT), (176, 186, 192), -1)
    for x in range(-1200, 1900, 90):
        cv2.line(floor, (WIDTH // 2, horizon - 120), (x, HEIGHT), (160, 170, 176), 1, cv2.LINE_AA)
    for step in range(1, 9):
        y = horizon + round((HEIGHT - horizon) * (step / 8) ** 1.8)
        cv2.line(floor, (0, y), (WIDTH, y), (160, 170, 176), 1, cv2.LINE_AA)
    floor[:horizon] = (214, 222, 226)
    colours = ((120, 160, 90), (90, 120, 190), (170, 120, 90), (80, 170, 200), (150, 90, 140))
    for left in (150, 320, 490):
        for row in range(3):
            top = 40 + row * 48
            cv2.rectangle(floor, (left, top + 36), (left + 130, top + 40), (110, 120, 130), -1)
            for number in range(6):
                goods = (left + 6 + number * 21, top + 8 + (number * 7 + row * 3) % 12)
                cv2.rectangle(floor, goods, (goods[0] + 15, top + 36), colours[(number + row) % 5], -1)
    cv2.rectangle(floor, (20, 30), (110, horizon), (196, 176, 150), -1)
    cv2.rectangle(floor, (20, 30), (110, horizon), (120, 110, 100), 3)
    return floor


def paste(scene: Image, person: Image, mask: Mask, left: int, top: int) -> Image:
    """The scene with the person in it; what lies outside is cut off."""
    height, width = person.shape[:2]
    x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + width, scene.shape[1]), min(top + height, scene.shape[0])
    if x1 >= x2 or y1 >= y2:
        return scene
    part = (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left))
    pasted = scene.copy()
    under = scene[y1:y2, x1:x2]
    pasted[y1:y2, x1:x2] = (person[part] * mask[part] + under * (1 - mask[part])).astype(np.uint8)
    return pasted


def frames() -> Iterator[Image]:
    """The clip: one visitor after the other crosses the shop, which is empty in between."""
    empty = shop_floor()
    noise = np.random.default_rng(0)
    for character in CHARACTERS:
        person, mask = cut_out(character)
        for _ in range(round(EMPTY_S * FPS)):
            yield _grain(empty, noise)
        count = round(CROSSING_S * FPS)
        for number in range(count):
            left = round(-person.shape[1] + (WIDTH + person.shape[1]) * number / (count - 1))
            bob = round(4 * np.sin(number * 1.3))
            yield _grain(paste(empty, person, mask, left, HEIGHT - TALL + 6 + bob), noise)
    for _ in range(round(EMPTY_S * FPS)):
        yield _grain(empty, noise)


def write_clip(path: Path, most: int | None = None) -> None:
    """Write the clip as a video file, or so many frames of it. Raises AmikoError where OpenCV can't."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise AmikoError(f"{path}: this OpenCV can't write videos; install opencv-python from the package index")
    try:
        for frame in islice(frames(), most):
            writer.write(frame)
    finally:
        writer.release()


def scenes(character: Character, count: int, seed: int) -> Iterator[Image]:
    """The visitor in other sizes, lights and places, to learn from: crops as a department's camera would cut them."""
    random = np.random.default_rng(seed)
    person, mask = cut_out(character)
    floor = shop_floor()
    for _ in range(count):
        scale = random.uniform(0.6, 1.1)
        size = (round(person.shape[1] * scale), round(TALL * scale))
        smaller = cv2.resize(person, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
        thinner = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)[..., None].astype(np.float32)
        left = int(random.integers(-size[0] // 6, WIDTH - size[0] * 5 // 6))
        top = int(random.integers(HEIGHT - size[1] - 60, HEIGHT - size[1] + 20))
        pasted = paste(floor, smaller, thinner, left, max(top, 0)).astype(np.float32)
        lit = pasted * random.uniform(0.6, 1.25, size=3).mean() * random.uniform(0.93, 1.07, size=3)
        scene = _grain(np.clip(lit, 0, 255).astype(np.uint8), random)
        margin = round(0.08 * size[1])
        x1, y1 = max(left - margin, 0), max(top - margin, 0)
        crop = scene[y1 : max(top, 0) + size[1] + margin, x1 : left + size[0] + margin]
        yield crop[:, ::-1].copy() if random.random() < 0.5 else crop.copy()


def _grain(image: Image, random: np.random.Generator) -> Image:
    """A camera's noise: no two frames are the same to the letter."""
    noisy = image.astype(np.int16) + random.integers(-3, 4, size=(*image.shape[:2], 1), dtype=np.int16)
    clipped: Image = np.clip(noisy, 0, 255).astype(np.uint8)
    return clipped
