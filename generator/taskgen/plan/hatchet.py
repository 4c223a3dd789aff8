"""The engine's options of Hatchet tasks, from a policy by the keys of plan.json."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

FACTOR_LIMIT: Final = 1000.0
"""Largest backoff_factor that the engine takes ([Hatchet 3])."""
DELAY_LIMIT_S: Final = 86_400
"""Largest backoff_max_seconds that the engine takes ([Hatchet 3])."""


def hatchet_options(policy: Mapping[str, Any]) -> dict[str, Any]:
    """Return keyword arguments of `Hatchet.task` for what a policy states. Pure.

    retries = max_attempts - 1. The engine waits min(backoff_max_seconds, backoff_factor^n) before repetition n, so the
    factor max(initial_delay, backoff) makes no delay shorter than initial_delay x backoff^(n - 1); with backoff 1 the
    ceiling is initial_delay ([Hatchet 3], source).
    """
    options: dict[str, Any] = {}
    for key, name in (("time_limit_s", "execution_timeout"), ("schedule_timeout_s", "schedule_timeout")):
        if key in policy:
            options[name] = timedelta(seconds=policy[key])
    if "max_attempts" in policy:
        options["retries"] = policy["max_attempts"] - 1
    if options.get("retries"):
        initial, backoff, ceiling = policy["initial_delay_s"], policy["backoff"], policy["max_delay_s"]
        if min(initial, ceiling) > 0:
            longest = min(ceiling, initial if backoff == 1 else ceiling)
            options["backoff_factor"] = float(min(FACTOR_LIMIT, max(initial, backoff, 1.0)))
            options["backoff_max_seconds"] = max(1, min(DELAY_LIMIT_S, round(longest)))
    return options
