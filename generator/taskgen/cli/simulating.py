"""`taskgen simulate`."""

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from taskgen.cli.asking import (
    BlindOption,
    CrashOption,
    FailingOption,
    HoursOption,
    PricesOption,
    TraceOption,
    WhatOption,
    disturbances_of,
    make_folder,
    prices_of,
    question_of,
)
from taskgen.cli.options import FormatOption, ProfileOption, ProjectOption, SetOption, as_format, chosen, find_project
from taskgen.cli.rendering import EXIT_FINDINGS
from taskgen.cli.screen import say, table, tell
from taskgen.errors import ProfileError, TaskgenError, UsageError
from taskgen.profile.files import Project

if TYPE_CHECKING:
    from taskgen.plan.model import Plan
    from taskgen.simulation.scenario import Question, Setting

MOST_RUNS: Final = 100


def simulate(  # noqa: PLR0917  # one parameter for each flag
    profile: ProfileOption = None,
    tier: Annotated[str | None, typer.Option("--tier", metavar="TIER", help="Only this tier.")] = None,
    what: WhatOption = None,
    hours: HoursOption = None,
    trace: TraceOption = None,
    seed: Annotated[int, typer.Option("--seed", help="First seed of chance.")] = 1,
    runs: Annotated[int, typer.Option("--runs", help="Runs, each with the next seed.")] = 3,
    overrides: SetOption = None,
    compare: Annotated[
        list[str] | None,
        typer.Option("--compare", metavar="PROFILE|PATH=VALUE", help="A second setting beside it; repeatable values."),
    ] = None,
    failing: FailingOption = "0%",
    blind: BlindOption = None,
    crash: CrashOption = None,
    prices: PricesOption = None,
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
    if runs < 1 or runs > MOST_RUNS:
        raise UsageError(f"--runs {runs}: from 1 to {MOST_RUNS}")
    if picture is not None:
        make_folder(picture)
    plans = _plans(where, name, overrides or [], compare or [])
    table_of_prices = prices_of(prices, plans[0][1])
    question = question_of(
        what, hours, trace, range(seed, seed + runs), failing, disturbances_of(blind, crash), table_of_prices
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
    plans = []
    for number, (which, label, sets) in enumerate(wanted):
        try:
            plans.append((label, pipeline.checked(which, project=project, overrides=sets).plan))
        except (ProfileError, UsageError) as error:
            raise (_of_compare(error) if number else error) from None
    return plans


def _of_compare(error: TaskgenError) -> TaskgenError:
    """Return an error of the second setting with the flag that asked for it."""
    return UsageError(re.sub(r"^--(profile|set)\b", "--compare", str(error), flags=re.MULTILINE))


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

    for tier in settings[0].answers:
        results = [(setting.name, setting.answers[tier].result) for setting in settings if tier in setting.answers]
        path = folder / f"{settings[0].name}-{tier}.svg"
        path.write_text(picture(f"{settings[0].name}: tier {tier}", results), encoding="utf-8", newline="\n")
        if quiet:
            tell(f"wrote {path}")
        else:
            say(f"wrote {path}")
