"""Results in words: the table, the trade-off between the signals, and what the model leaves out."""

from collections.abc import Sequence
from dataclasses import dataclass

from taskgen.simulation.running import Result

HEADER = (
    "tier", "tasks", "wait p50", "p95", "p99", "max", "goal", "late", "", "replicas", "busy", "resized", "hit",
    "broken off", "lost", "cost",
)  # fmt: skip
ALIKE = 0.02
"""Figures that differ by less than this share are called alike: seeds differ by more."""

WORSE = {"wait_goal_quantile": "longer waits", "hit": "more tasks hit", "cost": "a higher cost"}
BETTER = {"wait_goal_quantile": "shorter waits", "hit": "fewer tasks hit", "cost": "a lower cost"}
LEGEND = (
    "late: tasks above the goal; busy: slots that run a task; hit: tasks that ran on a worker when it was told to stop,"
    " or was killed; broken off: those that could not finish"
)


def row(name: str, result: Result, currency: str) -> tuple[str, ...]:
    """Return one line of the table."""
    mean, scaler, goal = result.mean, result.tier.scaler, result.tier.goal
    size = f"{mean('replicas_mean'):.1f} ({scaler.least}..{scaler.most})" if scaler.kind != "fixed" else (
        f"{mean('replicas_mean'):.1f} fixed"
    )  # fmt: skip
    return (
        name,
        grouped(mean("tasks")),
        *(duration(mean(f"wait_{which}")) for which in ("p50", "p95", "p99", "max")),
        f"p{goal.quantile * 100:g} {duration(goal.wait_s)}",
        percent(mean("share_above_goal")),
        "kept" if result.keeps_goal else "missed",
        size,
        percent(mean("utilisation")),
        grouped(mean("size_changes")),
        grouped(mean("hit")),
        grouped(mean("interrupted")),
        grouped(mean("lost")),
        money(mean("cost"), currency),
    )


@dataclass(frozen=True, slots=True)
class TradeOff:
    """One tier with both sets of signals, under the same arrivals."""

    waiting: Result
    """scaled on waiting tasks alone"""
    both: Result
    """scaled on waiting and running tasks"""
    protected: str | None
    """why a task that is hit comes to no harm; None: it may be lost, or run twice"""

    def words(self, currency: str) -> list[str]:
        """Return the figures of both, and what follows."""
        return [
            f"  waiting alone        {_facts(self.waiting, currency)}",
            f"  waiting + in flight  {_facts(self.both, currency)}",
            f"  {self._verdict()}",
        ]

    def _verdict(self) -> str:
        alone, both = self.waiting, self.both
        worse = [word for figure, word in WORSE.items() if _above(alone.mean(figure), both.mean(figure))]
        better = [word for figure, word in BETTER.items() if _above(both.mean(figure), alone.mean(figure))]
        if not alone.keeps_goal and not both.keeps_goal:
            return "the goal is missed with either: look at scale.max, concurrency and load, not at the signals"
        if not worse and not better:
            return "no difference here: keep both signals, they protect running work when the load falls"
        if not better:
            return f"both signals are better in every respect: waiting alone has {_list(worse)}"
        if not worse:
            return f"waiting alone is better here: {_list(better)}, and nothing is worse"
        text = f"waiting alone has {_list(better)}, but {_list(worse)}"
        if alone.mean("cost") < both.mean("cost"):
            saved = percent(1 - alone.mean("cost") / both.mean("cost"))
            text = f"waiting alone is {saved} cheaper, but has {_list(worse)}"
        return f"{text}: {self._advice(hits=WORSE['hit'] in worse)}"

    def _advice(self, *, hits: bool) -> str:
        if not self.waiting.keeps_goal:
            return "take both signals, since the goal is missed"
        if not hits:
            return "acceptable, since the goal is kept"
        if self.protected is None:
            return "take both signals, since a task that is hit may be lost"
        return f"acceptable, since the goal is kept and {self.protected}"


def differences(before: Result, after: Result, currency: str) -> str:
    """Return what changes from one setting to the other, in words."""
    parts = []
    for figure, word, show in (
        ("wait_goal_quantile", f"p{after.tier.goal.quantile * 100:g} wait", duration),
        ("share_above_goal", "late tasks", percent),
        ("replicas_mean", "replicas", "{:.1f}".format),
        ("hit", "tasks hit", grouped),
        ("interrupted", "tasks broken off", grouped),
        ("cost", "cost", lambda value: money(value, currency)),
    ):
        old, new = before.mean(figure), after.mean(figure)
        if _above(old, new) or _above(new, old):
            parts.append(f"{word} {show(old)} -> {show(new)}")
    return "; ".join(parts) or "no difference"


def _facts(result: Result, currency: str) -> str:
    mean, goal = result.mean, result.tier.goal
    kept = "goal kept" if result.keeps_goal else "goal missed"
    return (
        f"p{goal.quantile * 100:g} wait {duration(mean('wait_goal_quantile'))} ({kept}),"
        f" {mean('replicas_mean'):.1f} replicas, {grouped(mean('hit'))} running tasks hit,"
        f" {grouped(mean('size_changes'))} changes of size, {money(mean('cost'), currency)}"
    )


def _above(one: float, other: float) -> bool:
    """Say whether a figure is larger by more than what is called alike."""
    return one > other * (1 + ALIKE) and one - other > 1e-6  # noqa: PLR2004  # rounding


def _list(words: Sequence[str]) -> str:
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}"  # noqa: PLR2004


def duration(seconds: float) -> str:
    """Return a wait as a person reads it: `0s`, `350ms`, `21s`, `4m30s`, `2h05m`."""
    if seconds < 0.0005:  # noqa: PLR2004  # below a millisecond
        return "0s"
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 10:  # noqa: PLR2004  # one decimal for short ones
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest}s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m" if minutes else f"{hours}h"
    return f"{minutes}m{rest:02d}s" if rest else f"{minutes}m"


def percent(share: float) -> str:
    """Return a share: `0%`, `0.3%`, `42%`."""
    value = share * 100
    if 0 < value < 0.01:  # noqa: PLR2004  # too few to print
        return "<0.01%"
    return f"{value:.2g}%" if value < 10 else f"{value:.0f}%"  # noqa: PLR2004  # two digits


def grouped(count: float) -> str:
    """Return a count with thin groups: `162 034`; a mean below ten keeps one decimal."""
    if count < 10 and count != round(count):  # noqa: PLR2004  # small means
        return f"{count:.1f}"
    return f"{round(count):,}".replace(",", " ")


def money(amount: float, currency: str) -> str:
    """Return an amount: `USD 3.10`."""
    return f"{currency} {amount:.2f}"
