"""How much the fuzzing tries: little with every run of the tests, `AMIKO_FUZZ=100` makes it a hundred times as much."""

import os

from hypothesis import HealthCheck, settings

_TIMES = int(os.environ.get("AMIKO_FUZZ", "1"))
_EVERY = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


def tried(examples: int) -> settings:
    """So many examples, times what is asked for."""
    return settings(max_examples=examples * _TIMES, deadline=None, suppress_health_check=_EVERY)
