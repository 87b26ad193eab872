from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.schedule import last_due, next_due

BERLIN = "Europe/Berlin"
ZONES = ["Europe/Moscow", BERLIN, "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def local(moment: float, zone: str) -> str:
    return datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M")


def test_once_a_day_at_the_stores_time() -> None:
    now = at("2026-06-10 12:00", "Europe/Moscow")
    assert local(last_due(now, "10:31", "Europe/Moscow"), "Europe/Moscow") == "2026-06-10 10:31"
    assert local(next_due(now, "10:31", "Europe/Moscow"), "Europe/Moscow") == "2026-06-11 10:31"
    assert local(last_due(now, "23:00", "Europe/Moscow"), "Europe/Moscow") == "2026-06-09 23:00"


def test_an_hour_that_the_day_lacks_comes_as_late_as_it_can() -> None:
    """Clocks go from 02:00 to 03:00 on 29 March 2026 in Berlin: 02:30 becomes 03:30, once."""
    due = next_due(at("2026-03-29 00:10", BERLIN), "02:30", BERLIN)
    assert local(due, BERLIN) == "2026-03-29 03:30"
    assert last_due(due, "02:30", BERLIN) == due
    assert local(next_due(due, "02:30", BERLIN), BERLIN) == "2026-03-30 02:30"


def test_an_hour_that_comes_twice_counts_once() -> None:
    """Clocks go from 03:00 to 02:00 on 25 October 2026 in Berlin."""
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()
    second = first + 3600
    assert local(first, BERLIN) == local(second, BERLIN) == "2026-10-25 02:30"
    assert next_due(first - 60, "02:30", BERLIN) == first
    assert last_due(second + 60, "02:30", BERLIN) == first
    assert local(next_due(first, "02:30", BERLIN), BERLIN) == "2026-10-26 02:30"


@given(
    st.integers(int(at("2024-01-01 00:00")), int(at("2028-01-01 00:00"))),
    st.integers(0, 23),
    st.integers(0, 59),
    st.sampled_from(ZONES),
)
def test_whatever_the_clock_does(now: int, hour: int, minute: int, zone: str) -> None:
    clock = f"{hour:02}:{minute:02}"
    last, following = last_due(now, clock, zone), next_due(now, clock, zone)
    assert last <= now < following
    # about a day: clocks move by an hour or half of one
    assert 22.5 * 3600 <= following - last <= 25.5 * 3600
    assert last_due(following, clock, zone) == following


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_has_as_many_trainings_as_days(zone: str) -> None:
    now, end, count = at("2026-01-01 00:00", zone), at("2027-01-01 00:00", zone), 0
    while (now := next_due(now, "02:30", zone)) < end:
        count += 1
    assert count == 365
