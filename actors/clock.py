"""The wall clock may be set; what waits for a moment is to wait as long as it would have."""

import time
from collections.abc import Callable

#: Seconds by which the clock must have moved beside the time that has passed: less is a clock that is being slewed.
STEP_S = 2.0


def steady() -> float:
    """Seconds that only ever pass, those of a machine that sleeps included."""
    # time.monotonic stands still meanwhile, on Linux
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class Steps:
    """Notices where the wall clock was set."""

    def __init__(self, clock: Callable[[], float], steady: Callable[[], float]) -> None:
        self._clock = clock
        self._steady = steady
        self._ahead = clock() - steady()

    def step(self) -> float:
        """Seconds that the clock was set forward since this was last asked, or back, if negative; mostly 0."""
        ahead = self._clock() - self._steady()
        by = ahead - self._ahead
        if abs(by) < STEP_S:
            return 0.0
        self._ahead = ahead
        return by
