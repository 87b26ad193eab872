"""Where a walking person is and will be: a Kalman filter of constant velocity, measured in body heights."""

import math
from typing import Self

import numpy as np
from numpy.typing import NDArray

#: Standard deviation of a detected place, heights. Higher smooths more, and lags more behind a turn.
PLACE = 0.06
#: Standard deviation of a person's acceleration, heights a second squared. Higher follows turns sooner, and jitter too.
ACCELERATION = 1.0
#: Standard deviation of a stranger's speed, heights a second: walking is 0.8.
SPEED = 0.8
#: Seconds over which a speed is believed to last.
LASTS_S = 1.0


class Kalman:
    """Place and velocity of one point in the picture; both axes share one covariance."""

    def __init__(self, place: NDArray[np.float64], height: float) -> None:
        #: Pixels, shape `(2,)`.
        self.place = place
        #: Pixels a second, shape `(2,)`.
        self.velocity = np.zeros(2)
        # Covariance in heights: place, place and velocity, velocity.
        self._pp, self._pv, self._vv = PLACE**2, 0.0, SPEED**2
        self._height = height

    def ahead(self, elapsed: float) -> NDArray[np.float64]:
        """The place so many seconds later."""
        return np.asarray(self.place + self.velocity * min(elapsed, LASTS_S))

    def spread(self, elapsed: float) -> float:
        """Standard deviation of that place, pixels."""
        return math.sqrt(self._later(min(elapsed, LASTS_S))[0]) * self._height

    def update(self, measured: NDArray[np.float64], elapsed: float, height: float, score: float) -> None:
        """Take in a place detected so many seconds after the last one; an unsure detection moves it less."""
        elapsed = min(elapsed, LASTS_S)
        pp, pv, vv = self._later(elapsed)
        noise = (PLACE / max(score, 0.1)) ** 2 / 2
        gain_place, gain_velocity = pp / (pp + noise), pv / (pp + noise)
        residual = measured - self.ahead(elapsed)
        self.place = self.ahead(elapsed) + gain_place * residual
        self.velocity = self.velocity + gain_velocity * residual
        self._pp, self._pv, self._vv = (1 - gain_place) * pp, (1 - gain_place) * pv, vv - gain_velocity * pv
        self._height = height

    def rest(self) -> None:
        """It was seen to stand still."""
        self.velocity = np.zeros(2)

    def replaced_by(self, other: Self) -> None:
        """Go on from another filter's state."""
        self.place, self.velocity = other.place, other.velocity
        self._pp, self._pv, self._vv, self._height = other._pp, other._pv, other._vv, other._height

    def _later(self, elapsed: float) -> tuple[float, float, float]:
        power = ACCELERATION**2
        return (
            self._pp + 2 * elapsed * self._pv + elapsed**2 * self._vv + power * elapsed**4 / 4,
            self._pv + elapsed * self._vv + power * elapsed**3 / 2,
            self._vv + power * elapsed**2,
        )
