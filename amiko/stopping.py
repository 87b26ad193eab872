"""Ctrl-C and SIGTERM as the end of a wait, so that everything is stopped in order."""

import signal
import time
from types import FrameType


class Stopping:
    """From now on, the first Ctrl-C or SIGTERM ends the wait; the second one ends the process."""

    def __init__(self) -> None:
        self.wanted = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._want)

    def _want(self, _number: int, _frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True

    def wait(self, seconds: float | None = None) -> None:
        """Until it is wanted, or for so many seconds."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self.wanted and (until is None or time.monotonic() < until):
            time.sleep(0.1)
