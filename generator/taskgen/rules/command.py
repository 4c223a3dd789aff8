"""Rules on the whole command line of a container: process 1 is the worker, and hands on SIGTERM."""

from collections.abc import Iterator
from typing import Final

from taskgen.plan.model import Plan, TierPlan
from taskgen.rules.engine import Breach, rule

SHELLS: Final = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})
SUPERVISORS: Final = frozenset({"circusd", "pm2", "runsvdir", "s6-svscan", "supervisord"})
"""Programs that keep a container alive while what it should run dies again and again (measured with supervisord)."""


def _program(word: str) -> str:
    return word.rpartition("/")[2]


def _place(plan: Plan, tier: TierPlan) -> str:
    return (
        f"tiers.{tier.name}.command_prefix"
        if tier.profile.command_prefix or not plan.profile.app.command
        else "app.command"
    )


def _swallows(words: tuple[str, ...]) -> str | None:
    """Say why SIGTERM may not reach the worker."""
    first = _program(words[0])
    if any("--detach" in word for word in words):
        return "a worker that detaches never sees SIGTERM"
    if first in SHELLS:
        if "&" in " ".join(words).replace("&&", ""):
            return "a shell does not hand SIGTERM to what it started in the background"
        if not any("exec " in word for word in words):
            return f"{first} is process 1 and does not hand on SIGTERM"
    if first.endswith(".sh"):
        return f"the script {first} hands on SIGTERM only if it ends in exec"
    return None


@rule(
    "C26",
    "E/E/E",
    why="SIGTERM never reaches the worker: it is killed, and its tasks are lost",
    reference="[Images]; seed 003 lines 123 and 179, measured",
    remedy="run the program itself (exec form), or through `sh -c 'exec ...'`",
)
def worker_is_process_one(plan: Plan) -> Iterator[Breach]:
    """The worker runs in the foreground as process 1, or behind a program that becomes it."""
    for tier in plan.tiers:
        why = _swallows(tier.command) if tier.command else None
        if why:
            yield Breach(_place(plan, tier), why)


@rule(
    "P24",
    "W/E/E",
    why="the worker crashes in a loop inside a container that looks healthy",
    reference="[Images]: supervisord, measured",
    remedy="use one container for each process; the platform restarts it",
)
def containers_hold_one_process(plan: Plan) -> Iterator[Breach]:
    """No supervisor hides from the platform that the worker has died."""
    for tier in plan.tiers:
        found = SUPERVISORS & {_program(word) for word in tier.command}
        if found:
            yield Breach(_place(plan, tier), f"{min(found)} restarts the worker inside the container")
