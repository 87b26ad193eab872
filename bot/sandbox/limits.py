"""How loud a bot may be, where that is asked for: Telegram's documented limits."""

import math
import time
from dataclasses import dataclass, field

#: Messages a second: to one chat, and to all of them. Telegram documents these, and that short bursts go through.
_CHAT, _OVERALL = 1.0, 30.0
#: Messages at once that go through. Telegram tells no number.
_CHAT_BURST, _OVERALL_BURST = 5.0, 30.0


@dataclass(slots=True)
class _Bucket:
    per_s: float
    most: float
    left: float
    at: float

    def wait_s(self, now: float) -> float:
        """Seconds until there is room for one more."""
        self.left = min(self.most, self.left + (now - self.at) * self.per_s)
        self.at = now
        return max(0.0, (1 - self.left) / self.per_s)


@dataclass(slots=True)
class Limits:
    """One bot's. Not thread-safe: whoever holds it guards it."""

    _chats: dict[int, _Bucket] = field(default_factory=dict)
    _overall: _Bucket = field(
        default_factory=lambda: _Bucket(_OVERALL, _OVERALL_BURST, _OVERALL_BURST, time.monotonic())
    )

    def refuse(self, chat: int) -> int | None:
        """Whole seconds to be silent; None where the message goes through, and then it counts."""
        now = time.monotonic()
        bucket = self._chats.setdefault(chat, _Bucket(_CHAT, _CHAT_BURST, _CHAT_BURST, now))
        wait_s = max(bucket.wait_s(now), self._overall.wait_s(now))
        if wait_s > 0:
            return math.ceil(wait_s)
        bucket.left -= 1
        self._overall.left -= 1
        return None
