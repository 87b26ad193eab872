"""How often a camera's frames are looked at."""


class Rhythm:
    """Calls for about `fps` frames a second of those that come, by their times alone.

    Evenly where frames come oftener than they are wanted; all of them where they come more seldom.
    """

    def __init__(self, fps: float) -> None:
        self._period = 1 / fps
        self._next = float("-inf")

    def calls(self, at: float) -> bool:
        """Whether the frame of that time, in seconds, is wanted."""
        return at >= self._next

    def beat(self, at: float) -> None:
        """That frame is taken."""
        self._next = max(self._next + self._period, at + self._period / 2)
