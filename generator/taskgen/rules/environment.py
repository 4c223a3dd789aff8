"""Rules on variables: what taskgen sets itself, and names that look like settings and are read by nobody."""

from collections.abc import Iterator, Mapping
from typing import Final

from taskgen.plan.dotenv import env_fault
from taskgen.plan.environment import own_env
from taskgen.plan.model import Plan
from taskgen.rules.engine import Breach, rule
from taskgen.rules.reading import options

TEMPORAL: Final = {
    "TEMPORAL_HOST": "backends.temporal.address",
    "TEMPORAL_HOST_URL": "backends.temporal.address",
    "TEMPORAL_TLS_CERT_PATH": "backends.temporal.tls",
    "TEMPORAL_TLS_KEY_PATH": "backends.temporal.tls",
}
"""Names of seed 000 that neither the SDK nor the library reads, and the field instead."""
WORKERS: Final = {
    "CELERY_AUTOSCALE_MAX": "tiers.<name>.scale.max",
    "CELERY_AUTOSCALE_MIN": "tiers.<name>.scale.min",
    "CELERY_CONCURRENCY": "tiers.<name>.concurrency",
    "CELERY_LOGLEVEL": "monitoring.log_level",
    "TASK_TIME_LIMIT": "tiers.<name>.task.time_limit",
    "WORKER_CONCURRENCY": "tiers.<name>.concurrency",
    "WORKER_MAX_TASKS_PER_CHILD": "tiers.<name>.max_tasks_per_child",
}
"""Names of seeds 003 and 004 that no worker reads: with CELERY_CONCURRENCY=3 it took the CPU count, measured."""


def stated(plan: Plan, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield place and field of every stated variable that has one of these names."""
    owners = {"app": plan.profile.app, **{f"tiers.{tier.name}": tier.profile for tier in plan.tiers}}
    for at, owner in owners.items():
        for kind in ("env", "secret_env"):
            for name, value in getattr(owner, kind).items():
                if name in names and value is not None:
                    yield f"{at}.{kind}.{name}", names[name]


@rule(
    "T27",
    "E/E/E",
    why="the connection is made without it: to another address, or without a client certificate",
    reference="[Temporal 2], measured and from source; seed 000 lines 95 and 252",
    remedy="remove it, and set the field of the profile",
)
def names_of_temporal_are_read(plan: Plan) -> Iterator[Breach]:
    """Connection settings of Temporal have names that somebody reads."""
    if plan.profile.app.kind == "command":
        return  # the command reads what it wants
    for path, field in stated(plan, TEMPORAL):
        yield Breach(path, "neither the SDK nor the library reads it", f"remove it, and set {field}")


@rule(
    "U04",
    "E/E/E",
    why="the derived value wins, and the typed one looks as if it worked",
    reference="docs/rules/own.md",
    remedy="remove it from env: the field of the profile that it belongs to decides",
)
def derived_variables_are_not_typed(plan: Plan) -> Iterator[Breach]:
    """No variable of env is one that taskgen sets itself."""
    for tier in plan.tiers:
        derived = {variable.name: variable for variable in tier.env}
        for variable in own_env(plan.profile, tier.profile):
            if derived.get(variable.name) != variable:
                owner = (
                    f"tiers.{tier.name}"
                    if {**tier.profile.env, **tier.profile.secret_env}.get(variable.name)
                    else "app"
                )
                kind = "secret_env" if variable.secret else "env"
                yield Breach(f"{owner}.{kind}.{variable.name}", "taskgen sets this variable itself")


@rule(
    "U10",
    "W/W/W",
    why="the variable looks like a setting of the worker, and the worker never reads it",
    reference="seed 003 lines 310 and 445, seed 004 line 197: read by nothing, measured",
    remedy="remove it, and set the field; waive U10 if the tasks themselves read it",
)
def settings_are_no_variables(plan: Plan) -> Iterator[Breach]:
    """What sizes and limits a worker is a field of the profile, not a variable that no worker reads."""
    if plan.profile.app.kind == "command":
        return  # the command reads what it wants
    for path, field in stated(plan, WORKERS):
        yield Breach(path, "no worker reads it", f"remove it, and set {field}; waive U10 if the tasks read it")


@rule(
    "U20",
    "E/E/E",
    why="the shell, Compose and the container runtime would each read another value, so nothing is rendered",
    reference="measured with Compose 5.6.1 and dash; docs/targets/settings.md",
    remedy="put it into a secret, and refer to that in secret_env",
)
def values_can_be_written(plan: Plan) -> Iterator[Breach]:
    """Values of variables are ones that every reader of an environment file reads alike."""
    if options(plan, "settings") is None:
        return
    stated_env = {"app": plan.profile.app.env, **{f"tiers.{tier.name}": tier.profile.env for tier in plan.tiers}}
    for at, env in stated_env.items():
        for name, value in env.items():
            fault = env_fault(value) if value is not None else None
            if fault:
                yield Breach(f"{at}.env.{name}", f"its value {fault.partition(':')[0]}")
