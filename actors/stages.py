"""How long a camera's stages take: each for the metrics, the last ones for the status, a visit's own for the log."""

import time
from collections import defaultdict, deque
from collections.abc import Callable
from statistics import quantiles
from typing import Literal

#: In the order in which a visitor passes them, from the frame that shows the visitor inside.
#: capture: decoding; queue: until the camera takes the frame; gate: what moves, and the small picture; detect: the
#: whole call; track; describe: the whole call, of which encode and classify are parts; announce: until the visit is in
#: the journal.
Stage = Literal["capture", "queue", "gate", "detect", "track", "describe", "encode", "classify", "announce"]

#: Times per stage that are kept for the status.
TIMES = 1000


class Stages:
    """One camera's."""

    def __init__(self, publish: Callable[[Stage, float], None] = lambda _, __: None) -> None:
        """`publish`: hears each stage and its seconds."""
        self._publish = publish
        self._times: defaultdict[Stage, deque[float]] = defaultdict(lambda: deque(maxlen=TIMES))

    def took(self, stage: Stage, seconds: float) -> None:
        """A stage was passed, in seconds."""
        self._times[stage].append(seconds * 1000)
        self._publish(stage, seconds)

    def percentiles_ms(self) -> dict[str, dict[str, float]]:
        """p50 and p95 in milliseconds of the last times, by stage."""
        return {stage: _percentiles(times) for stage, times in self._times.items()}


class Trace:
    """One frame's way, and what a visitor whom it shows takes from there on."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        self._since = time.perf_counter()
        self.seconds: dict[Stage, float] = {}

    def passed(self, stage: Stage, seconds: float | None = None) -> None:
        """The stage is over. `seconds`: where it was measured elsewhere; else the time since the last one was over."""
        now = time.perf_counter()
        took = now - self._since if seconds is None else seconds
        self._since = now
        self.seconds[stage] = took
        self._stages.took(stage, took)

    def further(self) -> "Trace":
        """For one visitor: others whom the same frame shows have traces of their own."""
        branch = Trace(self._stages)
        branch.seconds = dict(self.seconds)
        return branch


def _percentiles(times: deque[float]) -> dict[str, float]:
    if len(times) == 1:
        return {"p50": round(times[0], 1), "p95": round(times[0], 1)}
    cuts = quantiles(times, n=20, method="inclusive")
    return {"p50": round(cuts[9], 1), "p95": round(cuts[18], 1)}
