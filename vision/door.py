"""The door: who crossed its line, and who only seemed to."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from domain.settings import Door
from vision.tracking import Sight

#: The band on both sides of the line, as a share of the person's height, in which nothing is decided.
#: Higher forgives more flicker; lower counts people whose feet are seen only close to the line.
BAND = 0.1
#: Sights beyond the band in a row that make a crossing; one is enough where the person was never seen again.
SIGHTS = 2
#: Seconds unseen after which nobody waits for the next sight.
UNSEEN_S = 0.5
#: Who crosses and comes back within so many seconds only looked in (or out): neither is counted.
LOOKED_S = 2.0
#: Seconds from the crossing to its announcement, so that the best picture is had and most who look in are out again.
ANNOUNCE_S = 0.8
#: How far beyond the line a person is in for sure, in heights, even one who stops there.
DEEP = 1.0
#: How far beyond the line's ends a crossing still counts, in heights.
BESIDE = 0.25


class Direction(StrEnum):
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

    def __init__(self, door: Door) -> None:
        self._begin = np.array(door.line[:2], dtype=np.float64)
        along = np.array(door.line[2:], dtype=np.float64) - self._begin
        self._length = float(np.hypot(*along))
        self._along = along / self._length
        self._inwards = np.array([-self._along[1], self._along[0]])
        if (np.array(door.inside) - self._begin) @ self._inwards < 0:
            self._inwards = -self._inwards

    def depth(self, point: tuple[float, float]) -> float:
        """Pixels from the line, positive inside."""
        return float((np.array(point) - self._begin) @ self._inwards)

    def beside(self, point: tuple[float, float]) -> float:
        """Pixels that a point lies beyond the line's ends; 0 between them."""
        place = float((np.array(point) - self._begin) @ self._along)
        return max(0.0, -place, place - self._length)


@dataclass(frozen=True, slots=True)
class _Sight:
    frame: int
    at: float
    foot: tuple[float, float]
    #: In heights, positive inside.
    depth: float
    height: float


class Passage:
    """One track at the door. Pure: goes by the times that it is told."""

    def __init__(self, line: DoorLine) -> None:
        self._line = line
        self._side: Direction | None = None
        self._last: _Sight | None = None
        self._beyond = 0
        self._zero: Crossing | None = None
        self._through = False
        self._pending: Crossing | None = None
        self._announced = False
        self._inwards = 0.0

    @property
    def waits(self) -> bool:
        """Whether a crossing is being decided."""
        return self._pending is not None

    @property
    def distance(self) -> float:
        """Heights between the person and the line at the last sight."""
        return abs(self._last.depth) if self._last else float("inf")

    def see(self, seen: Sight) -> list[tuple[Step, Crossing]]:
        """The person's foot point in a frame."""
        height = max(seen.height, 1.0)
        sight = _Sight(seen.frame, seen.at, seen.foot, self._line.depth(seen.foot) / height, height)
        before, self._last = self._last, sight
        if before is not None:
            self._note_zero(before, sight)
            speed = (sight.depth - before.depth) / max(seen.at - before.at, 1e-3)
            self._inwards = 0.5 * self._inwards + 0.5 * speed
        side = _side(sight.depth)
        if side is None:
            return []
        if self._side is None or side is self._side:
            self._side, self._beyond = side, 0
            return []
        self._beyond += 1
        return self._cross(side) if self._beyond >= SIGHTS else []

    def settle(self, at: float, *, over: bool = False) -> list[tuple[Step, Crossing]]:
        """What time alone decides; call it at every look. `over`: the track is given up."""
        if self._last is None:
            return []
        steps: list[tuple[Step, Crossing]] = []
        unseen = over or at - self._last.at >= UNSEEN_S
        side = _side(self._last.depth)
        if unseen and self._beyond and side is not None and side is not self._side:
            steps += self._cross(side)
        crossing = self._pending
        if crossing is None:
            return steps
        stays = (self._last.depth > 0) == (crossing.direction is Direction.IN)
        elapsed = at - crossing.at
        if not stays and not over:
            return steps
        if not self._announced and (
            over or elapsed > LOOKED_S or (elapsed >= ANNOUNCE_S and (unseen or self._goes_on(crossing)))
        ):
            self._announced = True
            steps.append((Step.ANNOUNCED, crossing))
        if over or elapsed > LOOKED_S:
            self._pending = None
            steps.append((Step.COUNTED, crossing))
        return steps

    def _goes_on(self, crossing: Crossing) -> bool:
        assert self._last is not None
        sign = 1 if crossing.direction is Direction.IN else -1
        return sign * self._last.depth >= DEEP or sign * self._inwards > 0.1

    def _note_zero(self, before: _Sight, now: _Sight) -> None:
        if (before.depth > 0) == (now.depth > 0):
            return
        share = before.depth / (before.depth - now.depth)
        point = (
            before.foot[0] + share * (now.foot[0] - before.foot[0]),
            before.foot[1] + share * (now.foot[1] - before.foot[1]),
        )
        self._through = self._line.beside(point) <= BESIDE * now.height
        self._zero = Crossing(
            direction=Direction.IN if now.depth > 0 else Direction.OUT,
            frame=round(before.frame + share * (now.frame - before.frame)),
            at=before.at + share * (now.at - before.at),
        )

    def _cross(self, side: Direction) -> list[tuple[Step, Crossing]]:
        self._side, self._beyond = side, 0
        crossing = self._zero
        if crossing is None or not self._through:
            # Around the line's end: on the other side, without having come through the door.
            return []
        back, self._pending = self._pending, None
        announced, self._announced = self._announced, False
        if back is not None and crossing.at - back.at <= LOOKED_S:
            return [(Step.WITHDRAWN, back)] if announced else []
        self._pending = crossing
        if back is None:
            return []
        return [(Step.COUNTED, back)] if announced else [(Step.ANNOUNCED, back), (Step.COUNTED, back)]


def _side(depth: float) -> Direction | None:
    if abs(depth) < BAND:
        return None
    return Direction.IN if depth > 0 else Direction.OUT
