"""What is published again and again is little."""

import pytest

from actors import metrics
from actors.metrics import RegistryMetrics


class Meter:
    """Any of Ray's: notes what it is told."""

    def __init__(self, *_: object, **__: object) -> None:
        self.told: list[tuple[float, dict[str, str] | None]] = []

    def note(self, value: float, tags: dict[str, str] | None = None) -> None:
        self.told.append((value, tags))

    set = inc = note


def test_what_happened_is_told_once_and_who_waits_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("Gauge", "Counter", "Histogram"):
        monkeypatch.setattr(metrics, kind, Meter)
    made = RegistryMetrics(["a", "b"])
    staff, visits, notifications = (getattr(made, name) for name in ("_assistants", "_visits", "_notifications"))
    for happened in ({("a", None): 2, ("a", "sent"): 1}, {}):
        made.publish({("a", "waiting"): 3, ("a", "off"): 1}, happened, outbox_age_s=0)
    told = [
        (3, {"store": "a", "state": "waiting"}),
        (0, {"store": "b", "state": "waiting"}),
        (1, {"store": "a", "state": "off"}),
    ]
    assert staff.told == told * 2
    assert visits.told == [(2, {"store": "a"})]
    assert notifications.told == [(1, {"store": "a", "state": "sent"})]
