"""Names of a settings module that look like settings, and that Celery would store without ever reading them."""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any

from celery.app import defaults

from task_abstraction.errors import ConfigurationError

PREFIXES = frozenset({"beat", "broker", "event", "result", "task", "worker"})
"""First words of Celery's settings that helpers of a settings module hardly have."""
ALIKE = 0.8
"""How alike a misspelt name and a known one are, by difflib's ratio."""
OLD_KEYS: Mapping[str, str] = vars(defaults)["_TO_NEW_KEY"]
"""Celery's own table of its upper-case names."""
# What people write for retries; Celery declares them on the task, and so does the library.
RETRY_NAMES = frozenset({"task_max_retries", "task_retry_delay", "task_retry_policy", "task_default_retry_delay"})
RETRY_REMEDY = "Retries are declared: @task(retry=RetryPolicy(...)), or `retry` of the tier or task in the profile"


def refuse_unread(names: Mapping[str, Any], known: Collection[str], place: str) -> None:
    """Refuse settings that the installed Celery does not have; helpers of the module's own are left alone.

    Raises:
        ConfigurationError: a name begins as Celery's settings do and is none, or is one of the old upper-case keys.
    """
    for name in names:
        if name in known:
            continue
        if name in OLD_KEYS:
            raise ConfigurationError(f"{place}: '{name}' is an old key. Write '{OLD_KEYS[name]}'", source=place)
        if name.partition("_")[0] in PREFIXES:
            raise ConfigurationError(f"{place}: Celery has no setting '{name}'. {_remedy(name, known)}", source=place)


def _remedy(name: str, known: Collection[str]) -> str:
    if name in RETRY_NAMES:
        return RETRY_REMEDY
    alike = get_close_matches(name, known, n=1, cutoff=ALIKE)
    return f"Did you mean '{alike[0]}'?" if alike else "Remove it, or begin a name of your own with '_'"
