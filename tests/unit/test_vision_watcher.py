"""Frames and detections in, visits and samples out."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tracks import DOOR, HEIGHT, SIZE, Eye, Path, entrance

from domain.errors import InputError
from domain.records import Detection, Frame
from domain.settings import Camera
from vision.watcher import SeenKind, Watcher


def kinds(eye: Eye) -> list[str]:
    return [seen.kind.value for seen in eye.events]


def between(begin: tuple[float, float], end: tuple[float, float], seconds: float) -> Path:
    """Walk from one place to the other, and then be gone."""

    def path(at: float) -> tuple[float, float] | None:
        share = at / seconds
        if share > 1:
            return None
        return begin[0] + (end[0] - begin[0]) * share, begin[1] + (end[1] - begin[1]) * share

    return path


def department(**given_settings: object) -> Camera:
    return Camera.model_validate(
        {"id": "toys", "role": "department", "department": "Toys", "source": "0", **given_settings}
    )


class TestWithoutADoor:
    def test_who_is_present_for_a_second_is_a_visit_with_a_crop(self) -> None:
        eye = Eye(entrance())
        eye.watch([between((3, 0), (8, 0), 6)], 12)
        eye.finish()
        assert kinds(eye) == ["visit", "gone"]
        visit, gone = eye.events
        assert 1.0 <= visit.at <= 1.2
        assert visit.crop is not None
        assert visit.crop.dtype == np.uint8
        assert (gone.first_frame, gone.last_frame) == (0, 30)
        assert gone.crop is None

    def test_who_is_there_for_less_is_none(self) -> None:
        eye = Eye(entrance())
        eye.watch([between((3, 0), (4, 0), 0.6)], 5)
        assert SeenKind.VISIT not in kinds(eye)

    def test_one_false_detection_is_nobody(self) -> None:
        eye = Eye(entrance())
        eye.watch([lambda at: (5, 0) if at == 1 else None], 5)
        assert eye.finish() == []

    def test_one_whom_the_detector_loses_for_seconds_is_one_visit(self) -> None:
        walk = between((3, 0), (8, 0), 16)
        eye = Eye(entrance())
        eye.watch([lambda at: None if 5 < at < 9 else walk(at)], 30)
        eye.finish()
        assert kinds(eye) == ["visit", "gone"]
        assert eye.events[-1].last_frame - eye.events[-1].first_frame >= 75

    def test_two_one_after_the_other_at_different_places_are_two(self) -> None:
        eye = Eye(entrance())
        first, second = between((3, 0), (3, 3), 5), between((9, 0), (9, 3), 5)
        eye.watch([first, lambda at: second(at - 6) if at >= 6 else None], 20)
        eye.finish()
        assert kinds(eye).count("visit") == 2

    @pytest.mark.parametrize("seed", range(5))
    def test_a_detector_that_misses_a_third_and_jitters_makes_no_more_of_them(self, seed: int) -> None:
        eye = Eye(entrance(), seed=seed, miss=0.35, jitter=0.05)
        eye.watch([between((2, 0), (9, 2), 20), between((9, 3), (3, 3.5), 20)], 35)
        eye.finish()
        assert kinds(eye).count("visit") == 2


class TestWithADoor:
    def test_an_entry_is_a_visit(self) -> None:
        eye = Eye(entrance(door=DOOR))
        eye.watch([between((3.3, -2), (3.3, 2.5), 6)], 10)
        eye.finish()
        assert kinds(eye) == ["visit", "entry", "gone"]
        assert (eye.watcher.visits, eye.watcher.entries, eye.watcher.exits) == (1, 1, 0)
        visit, entry, _ = eye.events
        assert (visit.frame, visit.crossed) == (entry.frame, True)
        assert visit.crop is not None

    def test_an_exit_is_none(self) -> None:
        eye = Eye(entrance(door=DOOR))
        eye.watch([between((3.3, 2.5), (3.3, -2), 6)], 10)
        eye.finish()
        assert kinds(eye) == ["exit", "gone"]
        assert (eye.watcher.visits, eye.watcher.entries, eye.watcher.exits) == (0, 0, 1)

    @pytest.mark.parametrize(("return_s", "visits"), [(60, 0), (5, 1)])
    def test_who_went_out_a_moment_ago_comes_back_without_being_announced(self, return_s: float, visits: int) -> None:
        def smoker(at: float) -> tuple[float, float]:
            return 3.3, float(np.interp(at, [0, 4, 14, 18], [2, -2, -2, 2]))

        eye = Eye(entrance(door=DOOR, return_s=return_s))
        eye.watch([smoker], 22)
        eye.finish()
        assert (eye.watcher.entries, eye.watcher.exits, eye.watcher.visits) == (1, 1, visits)

    def test_two_who_pass_each_other_in_the_doorway(self) -> None:
        eye = Eye(entrance(door=DOOR))
        eye.watch([between((2.7, -2), (2.7, 2), 6), between((3.9, 2), (3.9, -2), 6)], 12)
        eye.finish()
        assert (eye.watcher.entries, eye.watcher.exits) == (1, 1)

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1))
    def test_a_noisy_detector_counts_the_same(self, seed: int) -> None:
        eye = Eye(entrance(door=DOOR), seed=seed, miss=0.25, jitter=0.04)
        eye.watch([between((3.3, -2), (3.3, 2.5), 8)], 14)
        eye.finish()
        assert (eye.watcher.entries, eye.watcher.exits, eye.watcher.visits) == (1, 0, 1)


class TestDepartments:
    def test_who_dwells_is_a_sample_once(self) -> None:
        eye = Eye(department(dwell_s=5))
        eye.watch([lambda at: (4 + 0.01 * at, 0)], 20)
        eye.finish()
        assert kinds(eye) == ["sample", "gone"]
        assert 5.0 <= eye.events[0].at <= 5.2
        assert eye.events[0].crop is not None

    def test_who_walks_past_is_none(self) -> None:
        eye = Eye(department(dwell_s=5))
        eye.watch([between((1, 0), (10, 0), 4)], 15)
        eye.finish()
        assert kinds(eye) == ["gone"]


class TestWhatIsLookedAt:
    def frame(self, number: int, fps: float, shape: tuple[int, int] = (96, 160)) -> Frame:
        return Frame(index=number, at=number / fps, image=np.zeros((*shape, 3), dtype=np.uint8))

    @pytest.mark.parametrize(("source_fps", "rate"), [(10, 5), (12.5, 5), (25, 5), (29.97, 5), (30, 12), (4, 5)])
    def test_the_rate_is_kept_whatever_the_source_has(self, source_fps: float, rate: float) -> None:
        watcher = Watcher(entrance(fps=rate), gated=False)
        looked = sum(watcher.look(self.frame(number, source_fps)) is not None for number in range(int(20 * source_fps)))
        assert looked == pytest.approx(20 * min(rate, source_fps), abs=3)

    def test_nothing_that_moves_is_looked_at_once_a_few_seconds(self) -> None:
        watcher = Watcher(entrance())
        looked = 0
        for number in range(600):
            frame = self.frame(number, 10)
            picture = watcher.look(frame)
            if picture is not None:
                looked += 1
                assert watcher.see(frame, picture, []) == []
        assert 12 <= looked <= 20

    @pytest.mark.parametrize("size", [416, 640])
    @pytest.mark.parametrize("shape", [(432, 768), (288, 384), (1, 1), (1, 5000), (4320, 7680)])
    def test_any_picture_becomes_the_networks_size(self, size: int, shape: tuple[int, int]) -> None:
        picture = Watcher(entrance(size=size)).look(self.frame(0, 10, shape))
        assert picture is not None
        assert max(picture.image.shape) == size
        assert all(side % 32 == 0 for side in picture.image.shape[:2])

    def test_a_region_is_cut_out_and_its_boxes_come_back_to_the_frame(self) -> None:
        watcher = Watcher(entrance(region=[40, 20, 120, 80]), gated=False)
        seen = []
        for number in range(12):
            frame = self.frame(number, 5)
            picture = watcher.look(frame)
            assert picture is not None
            assert picture.image.shape == (320, 416, 3)
            scale = 416 / 80
            box = (10 * scale, 5 * scale, 20 * scale, 45 * scale)
            seen += watcher.see(frame, picture, [Detection(box=box, score=0.9)])
        assert watcher.tracks[0].box == pytest.approx((50, 25, 60, 65), abs=0.5)
        assert [event.kind for event in seen] == [SeenKind.VISIT]

    @pytest.mark.parametrize(
        ("settings_given", "named"),
        [
            ({"door": {"line": [10, 10, 200, 10], "inside": [5, 5]}}, r"door's line 10,10,200,10.*160x96"),
            ({"door": {"line": [10, 97, 100, 97], "inside": [5, 5]}}, r"door's line 10,97,100,97.*160x96"),
            ({"region": [0, 0, 161, 50]}, r"region 0,0,161,50.*160x96"),
        ],
    )
    def test_what_lies_outside_the_picture_is_told(self, settings_given: dict[str, object], named: str) -> None:
        with pytest.raises(InputError, match=named):
            Watcher(entrance(**settings_given)).look(self.frame(0, 10))

    def test_a_picture_that_changes_its_size_in_the_middle_takes_door_and_region_along(self) -> None:
        door = {"line": [20, 60, 100, 60], "inside": [50, 10]}
        watcher = Watcher(entrance(door=door, region=[10, 10, 150, 90]))
        assert watcher.look(self.frame(0, 10)) is not None
        smaller = watcher.look(self.frame(10, 10, (48, 80)))
        assert smaller is not None
        assert (smaller.left, smaller.top, smaller.width, smaller.height) == (5, 5, 70, 40)
        larger = watcher.look(self.frame(20, 10, (192, 320)))
        assert larger is not None
        assert (larger.left, larger.top, larger.width, larger.height) == (20, 20, 280, 160)

    @pytest.mark.parametrize("share", [0.5, 2.0])
    def test_who_comes_in_after_that_crosses_the_same_door(self, share: float) -> None:
        eye = Eye(entrance(door=DOOR))
        eye.watch([], 1)
        eye.resize(share)
        eye.watch([between((3.3, -2), (3.3, 2), 5)], 8)
        eye.finish()
        assert kinds(eye) == ["visit", "entry", "gone"]

    def test_empty_and_nonsensical_boxes_are_nobody(self) -> None:
        watcher = Watcher(entrance(), gated=False)
        for number in range(10):
            frame = self.frame(number, 5)
            picture = watcher.look(frame)
            assert picture is not None
            boxes = [(5.0, 5.0, 5.0, 5.0), (500.0, 500.0, 600.0, 600.0), (50.0, 50.0, 20.0, 20.0)]
            assert watcher.see(frame, picture, [Detection(box=box, score=0.9) for box in boxes]) == []
        assert watcher.tracks == []


def test_the_gate_loses_no_visit_and_saves_looks_where_somebody_stands() -> None:
    """A block walks in, stands for half a minute waving, and walks on."""
    detected = {}
    for gated in (True, False):
        watcher = Watcher(entrance(), gated=gated)
        calls, events = 0, []
        for number in range(250):
            at = number / 5
            left = round(float(np.interp(at, [5, 10, 40, 45], [0, 300, 300, 600])))
            image = np.full((*SIZE[::-1], 3), 90, dtype=np.uint8)
            there = 5 <= at <= 45
            if there:
                image[200 : 200 + 2 * HEIGHT, left : left + 40] = 200
                image[240:250, left + 5 + 10 * (number % 2) : left + 15 + 10 * (number % 2)] = 20
            frame = Frame(index=number, at=at, image=image)
            picture = watcher.look(frame)
            if picture is not None:
                calls += 1
                box = tuple(value * picture.scale for value in (left, 200, left + 40, 200 + 2 * HEIGHT))
                found = [Detection(box=(box[0], box[1], box[2], box[3]), score=0.9)] if there else []
                events += watcher.see(frame, picture, found)
        events += watcher.finish()
        detected[gated] = calls
        assert [seen.kind for seen in events] == [SeenKind.VISIT, SeenKind.GONE]
    assert detected[True] <= detected[False] / 2


def test_people_who_are_gone_leave_nothing_behind() -> None:
    """Memory after three minutes and after twelve: every person is forgotten."""
    eye = Eye(entrance(door=DOOR, fps=2), fps=2, jitter=0.02)

    def crowd(minutes: int) -> None:
        for number in range(3 * minutes):
            ends = ((3.3, -2.0), (3.3, 2.5)) if number % 2 == 0 else ((3.3, 2.5), (3.3, -2.0))
            eye.watch([between(*ends, 6), between((1, -3), (9, -3), 8)], 20)
            eye.events.clear()

    tracemalloc.start()
    try:
        crowd(3)
        early = tracemalloc.get_traced_memory()[0]
        crowd(9)
        late = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert eye.watcher.entries == pytest.approx(18, abs=1)
    assert late - early < 100_000
    assert len(eye.watcher.tracks) <= 2
