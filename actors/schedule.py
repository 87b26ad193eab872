"""When a store's daily training is due: pure reckoning with wall clocks, time zones and their summer time."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def moment(day: datetime, at: str, timezone: str) -> float:
    """The clock time `at` ("HH:MM") of a calendar day in a time zone, as seconds since 1970.

    A time that the day lacks (clocks go forward over it) is as long after midnight as it says; one that it has
    twice (clocks go back) is the first of the two.
    """
    hour, minute = (int(part) for part in at.split(":"))
    local = datetime.combine(day.date(), time(hour, minute), ZoneInfo(timezone))
    # fold 0: before a gap's shift, and the first of two
    return local.astimezone(UTC).timestamp()


def last_due(now: float, at: str, timezone: str) -> float:
    """The latest training time that is not after `now`; one a calendar day."""
    today = datetime.fromtimestamp(now, ZoneInfo(timezone))
    for day in (today, today - timedelta(days=1)):
        due = moment(day, at, timezone)
        if due <= now:
            return due
    raise AssertionError("yesterday's training time is past")


def next_due(now: float, at: str, timezone: str) -> float:
    """The first training time after `now`."""
    today = datetime.fromtimestamp(now, ZoneInfo(timezone))
    for day in (today, today + timedelta(days=1), today + timedelta(days=2)):
        due = moment(day, at, timezone)
        if due > now:
            return due
    raise AssertionError("tomorrow's training time is to come")
