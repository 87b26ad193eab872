"""What is published again and again costs what has changed, not how many stores there are."""

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


def test_a_store_where_nothing_happens_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("Gauge", "Counter", "Histogram"):
        monkeypatch.setattr(metrics, kind, Meter)
    made = RegistryMetrics([f"s{number}" for number in range(100)])
    staff, visits, notifications = (getattr(made, name) for name in ("_assistants", "_visits", "_notifications"))
    waiting = {(f"s{number}", "waiting"): 3 for number in range(100)}
    made.publish(waiting, {}, outbox_age_s=0)
    assert len(staff.told) == 300
    assert (0, {"store": "s7", "state": "busy"}) in staff.told

    staff.told.clear()
    moved = waiting | {("s7", "waiting"): 2, ("s7", "busy"): 1}
    made.publish(moved, {("s7", None): 2, ("s7", "sent"): 1}, outbox_age_s=0)
    made.publish(moved, {}, outbox_age_s=0)
    assert sorted(value for value, _ in staff.told) == [1, 2]
    assert visits.told == [(2, {"store": "s7"})]
    assert notifications.told == [(1, {"store": "s7", "state": "sent"})]

    staff.told.clear()
    made.publish(waiting, {}, outbox_age_s=0)
    assert (0, {"store": "s7", "state": "busy"}) in staff.told
