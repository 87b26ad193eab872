"""Who crossed the door's line, and who only seemed to."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tracks import DOOR, HEIGHT, Path, sights

from domain.settings import Door
from vision.door import ANNOUNCE_S, LOOKED_S, Crossing, DoorLine, Passage, Step
from vision.tracking import Sight

LINE = DoorLine(Door.model_validate(DOOR))
Steps = list[tuple[float, Step, Crossing]]


def walk(path: Path, seconds: float, fps: float = 5) -> Steps:
    """All that a passage says of one walk; the track is given up at its end."""
    return feed(sights(path, seconds, fps), seconds, fps)


def feed(seen: list[Sight], seconds: float, fps: float = 5) -> Steps:
    passage, by_time = Passage(LINE), {sight.at: sight for sight in seen}
    steps: Steps = []
    for number in range(int(seconds * fps)):
        at = number / fps
        if at in by_time:
            steps += [(at, *step) for step in passage.see(by_time[at])]
        steps += [(at, *step) for step in passage.settle(at)]
    return steps + [(seconds, *step) for step in passage.settle(seconds, over=True)]


def counted(steps: Steps) -> list[str]:
    return [crossing.direction.value for _, step, crossing in steps if step is Step.COUNTED]


def through(begin: float, end: float, seconds: float) -> Path:
    """Straight through the door's middle, from one depth to the other."""
    return lambda at: (3.3, begin + (end - begin) * min(at / seconds, 1.0))


def test_geometry_whichever_way_the_line_is_drawn() -> None:
    other_way = DoorLine(Door(line=(300, 300, 100, 300), inside=(200, 100)))
    for line in (LINE, other_way):
        assert line.depth((200, 290)) == pytest.approx(10)
        assert line.depth((900, 310)) == pytest.approx(-10)
        assert line.beside((200, 50)) == 0
        assert line.beside((90, 50)) == pytest.approx(10)
        assert line.beside((320, 50)) == pytest.approx(20)
        assert line.inwards((200, 300), 50) == pytest.approx((200, 250))


@pytest.mark.parametrize("fps", [3, 5, 12.5, 25])
@pytest.mark.parametrize("speed", [0.25, 0.8, 2.0])
def test_one_who_walks_in_is_one_entry_at_the_line(fps: float, speed: float) -> None:
    steps = walk(through(-2, 2, 4 / speed), 4 / speed + 4, fps)
    assert counted(steps) == ["in"]
    crossing = steps[-1][2]
    assert crossing.at == pytest.approx(2 / speed, abs=0.05)
    assert crossing.frame == pytest.approx(2 / speed * fps, abs=0.6)


def test_one_who_walks_out_is_one_exit() -> None:
    assert counted(walk(through(2, -2, 5), 8)) == ["out"]


def test_who_goes_on_is_announced_within_a_second_and_counted_after_two() -> None:
    steps = walk(through(-2, 2, 5), 8)
    crossed = steps[0][2].at
    told = {step: at for at, step, _ in steps}
    assert ANNOUNCE_S <= told[Step.ANNOUNCED] - crossed <= 1.0
    assert LOOKED_S < told[Step.COUNTED] - crossed <= LOOKED_S + 0.21


@pytest.mark.parametrize("depth", [0.2, 0.6, 1.5])
@pytest.mark.parametrize("inside_s", [0.5, 1.0, 1.9])
def test_one_who_looks_in_and_steps_back_is_none(depth: float, inside_s: float) -> None:
    def path(at: float) -> tuple[float, float]:
        if at < 3:
            return 3.3, min(0.0, -1.5 + 0.5 * at) - 0.01
        if at < 3 + inside_s:
            return 3.3, depth * math.sin(math.pi * (at - 3) / inside_s)
        return 3.3, max(-1.5, -0.02 - 0.5 * (at - 3 - inside_s))

    steps = walk(path, 10)
    assert counted(steps) == []
    # Announced only if deep inside, or still going on, after most of a second; and then withdrawn.
    announced = [step for _, step, _ in steps if step is Step.ANNOUNCED]
    assert announced == [] or Step.WITHDRAWN in [step for _, step, _ in steps]


def test_one_who_steps_over_stops_and_steps_back_is_not_even_announced() -> None:
    def path(at: float) -> tuple[float, float]:
        return 3.3, float(np.interp(at, [0, 3, 3.4, 4.4, 4.8, 8], [-1.5, -0.02, 0.3, 0.3, -0.1, -1.5]))

    assert walk(path, 10) == []


def test_one_who_comes_back_later_has_gone_in_and_out() -> None:
    def path(at: float) -> tuple[float, float]:
        return 3.3, float(np.interp(at, [0, 3, 8, 11], [-1, 1, 1, -1]))

    assert counted(walk(path, 15)) == ["in", "out"]


@pytest.mark.parametrize("depth", [-0.5, -0.2, 0.2])
def test_one_who_passes_by_is_none(depth: float) -> None:
    assert walk(lambda at: (0.7 * at, depth), 14) == []


def test_one_who_goes_around_the_lines_end_is_none_and_is_on_the_other_side_then() -> None:
    def path(at: float) -> tuple[float, float]:
        x = float(np.interp(at, [0, 4, 6, 10], [7, 7, 3.3, 3.3]))
        return x, float(np.interp(at, [0, 4, 6, 10], [-1.5, 1, 1, -1.5]))

    assert counted(walk(path, 14)) == ["out"]


@given(
    seed=st.integers(0, 2**32 - 1),
    sway=st.floats(0, 0.06),
    at_depth=st.floats(-0.05, 0.05),
)
def test_one_who_stands_on_the_line_is_none(seed: int, sway: float, at_depth: float) -> None:
    random = np.random.default_rng(seed)
    places = [(3.3 + random.normal(0, sway), at_depth + random.normal(0, sway)) for _ in range(300)]
    assert counted(walk(lambda at: places[round(at * 5)], 60)) == []


@given(seed=st.integers(0, 2**32 - 1), speed=st.floats(0.2, 1.5), fps=st.sampled_from([4, 5, 8, 12.5]))
def test_flicker_at_the_line_is_one_crossing(seed: int, speed: float, fps: float) -> None:
    """Feet that jitter by a twentieth of the height while somebody walks through slowly or fast."""
    random = np.random.default_rng(seed)
    whole = sights(through(-1.5, 1.5, 3 / speed), 3 / speed + 3, fps)
    jittered = [
        Sight(sight.frame, sight.at, (sight.foot[0], sight.foot[1] + random.normal(0, 0.03 * HEIGHT)), HEIGHT)
        for sight in whole
    ]
    assert counted(feed(jittered, 3 / speed + 3, fps)) == ["in"]


@given(seed=st.integers(0, 2**32 - 1), miss=st.floats(0, 0.5))
def test_missed_detections_lose_no_crossing(seed: int, miss: float) -> None:
    random = np.random.default_rng(seed)
    whole = sights(through(1.5, -1.5, 4), 7)
    kept = [sight for number, sight in enumerate(whole) if number < 2 or random.random() >= miss]
    # Somebody who is never seen outside has not been seen to go out.
    if sum(sight.foot[1] > 300 + 0.1 * HEIGHT for sight in kept) >= 2:
        assert counted(feed(kept, 7)) == ["out"]


def test_one_who_is_not_seen_again_behind_the_line_counts() -> None:
    steps = walk(lambda at: (3.3, -1.5 + 0.6 * at) if at < 2.9 else None, 8)
    assert counted(steps) == ["in"]
    assert steps[0][0] - steps[0][2].at <= 1.0


@given(st.lists(st.tuples(st.floats(-3, 13), st.floats(-4, 4)), min_size=2, max_size=80))
def test_whatever_is_announced_is_counted_or_withdrawn(places: list[tuple[float, float]]) -> None:
    steps = [step for _, step, _ in walk(lambda at: places[round(at * 5)], len(places) / 5)]
    assert steps.count(Step.ANNOUNCED) == steps.count(Step.COUNTED) + steps.count(Step.WITHDRAWN)


@given(st.lists(st.floats(-4, 4), min_size=2, max_size=80))
def test_through_the_door_alone_entries_and_exits_alternate(depths: list[float]) -> None:
    directions = counted(walk(lambda at: (3.3, depths[round(at * 5)]), len(depths) / 5))
    assert all(one != other for one, other in itertools.pairwise(directions))
