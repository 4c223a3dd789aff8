"""`taskgen simulate`."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from taskgen.cli.options import FormatOption, ProfileOption, ProjectOption, SetOption, as_format, chosen, find_project
from taskgen.cli.rendering import EXIT_FINDINGS
from taskgen.cli.screen import say, table, tell
from taskgen.errors import UsageError
from taskgen.profile.files import Project

if TYPE_CHECKING:
    from taskgen.plan.model import Plan
    from taskgen.simulation.cost import Prices
    from taskgen.simulation.model import Disturbances
    from taskgen.simulation.scenario import Question, Setting
    from taskgen.simulation.trace import Trace

DEFAULT_HOURS: Final = 3.0
SHORTEST_TRACE_S: Final = 900.0
"""A burst is watched for a quarter of an hour, so that its end is seen."""
MOST_HOURS: Final = 24.0 * 31
MOST_RUNS: Final = 100
PATTERNS: Final = ("constant", "step", "day")
HOUR_S: Final = 3600.0


def simulate(  # noqa: PLR0917  # one parameter for each flag
    profile: ProfileOption = None,
    tier: Annotated[str | None, typer.Option("--tier", metavar="TIER", help="Only this tier.")] = None,
    what: Annotated[
        str | None, typer.Option("--what", metavar="PATTERN", help="Load: constant, step (default) or day.")
    ] = None,
    hours: Annotated[
        float | None, typer.Option("--hours", help="How long; default 3, or as long as the trace.", show_default=False)
    ] = None,
    trace: Annotated[
        Path | None, typer.Option("--trace", metavar="FILE", help="Arrivals as CSV: timestamps, or time,count.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="First seed of chance.")] = 1,
    runs: Annotated[int, typer.Option("--runs", help="Runs, each with the next seed.")] = 3,
    overrides: SetOption = None,
    compare: Annotated[
        list[str] | None,
        typer.Option("--compare", metavar="PROFILE|PATH=VALUE", help="A second setting beside it; repeatable values."),
    ] = None,
    failing: Annotated[str, typer.Option("--failing", metavar="SHARE", help="Attempts that fail, such as 2%.")] = "0%",
    blind: Annotated[
        list[str] | None,
        typer.Option("--blind", metavar="START+LENGTH", help="The queue cannot be read: 1h+10m; repeatable."),
    ] = None,
    crash: Annotated[
        list[str] | None, typer.Option("--crash", metavar="TIME", help="One worker is killed: 45m; repeatable.")
    ] = None,
    prices: Annotated[
        Path | None, typer.Option("--prices", metavar="FILE", help="TOML with currency, vcpu_hour, gib_hour.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="DIR", help="Write one SVG for each tier into this folder.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit 1 when a tier misses its wait goal.")] = False,
    output: FormatOption = "text",
    project: ProjectOption = None,
) -> None:
    """Show what the autoscaler of each tier does with a load: waits, replicas, tasks hit, cost.

    Examples:
      taskgen simulate --profile prod-celery

      taskgen simulate --profile prod-celery --tier file --what day --hours 24 --picture pictures

      taskgen simulate --profile prod-celery --tier file --trace monday.csv

      taskgen simulate --profile prod-celery --compare tiers.file.scale.max=8

      taskgen simulate --profile prod-celery --compare prod-temporal -o json
    """
    from taskgen.simulation.scenario import as_json

    form = as_format(output)
    where = find_project(project)
    name = chosen(where, profile, every=False)[0]
    plans = _plans(where, name, overrides or [], compare or [])
    table_of_prices = _prices(prices, plans[0][1])
    question = _question(
        what, hours, trace, range(seed, seed + runs), failing, _disturbances(blind, crash), table_of_prices
    )
    settings = _settings(plans, tier, question)
    if form == "json":
        say(json.dumps(as_json(settings, question), indent=2))
    else:
        _print(settings, question)
    if picture is not None:
        _draw(picture, settings, quiet=form == "json")
    if check and not all(answer.result.keeps_goal for answer in settings[0].answers.values()):
        raise typer.Exit(EXIT_FINDINGS)


def _question(
    what: str | None,
    hours: float | None,
    trace: Path | None,
    seeds: range,
    failing: str,
    disturbances: "Disturbances",
    prices: "Prices",
) -> "Question":
    """Return the question that the flags ask."""
    from taskgen.profile.scalars import parse_percent
    from taskgen.simulation.scenario import Question
    from taskgen.simulation.trace import read_trace

    if what is not None and what not in PATTERNS:
        raise UsageError(f"--what {what}: {', '.join(PATTERNS[:-1])} or {PATTERNS[-1]}")
    if what is not None and trace is not None:
        raise UsageError("--what and --trace both say what arrives: leave one out")
    if not 1 <= len(seeds) <= MOST_RUNS:
        raise UsageError(f"--runs {len(seeds)}: from 1 to {MOST_RUNS}")
    if hours is not None and not 0 < hours <= MOST_HOURS:
        raise UsageError(f"--hours {hours:g}: more than 0, at most {MOST_HOURS:g}")
    try:
        share = parse_percent(failing)
    except ValueError as error:
        raise UsageError(f"--failing {failing}: {error}") from None
    read = read_trace(trace) if trace else None
    return Question(
        pattern=what or "step",  # type: ignore[arg-type]  # checked above
        seconds=_seconds(hours, read),
        seeds=tuple(seeds),
        prices=prices,
        trace=read,
        failing=share,
        disturbances=disturbances,
    )


def _seconds(hours: float | None, trace: "Trace | None") -> float:
    if hours is not None:
        return hours * HOUR_S
    return max(trace.end, SHORTEST_TRACE_S) if trace else DEFAULT_HOURS * HOUR_S


def _disturbances(blind: Sequence[str] | None, crash: Sequence[str] | None) -> "Disturbances":
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


def _prices(path: Path | None, plan: "Plan") -> "Prices":
    """Return the prices of a file, else those of the profile."""
    from taskgen.simulation.cost import Prices, read_prices

    stated = plan.profile.prices
    return read_prices(path) if path else Prices(stated.currency, stated.vcpu_hour, stated.gib_hour)


def _plans(project: Project, name: str, overrides: list[str], compare: list[str]) -> "list[tuple[str, Plan]]":
    """Plan the profile, and what it is compared with; each by its label."""
    from taskgen import pipeline

    wanted = [(name, name, overrides)]
    others = [one for one in compare if "=" not in one]
    values = [one for one in compare if "=" in one]
    if len(others) > 1:
        raise UsageError(f"--compare {others[1]}: two settings are compared, so name one other profile")
    if compare:
        other = others[0] if others else name
        wanted.append((other, ", ".join([other, *values]), [*overrides, *values]))
    return [(label, pipeline.checked(which, project=project, overrides=sets).plan) for which, label, sets in wanted]


def _settings(plans: "list[tuple[str, Plan]]", tier: str | None, question: "Question") -> "list[Setting]":
    """Simulate each plan."""
    from taskgen.simulation.scenario import answer, chosen_tiers

    if question.trace is not None and len(chosen_tiers(plans[0][1], tier)) > 1:
        raise UsageError("--trace holds the tasks of one tier: name it with --tier")
    found = [answer(plan, chosen_tiers(plan, tier), question, name=label, before=_progress) for label, plan in plans]
    _progress("")
    return found


def _progress(label: str) -> None:
    """Show what is being simulated, on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[Ksimulating {label}" if label else "\r\x1b[K")
        sys.stderr.flush()


def _print(settings: "list[Setting]", question: "Question") -> None:
    from taskgen.simulation.wording import HEADER, LEGEND, differences, row

    currency = question.prices.currency
    alone = len(settings) == 1
    say(f"{settings[0].name}: {question.words()}\n")
    rows: list[tuple[str, ...]] = [HEADER]
    for tier in dict.fromkeys(tier for setting in settings for tier in setting.answers):
        for setting in [setting for setting in settings if tier in setting.answers]:
            label = tier if alone else f"{tier}  {setting.name}"
            rows.append(row(label, setting.answers[tier].result, currency))
    for line in [*table(rows), "", LEGEND]:
        say(line)
    for setting in settings:
        _print_trade_offs(setting, currency, alone=alone)
    if not alone:
        before, after = settings
        say(f"\n{before.name} -> {after.name}:")
        for tier in [tier for tier in before.answers if tier in after.answers]:
            say(f"  {tier}: {differences(before.answers[tier].result, after.answers[tier].result, currency)}")
    price = question.prices
    per_hour = f"{price.vcpu_hour:g} a vCPU-hour and {price.gib_hour:g} a GiB-hour"
    say(f"\ncost: {price.currency} {per_hour} (prices of the profile, or --prices FILE)")


def _print_trade_offs(setting: "Setting", currency: str, *, alone: bool) -> None:
    for tier, answer in setting.answers.items():
        lines = list(answer.trade_off.words(currency)) if answer.trade_off else []
        lines += [f"  not modelled: {note}" for note in answer.result.tier.not_modelled]
        if lines:
            say(f"\n{tier if alone else f'{tier} ({setting.name})'}:")
        for line in lines:
            say(line)


def _draw(folder: Path, settings: "list[Setting]", *, quiet: bool) -> None:
    """Write one picture for each tier."""
    from taskgen.simulation.picture import picture

    folder.mkdir(parents=True, exist_ok=True)
    for tier in settings[0].answers:
        results = [(setting.name, setting.answers[tier].result) for setting in settings if tier in setting.answers]
        path = folder / f"{settings[0].name}-{tier}.svg"
        path.write_text(picture(f"{settings[0].name}: tier {tier}", results), encoding="utf-8", newline="\n")
        if quiet:
            tell(f"wrote {path}")
        else:
            say(f"wrote {path}")
