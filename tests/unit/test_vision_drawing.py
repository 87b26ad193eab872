"""What an owner sees: the line, the region, people and counts."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.recordings import moving_pictures
from support.tracks import DOOR, Eye, entrance

from domain.errors import InputError
from vision.drawing import VideoWriter, draw_setting, draw_watch

FRAME = np.full((600, 640, 3), 90, dtype=np.uint8)


def test_the_line_and_the_arrow_lie_where_they_were_given() -> None:
    drawn = draw_setting(FRAME, entrance(door=DOOR, region=[50, 20, 600, 580]))
    scale = drawn.shape[1] // 640
    assert scale == 2
    assert tuple(drawn[300 * scale, 120 * scale]) == (60, 60, 230)
    assert tuple(drawn[280 * scale, 200 * scale]) == (80, 200, 80)
    assert tuple(drawn[100 * scale, 50 * scale]) == (160, 160, 160)
    assert (FRAME == 90).all()


def test_people_and_counts_are_drawn() -> None:
    eye = Eye(entrance(door=DOOR))
    eye.watch([lambda _: (5, 1)], 3)
    with_person = draw_watch(FRAME, entrance(door=DOOR), eye.watcher, 3.0)
    empty = draw_watch(FRAME, entrance(door=DOOR), Eye(entrance(door=DOOR)).watcher, 3.0)
    assert (with_person != empty).any(axis=2).sum() > 100


def test_the_video_can_be_played_whatever_the_sides(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path, 12.5) as writer:
        for picture in moving_pictures(9, 161, 95):
            writer.write(picture)
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.read()[0]:
        count += 1
    assert count == 9
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(12.5)
    capture.release()


def test_a_place_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="choose another place"):
        VideoWriter(tmp_path / "missing" / "out.mp4", 10)
