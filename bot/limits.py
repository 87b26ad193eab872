"""How much one person may ask of the bot."""

import time
from collections import deque
from collections.abc import Callable

#: Updates that are handled of one person within so many seconds; what comes above that is dropped.
_UPDATES, _WINDOW_S = 20, 10.0
#: Seconds until somebody without access is answered again.
_SILENCE_S = 60.0
#: Wrong codes that are looked at within an hour.
_CODES, _HOUR_S = 5, 3600.0
#: People that are remembered at most; then those are forgotten who have been quiet for long enough.
_PEOPLE = 10_000


class Limit:
    """So many times within so many seconds, for each person."""

    def __init__(self, times: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._times = times
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[int, deque[float]] = {}

    def reached(self, person: int) -> bool:
        """Whether the person has used it up."""
        seen = self._seen.get(person)
        return seen is not None and len(seen) >= self._times and seen[0] > self._clock() - self._seconds

    def count(self, person: int) -> None:
        """Once more."""
        if person not in self._seen and len(self._seen) >= _PEOPLE:
            since = self._clock() - self._seconds
            self._seen = {known: seen for known, seen in self._seen.items() if seen[-1] > since}
        self._seen.setdefault(person, deque(maxlen=self._times)).append(self._clock())

    def allows(self, person: int) -> bool:
        """Count once more, unless it is used up."""
        if self.reached(person):
            return False
        self.count(person)
        return True

    def forget(self, person: int) -> None:
        """The person begins anew."""
        self._seen.pop(person, None)


def updates() -> Limit:
    """What one person writes and presses."""
    return Limit(_UPDATES, _WINDOW_S)


def refusals() -> Limit:
    """Answers to somebody without access."""
    return Limit(1, _SILENCE_S)


def wrong_codes() -> Limit:
    """Codes that were none."""
    return Limit(_CODES, _HOUR_S)
