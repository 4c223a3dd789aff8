"""One question to the model: which load, for how long, how often; and the answers for the tiers of a profile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from taskgen.errors import UsageError
from taskgen.plan.model import Plan, TierPlan
from taskgen.simulation import measuring, series
from taskgen.simulation.arrivals import Load, Pattern
from taskgen.simulation.cost import HOUR_S, Prices
from taskgen.simulation.model import Disturbances, TierModel
from taskgen.simulation.planned import load_for, model_of, with_signals
from taskgen.simulation.running import Result, run
from taskgen.simulation.trace import Trace
from taskgen.simulation.wording import TradeOff

MOST_TASKS: Final = 100_000_000
"""Tasks in one command: some two minutes of computing. More is a typing mistake, or needs fewer hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to simulate."""

    pattern: Pattern
    seconds: float
    seeds: tuple[int, ...]
    prices: Prices
    trace: Trace | None = None
    failing: float = 0.0
    disturbances: Disturbances = field(default_factory=Disturbances)

    def model(self, plan: Plan, tier: TierPlan) -> TierModel:
        """Return the model of a tier."""
        return model_of(plan, tier, seconds=self.seconds, failing=self.failing, disturbances=self.disturbances)

    def load(self, plan: Plan, tier: TierPlan) -> Callable[[int], Load]:
        """Return what arrives, by seed."""
        trace = self.trace
        if trace is not None:
            return lambda seed: trace.load(seconds=self.seconds, seed=seed)
        load = load_for(plan, tier, pattern=self.pattern, seconds=self.seconds)
        return lambda _: load

    def words(self) -> str:
        """Return the load in words."""
        hours = f"{self.seconds / HOUR_S:g} h"
        if self.trace is not None:
            what = f"trace of {self.trace.tasks} tasks"
        else:
            what = {
                "constant": "constant load.rate",
                "step": "load.rate, a step to load.peak for half of the time, load.rate",
                "day": "a day from a quarter of load.rate at night to load.peak at noon",
            }[self.pattern]
        seeds = f"seed {self.seeds[0]}" if len(self.seeds) == 1 else f"seeds {self.seeds[0]} to {self.seeds[-1]}"
        return f"{hours}, {what}, {seeds}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says about one tier."""

    result: Result
    trade_off: TradeOff | None
    """where an autoscaler has a choice of signals"""


@dataclass(frozen=True, slots=True)
class Setting:
    """A profile, or a variation of it, with the answers for its tiers."""

    name: str
    answers: Mapping[str, Answer]
    """by tier"""


def chosen_tiers(plan: Plan, name: str | None) -> tuple[TierPlan, ...]:
    """Return the tiers that are asked for.

    Raises:
        UsageError: no such tier.
    """
    if name is None:
        return plan.tiers
    found = tuple(tier for tier in plan.tiers if tier.name == name)
    if not found:
        names = ", ".join(tier.name for tier in plan.tiers)
        raise UsageError(f"--tier {name}: profile {plan.profile.name} has the tiers {names}")
    return found


def answer(
    plan: Plan,
    tiers: Sequence[TierPlan],
    question: Question,
    *,
    name: str,
    before: Callable[[str], None] | None = None,
) -> Setting:
    """Simulate tiers of a plan.

    Args:
        plan: what the tiers belong to.
        tiers: which.
        question: what to simulate.
        name: of the setting.
        before: called with a label before each run, to show progress.

    Raises:
        UsageError: so many tasks that the answer would take too long.
    """
    expected = sum(question.load(plan, tier)(question.seeds[0]).expected for tier in tiers) * len(question.seeds)
    if expected > MOST_TASKS:
        raise UsageError(f"--hours: {expected / 1e6:.0f} million tasks take too long: fewer hours, seeds or one --tier")
    return Setting(name, {tier.name: _answer(plan, tier, question, name, before) for tier in tiers})


def _answer(plan: Plan, tier: TierPlan, question: Question, name: str, before: Callable[[str], None] | None) -> Answer:
    def of(model: TierModel, what: str) -> Result:
        def tell(seed: int) -> None:
            if before is not None:
                before(f"{name} {tier.name} {what}seed {seed}")

        return run(model, question.load(plan, tier), seeds=question.seeds, prices=question.prices, before=tell)

    model = question.model(plan, tier)
    result = of(model, "")
    if model.scaler.kind == "fixed":
        return Answer(result, None)
    alone = with_signals(model, "waiting", targets=tier)
    both = with_signals(model, "waiting", "in_flight", targets=tier)
    return Answer(
        result,
        TradeOff(
            result if alone == model else of(alone, "waiting alone, "),
            result if both == model else of(both, "waiting + in flight, "),
            _protection(tier),
        ),
    )


def _protection(tier: TierPlan) -> str | None:
    """Return why a stop harms no running task of a tier."""
    if tier.shutdown_mode == "drain" and tier.grace >= tier.time_limit:
        return "this tier drains with enough grace"
    return "its tasks are idempotent and run again" if tier.all_idempotent else None


def as_json(settings: Sequence[Setting], question: Question) -> dict[str, Any]:
    """Return everything for a machine."""
    return {
        "schema": 1,
        "load": {
            "what": "trace" if question.trace else question.pattern,
            "hours": question.seconds / HOUR_S,
            "seeds": list(question.seeds),
        },
        "prices": {
            "currency": question.prices.currency,
            "vcpu_hour": question.prices.vcpu_hour,
            "gib_hour": question.prices.gib_hour,
        },
        "settings": [
            {"name": setting.name, "tiers": {name: _tier_json(one) for name, one in setting.answers.items()}}
            for setting in settings
        ],
    }


def _tier_json(one: Answer) -> dict[str, Any]:
    result, trade = one.result, one.trade_off
    goal, scaler = result.tier.goal, result.tier.scaler
    return {
        "goal": {"quantile": goal.quantile, "wait_s": goal.wait_s, "kept": result.keeps_goal},
        "scaler": {"kind": scaler.kind, "min": scaler.least, "max": scaler.most},
        "figures": measuring.as_json(result.spread),
        "trade_off": None
        if trade is None
        else {
            "waiting": measuring.as_json(trade.waiting.spread),
            "waiting_and_in_flight": measuring.as_json(trade.both.spread),
        },
        "not_modelled": list(result.tier.not_modelled),
        "series": series.as_json(series.series(result.first)),
    }
