from bot import limits
from bot.limits import Limit

ANNA, BORIS = 1, 2


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_so_many_times_within_so_many_seconds():
    clock = Clock()
    limit = Limit(3, 10, clock)
    for _ in range(3):
        assert limit.allows(ANNA)
        clock.now += 1
    assert not limit.allows(ANNA)
    assert limit.allows(BORIS), "each has their own"
    clock.now += 7
    assert limit.allows(ANNA), "the first one is over"
    assert not limit.allows(ANNA)


def test_what_is_refused_does_not_count():
    clock = Clock()
    limit = Limit(1, 10, clock)
    assert limit.allows(ANNA)
    for _ in range(9):
        clock.now += 1
        assert not limit.allows(ANNA)
    clock.now += 1
    assert limit.allows(ANNA)


def test_looking_is_not_counting():
    limit = Limit(1, 10, Clock())
    assert not limit.reached(ANNA)
    assert not limit.reached(ANNA)
    limit.count(ANNA)
    assert limit.reached(ANNA)
    limit.forget(ANNA)
    assert not limit.reached(ANNA)


def test_ever_new_people_cost_no_ever_growing_memory(monkeypatch):
    monkeypatch.setattr(limits, "_PEOPLE", 10)
    clock = Clock()
    limit = Limit(1, 10, clock)
    for person in range(1000):
        assert limit.allows(person)
        clock.now += 2
        assert len(limit._seen) <= 10
