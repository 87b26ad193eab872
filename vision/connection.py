"""The states of a camera's connection, pure: told what happened and when, it says what to do. No clock, no camera."""

from dataclasses import dataclass
from enum import StrEnum

#: Seconds without a frame until a stream counts as stalled.
STALLED_AFTER_S = 5.0
#: Seconds that an attempt may take until its first frame; opening and the first read have 5 s each.
FIRST_FRAME_S = 12.0
#: Seconds between attempts: the first pause, its growth, and the longest one. The longest one and an opening (3 s)
#: together keep a camera's return within 10 s.
PAUSE_S = 1.0
PAUSE_GROWTH = 1.5
LONGEST_PAUSE_S = 6.0


class CaptureState(StrEnum):
    """How a source is."""

    #: No frame has come yet.
    CONNECTING = "connecting"
    STREAMING = "streaming"
    #: Frames came and stopped; the next attempt is under way.
    STALLED = "stalled"
    #: The last attempt failed; the next one waits for its time.
    LOST = "lost"
    #: A recording is over, or the capture was closed.
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True, slots=True)
class CaptureStatus:
    """Where a capture stands, why it came there, and since when (wall clock)."""

    state: CaptureState
    reason: str
    since: float


class Action(StrEnum):
    """What the owner of a connection is to do now."""

    NONE = "none"
    #: Start an attempt.
    OPEN = "open"
    #: Leave the attempt under way to itself, and forget what it still brings.
    ABANDON = "abandon"


class Connection:
    """The state machine of one live source. All times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self.state = CaptureState.CONNECTING
        self.reason = "the first attempt"
        self._under_way = False
        self._next_attempt = float("-inf")
        self._pause = PAUSE_S
        #: The last sign of life of the attempt under way: its start, or its last frame.
        self._life = float("-inf")
        self._streams = False

    def tick(self, now: float) -> Action:
        """What to do now; call it several times a second."""
        if self.state is CaptureState.ENDED:
            return Action.NONE
        if not self._under_way:
            if now < self._next_attempt:
                return Action.NONE
            self._under_way, self._streams, self._life = True, False, now
            return Action.OPEN
        patience = STALLED_AFTER_S if self._streams else FIRST_FRAME_S
        if now - self._life < patience:
            return Action.NONE
        if self._streams:
            self._go(CaptureState.STALLED, f"no frame for {STALLED_AFTER_S:g} s")
        else:
            self._go(CaptureState.LOST, f"no frame in the first {FIRST_FRAME_S:g} s")
        self._retry(now)
        return Action.ABANDON

    def frame(self, now: float) -> None:
        """A frame came."""
        if self.state is CaptureState.ENDED:
            return
        self._life, self._streams, self._pause = now, True, PAUSE_S
        if self.state is not CaptureState.STREAMING:
            self._go(CaptureState.STREAMING, "frames come")

    def failed(self, now: float, reason: str) -> None:
        """The attempt under way ended: it could not be opened, or its stream broke off."""
        if self.state is CaptureState.ENDED:
            return
        self._go(CaptureState.LOST, reason)
        self._retry(now)

    def end(self, reason: str) -> None:
        """Nothing comes any more; the first reason stays."""
        self._under_way = False
        if self.state is not CaptureState.ENDED:
            self._go(CaptureState.ENDED, reason)

    def _retry(self, now: float) -> None:
        self._under_way = False
        self._next_attempt = now + self._pause
        self._pause = min(self._pause * PAUSE_GROWTH, LONGEST_PAUSE_S)

    def _go(self, state: CaptureState, reason: str) -> None:
        self.state, self.reason = state, reason
