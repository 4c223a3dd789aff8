"""The flags of `taskgen simulate` that make its question, checked before anything is computed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from taskgen.errors import UsageError

if TYPE_CHECKING:
    from taskgen.plan.model import Plan
    from taskgen.simulation.cost import Prices
    from taskgen.simulation.model import Disturbances
    from taskgen.simulation.scenario import Question
    from taskgen.simulation.trace import Trace

WhatOption = Annotated[
    str | None, typer.Option("--what", metavar="PATTERN", help="Load: constant, step (default) or day.")
]
HoursOption = Annotated[
    float | None, typer.Option("--hours", help="How long; default 3, or as long as the trace.", show_default=False)
]
TraceOption = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="Arrivals as CSV: timestamps, or time,count.")
]
FailingOption = Annotated[str, typer.Option("--failing", metavar="SHARE", help="Attempts that fail, such as 2%.")]
BlindOption = Annotated[
    list[str] | None,
    typer.Option("--blind", metavar="START+LENGTH", help="The queue cannot be read: 1h+10m; repeatable."),
]
CrashOption = Annotated[
    list[str] | None, typer.Option("--crash", metavar="TIME", help="One worker is killed: 45m; repeatable.")
]
PricesOption = Annotated[
    Path | None, typer.Option("--prices", metavar="FILE", help="TOML with currency, vcpu_hour, gib_hour.")
]
DEFAULT_HOURS: Final = 3.0
SHORTEST_TRACE_S: Final = 900.0
"""A burst is watched for a quarter of an hour, so that its end is seen."""
LEAST_HOURS: Final = 0.01
MOST_HOURS: Final = 24.0 * 31
PATTERNS: Final = ("constant", "step", "day")
HOUR_S: Final = 3600.0


def question_of(
    what: str | None,
    hours: float | None,
    trace: Path | None,
    seeds: range,
    failing: str,
    disturbances: "Disturbances",
    prices: "Prices",
) -> "Question":
    """Return the question that the flags ask.

    Raises:
        UsageError: a flag has no meaning.
        TraceError: the trace cannot be read.
    """
    from taskgen.profile.scalars import parse_percent
    from taskgen.simulation.scenario import Question
    from taskgen.simulation.trace import read_trace

    if what is not None and what not in PATTERNS:
        raise UsageError(f"--what {what}: {', '.join(PATTERNS[:-1])} or {PATTERNS[-1]}")
    if what is not None and trace is not None:
        raise UsageError("--what and --trace both say what arrives: leave one out")
    if hours is not None and not LEAST_HOURS <= hours <= MOST_HOURS:
        raise UsageError(f"--hours {hours:g}: from {LEAST_HOURS:g} to {MOST_HOURS:g}")
    try:
        share = parse_percent(failing)
    except ValueError as error:
        raise UsageError(f"--failing {failing}: {error}") from None
    read = read_trace(trace) if trace else None
    seconds = _seconds(hours, read)
    _within(disturbances, seconds)
    return Question(
        pattern=what or "step",  # type: ignore[arg-type]  # checked above
        seconds=seconds,
        seeds=tuple(seeds),
        prices=prices,
        trace=read,
        failing=share,
        disturbances=disturbances,
    )


def _seconds(hours: float | None, trace: "Trace | None") -> float:
    if hours is not None:
        return hours * HOUR_S
    if trace is not None and trace.end > MOST_HOURS * HOUR_S:
        days = trace.end / (24 * HOUR_S)
        raise UsageError(f"--trace: {days:.3g} days are more than can be simulated: state --hours, or cut the file")
    return max(trace.end, SHORTEST_TRACE_S) if trace else DEFAULT_HOURS * HOUR_S


def _within(disturbances: "Disturbances", seconds: float) -> None:
    """Refuse a disturbance that would never happen.

    Raises:
        UsageError: it begins after the simulated time.
    """
    late = [("--crash", at) for at in disturbances.crashes] + [("--blind", at) for at, _ in disturbances.blind]
    for flag, at in late:
        if at >= seconds:
            raise UsageError(f"{flag}: {at / HOUR_S:g} h is after the end, {seconds / HOUR_S:g} h: raise --hours")


def disturbances_of(blind: Sequence[str] | None, crash: Sequence[str] | None) -> "Disturbances":
    """Return what goes wrong.

    Raises:
        UsageError: a time is none.
    """
    from taskgen.simulation.model import Disturbances

    windows = []
    for text in blind or ():
        start, plus, length = text.partition("+")
        if not plus:
            raise UsageError(f"--blind {text}: write start and length, such as 1h+10m")
        begin = _time("--blind", start)
        windows.append((begin, begin + _time("--blind", length)))
    return Disturbances(blind=tuple(windows), crashes=tuple(_time("--crash", text) for text in crash or ()))


def _time(flag: str, text: str) -> float:
    from taskgen.profile.scalars import parse_duration

    try:
        return parse_duration(text).total_seconds()
    except ValueError as error:
        raise UsageError(f"{flag} {error}") from None


def prices_of(path: Path | None, plan: "Plan") -> "Prices":
    """Return the prices of a file, else those of the profile."""
    from taskgen.simulation.cost import Prices, read_prices

    stated = plan.profile.prices
    return read_prices(path) if path else Prices(stated.currency, stated.vcpu_hour, stated.gib_hour)


def make_folder(folder: Path) -> None:
    """Make the folder of the pictures, before anything is computed.

    Raises:
        UsageError: it cannot be one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--picture {folder}: {(error.strerror or str(error)).lower()}: name a folder") from error
