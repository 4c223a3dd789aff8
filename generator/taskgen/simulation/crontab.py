"""When cron expressions fire within the simulated time, which begins on a Monday at midnight UTC."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

BEGIN: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""A Monday; the same for every run."""
_MONTHS: Final = {
    "JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "JUN": 6, "JUL": 7, "AUG": 8, "SEP": 9, "OCT": 10, "NOV": 11,
    "DEC": 12,
}  # fmt: skip
_DAYS: Final = {"SUN": 0, "MON": 1, "TUE": 2, "WED": 3, "THU": 4, "FRI": 5, "SAT": 6}
_MINUTE: Final = timedelta(minutes=1)


def fires(cron: str, *, timezone: str, seconds: float) -> list[float]:
    """Return the times in seconds, from 0 on, at which a cron expression of five fields fires."""
    return list(_fires(cron, ZoneInfo(timezone), seconds))


def _fires(cron: str, zone: ZoneInfo, seconds: float) -> Iterator[float]:
    minute, hour, day, month, weekday = cron.split()
    minutes, hours = _values(minute, 0, 59), _values(hour, 0, 23)
    days, months = _values(day, 1, 31), _values(month, 1, 12, _MONTHS)
    weekdays = {number % 7 for number in _values(weekday, 0, 7, _DAYS)}
    either = not day.startswith("*") and not weekday.startswith("*")  # cron: two restricted fields mean one of both
    moment = BEGIN
    while (at := (moment - BEGIN).total_seconds()) < seconds:
        local = moment.astimezone(zone)
        in_month, in_week = local.day in days, local.isoweekday() % 7 in weekdays
        on_day = (in_month or in_week) if either else (in_month and in_week)
        if local.minute in minutes and local.hour in hours and local.month in months and on_day:
            yield at
        moment += _MINUTE


def _values(field: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    found: set[int] = set()
    for part in field.upper().split(","):
        base, _, step = part.partition("/")
        first, _, last = base.partition("-")
        if base == "*":
            start, stop = low, high
        else:
            start = _number(first, names)
            stop = _number(last, names) if last else (high if step else start)
        found.update(range(start, stop + 1, int(step or 1)))
    return found


def _number(text: str, names: dict[str, int] | None) -> int:
    return names[text] if names and text in names else int(text)


def windows(start: str, end: str, *, timezone: str, seconds: float) -> list[tuple[float, float]]:
    """Return the times between a start and the next end; a window that is open at the beginning is left out."""
    ends = fires(end, timezone=timezone, seconds=seconds)
    found: list[tuple[float, float]] = []
    for begin in fires(start, timezone=timezone, seconds=seconds):
        if found and begin < found[-1][1]:
            continue
        found.append((begin, next((one for one in ends if one > begin), seconds)))
    return found
