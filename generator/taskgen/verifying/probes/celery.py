"""Asks the installed Celery whether it knows every setting, loads the file, and can route a task with it."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Final

from taskgen.verifying.probes.answering import Settings, answer

EXTRA: Final = frozenset(
    {
        "redis_backend_credential_provider",
        "redis_backend_health_check_interval",
        "redis_client_name",
        "result_backend_thread_safe",
    }
)
"""Settings that Celery 5.7 reads, but does not list in its defaults."""
TASK: Final = "a_task_that_no_route_names"


def settings_of(module: Settings) -> dict[str, Any]:
    """Return what Celery takes for a setting: names in lower case that are neither modules nor functions."""
    return {
        name: value
        for name, value in module.items()
        if not name.startswith("_") and name.islower() and not callable(value) and not hasattr(value, "__loader__")
    }


def probe(module: Settings) -> Iterator[str]:
    """Yield what Celery does not know, and what stops it from using the file."""
    from celery.app.defaults import NAMESPACES, flatten

    known: Mapping[str, Any] = dict(flatten(NAMESPACES))
    settings = settings_of(module)
    if not settings:
        yield "no setting in it"
    for name in settings:
        if name not in known and name not in EXTRA:
            yield f"{name}: Celery has no such setting"
        elif name in known and known[name].deprecate_by:
            yield f"{name}: deprecated, removed in Celery {known[name].remove_by}"
    yield from _loads(settings)


def _loads(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield why Celery cannot be configured so: it reads settings only when they are used."""
    import warnings

    from celery import Celery
    from celery.exceptions import ImproperlyConfigured

    app = Celery("verify", set_as_current=False)
    app.config_from_object(SimpleNamespace(**settings), force=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            app.conf.table()
            app.finalize()
            # A route of the wrong shape is only found by sending a task (5.7.0).
            app.amqp.router.route({}, TASK, (), {})
        except (ImproperlyConfigured, ImportError, KeyError, TypeError, ValueError, AttributeError, Warning) as error:
            yield f"Celery cannot use it: {type(error).__name__}: {error}"


if __name__ == "__main__":
    answer(probe)
