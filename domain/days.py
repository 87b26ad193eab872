"""A store's calendar days, by its own time zone: visits are numbered, samples are kept and reports told by them."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo


def day_of(at: float, timezone: str) -> str:
    """The calendar day of a moment (seconds since 1970) in a time zone (`Europe/Moscow`), as `YYYY-MM-DD`."""
    return datetime.fromtimestamp(at, ZoneInfo(timezone)).date().isoformat()


def midnight(at: float, timezone: str) -> float:
    """When the calendar day of a moment began, both in seconds since 1970."""
    local = datetime.fromtimestamp(at, ZoneInfo(timezone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def days_before(day: str, days: int) -> str:
    """Another day, both as `YYYY-MM-DD`."""
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()
