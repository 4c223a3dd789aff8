"""The Celery backend. This module stays free of the SDK: it says what must be done before the SDK is imported."""

from importlib import import_module
from typing import Any

from task_abstraction.errors import ConfigurationError, DependencyNotInstalled

# celery/celery 5.7: billiard reads the variable once, at its import; without it a SIGTERM always drains.
CUT_ENVIRONMENT = {"REMAP_SIGTERM": "SIGQUIT"}


def patch_for(pool: str) -> None:
    """Make the standard library cooperative for pool gevent.

    Celery does so only where its own command line names the pool; without, a worker takes tasks and runs none (5.7,
    measured).

    Raises:
        DependencyNotInstalled: gevent is absent.
    """
    if pool == "gevent":
        _monkey().patch_all()


def check_patched(pool: str) -> None:
    """Refuse a pool whose process was not prepared: it would take tasks, say that it is ready, and run none.

    Raises:
        ConfigurationError: nobody has called `patch_for`.
        DependencyNotInstalled: gevent is absent.
    """
    if pool == "gevent" and not _monkey().is_module_patched("socket"):
        raise ConfigurationError(
            "pool gevent: this process is not patched, and its tasks would never run. Start it by task-backend-worker, "
            "or call gevent.monkey.patch_all() before anything else is imported",
            source="pool",
        )


def _monkey() -> Any:  # noqa: ANN401 - a module without types
    try:
        return import_module("gevent.monkey")
    except ImportError:
        raise DependencyNotInstalled("gevent", "'gevent>=25.9'") from None
