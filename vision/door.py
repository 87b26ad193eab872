"""The door: who crossed its line, and who only seemed to."""

import math
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from domain.settings import Door
from vision.tracking import Sight

#: How far beyond the line a person must be to be on that side, as a share of the height: in the mean of a second's
#: sights, so that jitter does not do. Higher forgives more flicker; lower counts people who turn off right behind it.
BAND = 0.08
#: Heights that a person must have gone between two seconds before the crossing and now: who stands on the line has not.
MOVED = 0.35
#: Seconds of sights that are kept to judge by.
MEMORY_S = 2.5
#: Seconds over which a place is averaged.
MEAN_S = 1.0
#: Seconds unseen after which nobody waits for the next sight.
UNSEEN_S = 0.5
#: Who crosses and comes back within so many seconds only looked in (or out): neither is counted.
LOOKED_S = 2.0
#: Seconds from the crossing to its announcement, so that the best picture is had and most who look in are out again.
ANNOUNCE_S = 0.8
#: How far beyond the line a person is in for sure, in heights, even one who stops there.
DEEP = 1.0
#: Heights a second at which a person still goes on.
GOES_ON = 0.1
#: How far beyond the line's ends a crossing still counts, in heights.
BESIDE = 0.25


class Direction(StrEnum):
    """Into the shop, or out of it."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossing:
    """The foot point's passing over the line; frame and time are interpolated between two sights."""

    direction: Direction
    frame: int
    at: float


class Step(StrEnum):
    """What became of a crossing."""

    #: Sure enough to be announced.
    ANNOUNCED = "announced"
    #: It counts.
    COUNTED = "counted"
    #: It was announced, and then the person stepped back.
    WITHDRAWN = "withdrawn"


class DoorLine:
    """The line's geometry, in pixels of the frame."""

    def __init__(self, door: Door, scale: tuple[float, float] = (1.0, 1.0)) -> None:
        """`scale`: how much wider and higher the frame is than the one that the door was drawn on."""
        self._begin = np.multiply(door.line[:2], scale)
        along = np.multiply(door.line[2:], scale) - self._begin
        self._length = max(float(np.hypot(*along)), 1e-9)
        self._along = along / self._length
        self._inwards = np.array([-self._along[1], self._along[0]])
        if (np.multiply(door.inside, scale) - self._begin) @ self._inwards < 0:
            self._inwards = -self._inwards

    def depth(self, point: tuple[float, float]) -> float:
        """Pixels from the line, positive inside."""
        return float((np.array(point) - self._begin) @ self._inwards)

    def inwards(self, point: tuple[float, float], distance: float) -> tuple[float, float]:
        """The point that lies so many pixels further in."""
        x, y = np.array(point) + distance * self._inwards
        return float(x), float(y)

    def beside(self, point: tuple[float, float]) -> float:
        """Pixels that a point lies beyond the line's ends; 0 between them."""
        place = float((np.array(point) - self._begin) @ self._along)
        return max(0.0, -place, place - self._length)


@dataclass(frozen=True, slots=True)
class _Place:
    """A sight, as the door sees it."""

    at: float
    foot: tuple[float, float]
    #: In heights, positive inside.
    depth: float
    height: float


@dataclass(slots=True)
class _Pending:
    """A crossing that is being judged."""

    crossing: Crossing
    #: Between the line's ends, rather than around them.
    through: bool
    #: The foot point two seconds before.
    origin: tuple[float, float]
    announced: bool = False
    #: Sights back on the side where it came from, in a row.
    back: int = 0


class Passage:
    """One track at the door. Pure: goes by the times that it is told.

    A change of sides is pending at first. It counts when the person has really gone somewhere, is clearly beyond the
    line and stays there for two seconds (or is not seen again); whoever is back before that has not crossed.
    """

    def __init__(self, line: DoorLine) -> None:
        self._line = line
        #: Where the person is known to be; None until one clear sight.
        self._side: Direction | None = None
        self._places: deque[_Place] = deque()
        self._frame = 0
        self._pending: _Pending | None = None

    def waits(self, at: float) -> bool:
        """Whether a crossing is about to be decided."""
        return self._pending is not None and at - self._pending.crossing.at <= LOOKED_S + MEAN_S

    @property
    def distance(self) -> float:
        """Heights between the person and the line at the last sight."""
        return abs(self._places[-1].depth) if self._places else float("inf")

    def see(self, sight: Sight) -> list[tuple[Step, Crossing]]:
        """The person's foot point in a frame."""
        height = max(sight.height, 1.0)
        now = _Place(sight.at, sight.foot, self._line.depth(sight.foot) / height, height)
        before, before_frame = (self._places[-1], self._frame) if self._places else (None, 0)
        while self._places and now.at - self._places[0].at > MEMORY_S:
            self._places.popleft()
        self._places.append(now)
        self._frame = sight.frame
        if self._side is None:
            self._side = _side(now.depth) if abs(now.depth) >= BAND else None
            return []
        if self._pending is not None:
            return self._judge_return(self._pending, now)
        if before is not None and _side(now.depth) is not self._side:
            self._pending = self._begin(before, before_frame, now, sight.frame)
        return []

    def settle(self, at: float, *, over: bool = False) -> list[tuple[Step, Crossing]]:
        """What time decides; call it at every look. `over`: the track is given up."""
        pending = self._pending
        if pending is None:
            return []
        unseen = over or at - self._places[-1].at >= UNSEEN_S
        if pending.back or not self._is_beyond(pending, unseen=unseen) or not self._has_moved(pending):
            return [(Step.WITHDRAWN, pending.crossing)] if over and pending.announced else []
        elapsed = at - pending.crossing.at
        steps: list[tuple[Step, Crossing]] = []
        final = over or elapsed > LOOKED_S
        early = elapsed >= ANNOUNCE_S and (unseen or self._goes_on(pending.crossing.direction))
        if pending.through and not pending.announced and (final or early):
            pending.announced = True
            steps.append((Step.ANNOUNCED, pending.crossing))
        if final:
            self._side, self._pending = pending.crossing.direction, None
            if pending.through:
                steps.append((Step.COUNTED, pending.crossing))
        return steps

    def _begin(self, before: _Place, before_frame: int, now: _Place, frame: int) -> _Pending:
        # The line lies between two sights; where the first was on it already, the crossing is there.
        between = before.depth * now.depth <= 0 and before.depth != now.depth
        share = before.depth / (before.depth - now.depth) if between else 1.0
        point = (
            before.foot[0] + share * (now.foot[0] - before.foot[0]),
            before.foot[1] + share * (now.foot[1] - before.foot[1]),
        )
        earlier = [place.foot for place in self._places if now.at - place.at >= MEAN_S] or [self._places[0].foot]
        return _Pending(
            crossing=Crossing(
                direction=_side(now.depth),
                frame=round(before_frame + share * (frame - before_frame)),
                at=before.at + share * (now.at - before.at),
            ),
            through=self._line.beside(point) <= BESIDE * now.height,
            origin=earlier[0],
        )

    def _judge_return(self, pending: _Pending, now: _Place) -> list[tuple[Step, Crossing]]:
        if _side(now.depth) is pending.crossing.direction:
            pending.back = 0
            return []
        pending.back += 1
        if pending.back < 2 and abs(now.depth) < BAND:
            return []
        self._pending = None
        return [(Step.WITHDRAWN, pending.crossing)] if pending.announced else []

    def _is_beyond(self, pending: _Pending, *, unseen: bool) -> bool:
        last = self._places[-1]
        sign = 1 if pending.crossing.direction is Direction.IN else -1
        depths = [
            sign * place.depth
            for place in self._places
            if place.at >= pending.crossing.at and last.at - place.at <= MEAN_S
        ]
        if unseen:
            return max(depths, default=0.0) >= BAND
        return len(depths) >= 2 and sum(depths) / len(depths) >= BAND

    def _has_moved(self, pending: _Pending) -> bool:
        last = self._places[-1]
        return math.dist(pending.origin, last.foot) >= MOVED * last.height

    def _goes_on(self, direction: Direction) -> bool:
        last = self._places[-1]
        sign = 1 if direction is Direction.IN else -1
        if sign * last.depth >= DEEP:
            return True
        first = next(place for place in self._places if last.at - place.at <= MEAN_S / 2)
        return sign * (last.depth - first.depth) > GOES_ON * (last.at - first.at) > 0


def _side(depth: float) -> Direction:
    return Direction.IN if depth > 0 else Direction.OUT
