"""The same person keeps an id; another one gets another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tracks import box_at, plain_look

from domain.records import Box, Detection
from vision.appearance import BINS, STRIPES, Look
from vision.tracking import RELINK_S, Track, Tracker

BOUNDS = (0.0, 0.0, 640.0, 600.0)
FPS = 5


def look(colour: int) -> Look:
    bins = np.zeros((STRIPES, BINS), dtype=np.float32)
    bins[:, colour] = 1
    return bins


class Scene:
    """Feeds a tracker; ids by time."""

    def __init__(self) -> None:
        self.tracker = Tracker(sure=0.5)
        self.ids: list[set[int]] = []
        self.gone: list[Track] = []
        self._number = 0

    def show(self, *boxes: Box | tuple[Box, float] | tuple[Box, float, int], times: int = 1) -> None:
        """Boxes, with a score if it is not 0.8, and a colour."""
        for _ in range(times):
            detections, looks = [], []
            for entry in boxes:
                box, score, colour = (*entry, 0)[:3] if isinstance(entry[0], tuple) else (entry, 0.8, 0)
                detections.append(Detection(box=box, score=score))
                looks.append(look(int(colour)))
            seen, gone = self.tracker.update(detections, looks, self._number, self._number / FPS, BOUNDS)
            self.ids.append({track.id for track, _ in seen})
            self.gone += gone
            self._number += 1


STANDING = box_at(5, 0)
ELSEWHERE = box_at(8, 2)


def test_a_person_is_confirmed_by_the_second_detection() -> None:
    scene = Scene()
    scene.show(STANDING, times=3)
    assert scene.ids == [set(), {1}, {1}]


def test_unsure_detections_alone_are_nobody_but_begin_somebody() -> None:
    scene = Scene()
    scene.show((STANDING, 0.3), times=4)
    scene.show((STANDING, 0.6))
    assert scene.ids == [set(), set(), set(), set(), {1}]
    assert scene.tracker.tracks[0].first_frame == 0


def test_unsure_detections_continue_a_track() -> None:
    scene = Scene()
    scene.show(STANDING, times=2)
    scene.show((STANDING, 0.3), times=20)
    assert scene.ids[-1] == {1}


def test_single_false_detections_are_nobody() -> None:
    scene = Scene()
    for place in range(10):
        scene.show(box_at(1 + place, place % 3))
    assert all(ids == set() for ids in scene.ids)


@pytest.mark.parametrize("speed", [0.0, 0.8, 1.5])
def test_walking_through_gaps_of_a_second_keeps_the_id(speed: float) -> None:
    scene = Scene()
    for number in range(30):
        if number % 8 in {0, 1, 2, 3}:
            scene.show(box_at(1 + speed * number / FPS, 0))
        else:
            scene.show()
    assert set().union(*scene.ids) == {1}


def test_one_who_is_lost_in_the_middle_and_found_nearby_in_the_same_colours_goes_on() -> None:
    scene = Scene()
    scene.show((STANDING, 0.8, 3), times=5)
    scene.show(times=int((RELINK_S - 2) * FPS))
    scene.show((box_at(5.5, 0.2), 0.8, 3), times=3)
    assert scene.ids[-1] == {1}
    assert scene.tracker.tracks[0].first_frame == 0


@pytest.mark.parametrize(
    ("place", "colour", "seconds"),
    [(STANDING, 7, 4), (ELSEWHERE, 3, 4), (STANDING, 3, RELINK_S + 3)],
    ids=["in other colours", "elsewhere", "too late"],
)
def test_somebody_else_is_somebody_else(place: Box, colour: int, seconds: float) -> None:
    scene = Scene()
    scene.show((STANDING, 0.8, 3), times=5)
    scene.show(times=int(seconds * FPS))
    scene.show((place, 0.8, colour), times=3)
    assert scene.ids[-1] == {2}


def test_who_left_at_the_edge_is_not_taken_up_again() -> None:
    scene = Scene()
    at_edge = (0.0, 200.0, 24.0, 264.0)
    scene.show(at_edge, times=5)
    scene.show(times=20)
    scene.show(at_edge, times=3)
    assert scene.ids[-1] == {2}
    assert [track.id for track in scene.gone] == [1]


def test_a_mannequin_does_not_go_off_with_whoever_walks_past() -> None:
    scene = Scene()
    scene.show(STANDING, times=50)
    for number in range(12):
        scene.show(box_at(3 + 0.2 * number, -0.5))
    passer = [track for track in scene.tracker.tracks if track.id == 2]
    assert passer
    assert passer[0].box[0] == pytest.approx(box_at(5.2, -0.5)[0], abs=8)


def test_two_who_walk_side_by_side_keep_their_ids() -> None:
    scene = Scene()
    for number in range(30):
        scene.show(box_at(2 + 0.15 * number, 0), box_at(2.6 + 0.15 * number, 0))
    lefts = {track.id: track.box[0] for track in scene.tracker.tracks}
    assert sorted(lefts) == [1, 2]
    assert set().union(*scene.ids) == {1, 2}
    first = scene.tracker.tracks[0]
    assert first.box[0] == pytest.approx(box_at(2 + 0.15 * 29, 0)[0], abs=10)


def test_half_a_box_does_not_move_the_feet() -> None:
    scene = Scene()
    scene.show(STANDING, times=10)
    x_min, y_min, x_max, y_max = STANDING
    scene.show((x_min, y_min, x_max, y_min + 0.5 * (y_max - y_min)), times=2)
    assert scene.tracker.tracks[0].sights[-1].foot[1] == pytest.approx(300, abs=8)


def test_while_nothing_moves_nobody_is_lost() -> None:
    scene = Scene()
    scene.show(STANDING, times=5)
    for second in range(1, 60):
        scene.tracker.hold(0.8, 0.8 + second)
    scene._number = 5 * 60
    scene.show(STANDING)
    assert scene.ids[-1] == {1}
    assert scene.gone == []


def test_it_wavers_while_somebody_is_new_or_was_just_missed() -> None:
    tracker = Tracker(sure=0.5)
    person = Detection(box=STANDING, score=0.8)
    tracker.update([person], [plain_look()], 0, 0.0, BOUNDS)
    assert tracker.wavers(0.0, 0.2)
    tracker.update([person], [plain_look()], 1, 0.2, BOUNDS)
    assert not tracker.wavers(0.2, 0.4)
    tracker.update([], [], 2, 0.4, BOUNDS)
    assert tracker.wavers(0.4, 0.6)
    assert not tracker.wavers(0.4, 5.0)


@given(
    st.lists(
        st.lists(
            st.tuples(st.floats(0, 600), st.floats(0, 560), st.floats(2, 200), st.floats(2, 300), st.floats(0.1, 1)),
            max_size=6,
        ),
        max_size=40,
    )
)
def test_whatever_is_detected_ids_are_unique_and_nothing_piles_up(frames: list[list[tuple[float, ...]]]) -> None:
    tracker, given_up = Tracker(sure=0.5), set()
    for number, boxes in enumerate(frames):
        found = [
            Detection(box=(x, y, min(x + width, 640.0), min(y + height, 600.0)), score=score)
            for x, y, width, height, score in boxes
        ]
        seen, gone = tracker.update(found, [plain_look()] * len(found), number, number / FPS, BOUNDS)
        ids = [track.id for track, _ in seen]
        assert len(ids) == len(set(ids))
        assert 0 not in ids
        assert not given_up & set(ids)
        given_up |= {track.id for track in gone}
    tracker.update([], [], 1000, 1000.0, BOUNDS)
    assert tracker.tracks == []
