"""Durations, sizes, rates and shares as people write them, parsed without losing meaning."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from taskgen.profile.sources import SpelledBool
from taskgen.profile.wording import shown

DURATION_PATTERN: Final = r"(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+(?:\.\d{1,3})?s)?(?:\d+ms)?"
_DURATION: Final = re.compile(
    r"(?:(?P<weeks>\d+)w)?(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m(?!s))?"
    r"(?:(?P<seconds>\d+(?:\.\d{1,3})?)s)?(?:(?P<milliseconds>\d+)ms)?"
)
LONGEST_DURATION: Final = timedelta(days=366)
"""Longest duration that a profile may state: more is a typing mistake (Temporal's own longest retention is 90 days)."""

_SIZE: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>Ki|Mi|Gi|Ti|k|M|G|T)?")
_SIZE_FACTOR: Final = {
    None: 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
}  # fmt: skip
LARGEST_SIZE: Final = 2**50
"""Largest size that a profile may state (1 PiB): more is a typing mistake."""

_CPU: Final = re.compile(r"(?P<number>\d+(?:\.\d{1,3})?)(?P<unit>m)?")
_RATE: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)/(?P<unit>s|min|h|d)")
_RATE_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}
LARGEST_RATE: Final = 1_000_000.0
"""Largest rate per second that a profile may state: more is a typing mistake."""

_PERCENT: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)%")


def _text(value: object, example: str) -> str:
    if isinstance(value, dict | list | tuple):
        raise ValueError(f"must be one value such as {example}, not {shown(value)}")  # noqa: TRY004  # pydantic wants it
    if not isinstance(value, str) or isinstance(value, SpelledBool):
        raise ValueError(  # noqa: TRY004  # pydantic reports ValueError only
            f"{shown(value)} has no unit: write it like {example}"
        )
    return value.strip()


def parse_duration(value: object) -> timedelta:
    """Parse `30s`, `5m`, `1h30m`, `250ms` or `2d`; units in descending order.

    Raises:
        ValueError: no unit, unknown unit, negative, or longer than `LONGEST_DURATION`.
    """
    if isinstance(value, timedelta):
        return value
    text = _text(value, "30s, 5m or 1h30m")
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"{shown(text)} is not a duration: write it like 30s, 5m or 1h30m")
    parts = {unit: float(number) for unit, number in match.groupdict().items() if number is not None}
    try:
        duration = timedelta(**parts)
    except OverflowError:
        duration = timedelta.max
    if duration > LONGEST_DURATION:
        raise ValueError(f"{shown(text)} is longer than {LONGEST_DURATION.days} days: check the unit")
    return duration


def format_duration(value: timedelta) -> str:
    """Write a duration as the profile does: `1h30m`, `4m30s`, `250ms`, `0s`."""
    milliseconds = round(value / timedelta(milliseconds=1))
    if milliseconds % 1000:
        whole, rest = divmod(milliseconds, 1000)
        return (format_duration(timedelta(seconds=whole)) if whole else "") + f"{rest}ms"
    seconds = milliseconds // 1000
    text = ""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_size(value: object) -> int:
    """Parse a Kubernetes quantity of memory (`256Mi`, `1.5Gi`, `500M`) into bytes.

    Raises:
        ValueError: no unit, unknown unit such as MB, negative, or more than `LARGEST_SIZE`.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value == 0:
        return 0
    text = _text(value, "256Mi or 1Gi")
    match = _SIZE.fullmatch(text)
    if match is None or match["unit"] is None:
        hint = "; MB and GB are no Kubernetes units" if re.fullmatch(r"[\d.]+[kKMGT]i?B", text) else ""
        raise ValueError(f"{shown(text)} is not a size: write it like 256Mi or 1Gi{hint}")
    size = int(Decimal(match["number"]) * _SIZE_FACTOR[match["unit"]])
    if size > LARGEST_SIZE:
        raise ValueError(f"{shown(text)} is larger than 1 PiB: check the unit")
    return size


def parse_cpu(value: object) -> int:
    """Parse a Kubernetes quantity of CPU (`500m`, `2`, `0.5`) into thousandths of a core.

    Raises:
        ValueError: not a number of cores or millicores, or above 1024 cores.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    text = _text(value, "500m or 2")
    match = _CPU.fullmatch(text)
    if match is None:
        raise ValueError(f"{shown(text)} is not an amount of CPU: write it like 500m or 2")
    millicores = int(Decimal(match["number"]) * (1 if match["unit"] else 1000))
    if millicores > 1024 * 1000:
        raise ValueError(f"{shown(text)} is more than 1024 cores: check the unit")
    return millicores


def parse_rate(value: object) -> float:
    """Parse `2/s`, `120/min`, `5/h` or `10/d` into events per second.

    Raises:
        ValueError: no unit, unknown unit, negative, or more than `LARGEST_RATE` per second.
    """
    text = _text(value, "2/s or 120/min")
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{shown(text)} is not a rate: write it like 2/s or 120/min")
    rate = float(match["number"]) / _RATE_SECONDS[match["unit"]]
    if rate > LARGEST_RATE:
        raise ValueError(f"{shown(text)} is more than {LARGEST_RATE:.0f} per second: check the unit")
    return rate


def parse_percent(value: object) -> float:
    """Parse `99.5%` into the share 0.995.

    Raises:
        ValueError: no percent sign, or above 100 %.
    """
    text = _text(value, "99.5%")
    match = _PERCENT.fullmatch(text)
    if match is None:
        raise ValueError(f"{shown(text)} is not a share: write it like 99.5%")
    share = Decimal(match["number"]) / 100
    if share > 1:
        raise ValueError(f"{shown(text)} is above 100%")
    return float(share)


def _scalar(
    parse: Callable[[object], object], show: Callable[[Any], str], pattern: str, example: str
) -> tuple[Any, ...]:
    return (
        BeforeValidator(parse),
        PlainSerializer(show, return_type=str),
        WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "examples": [example]}),
    )


Duration = Annotated[timedelta, *_scalar(parse_duration, format_duration, DURATION_PATTERN, "5m")]
"""A length of time such as `5m`."""
Size = Annotated[int, *_scalar(parse_size, lambda value: f"{value}", r"[0-9.]+(Ki|Mi|Gi|Ti|k|M|G|T)", "256Mi")]
"""An amount of memory in bytes, written `256Mi`."""
Cpu = Annotated[
    int,
    BeforeValidator(parse_cpu),
    PlainSerializer(lambda value: f"{value}m", return_type=str),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": r"^[0-9.]+m?$"}], "examples": ["500m"]}
    ),
]
"""An amount of CPU in thousandths of a core, written `500m` or `2`."""
Rate = Annotated[float, *_scalar(parse_rate, lambda value: f"{value}/s", r"[0-9.]+/(s|min|h|d)", "2/s")]
"""Events per second, written `2/s` or `120/min`."""
Percent = Annotated[float, *_scalar(parse_percent, lambda value: f"{value * 100:g}%", r"[0-9.]+%", "99.5%")]
"""A share between 0 and 1, written `99.5%`."""
