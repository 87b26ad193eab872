from datetime import UTC, datetime

from domain.days import day_of, days_before, midnight


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_the_day_is_the_stores_own() -> None:
    assert day_of(at("2026-03-01 22:30"), "Europe/Moscow") == "2026-03-02"
    assert day_of(at("2026-03-01 22:30"), "UTC") == "2026-03-01"
    assert day_of(at("2026-03-01 01:30"), "America/New_York") == "2026-02-28"


def test_a_day_begins_at_its_own_midnight_whatever_the_clocks_do() -> None:
    assert midnight(at("2026-03-01 22:30"), "Europe/Moscow") == at("2026-03-01 21:00")
    # the clocks go forward at two: the day began by winter time
    assert midnight(at("2026-03-29 10:00"), "Europe/Berlin") == at("2026-03-28 23:00")


def test_days_before_count_over_months_and_leap_years() -> None:
    assert days_before("2026-03-02", 90) == "2025-12-02"
    assert days_before("2028-03-01", 1) == "2028-02-29"
    assert days_before("2026-03-02", 0) == "2026-03-02"
