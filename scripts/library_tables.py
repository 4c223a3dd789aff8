"""Tables of the runtime library for the documentation."""

import argparse
import re
from typing import Final

from scripts.markdown import table
from task_abstraction import exporter, worker
from task_abstraction.capabilities import CAPABILITIES
from task_abstraction.config.backend import VARIABLES
from task_abstraction.config.settings import SETTINGS
from task_abstraction.models import Feature
from task_abstraction.runtime.worker_metrics import WorkerMetrics

NO_CALL_YET: Final = frozenset(
    {
        Feature.DAG,
        Feature.DURABLE,
        Feature.STREAMING,
        Feature.CONCURRENCY_KEY,
    }
)
"""Features of the capability table that the library offers no call for yet: documented when it does."""


def capabilities(_: str) -> str:
    """What each backend can do."""
    rows = []
    for feature in (feature for feature in Feature if feature not in NO_CALL_YET):
        row = [f"`{feature.value}`"]
        for backend in ("celery", "temporal", "hatchet"):
            found = [entry for entry in CAPABILITIES if entry.backend == backend and entry.feature is feature]
            row.append(
                "<br>".join(
                    f"{entry.support.value}{f' ({entry.condition})' if entry.condition else ''}: {entry.mechanism}"
                    for entry in found
                )
                or "refused"
            )
        rows.append(row)
    return table(("feature", "Celery", "Temporal", "Hatchet"), rows)


def _flags(parser: argparse.ArgumentParser) -> str:
    rows = [
        (f"`{', '.join(action.option_strings)}{f' {action.metavar}' if action.metavar else ''}`", action.help or "")
        for action in parser._actions  # noqa: SLF001  # argparse offers no other way to list its flags
    ]
    return table(("flag", "what it does"), rows)


def flags(command: str) -> str:
    """Flags of a command of the library."""
    return _flags({"worker": worker.parser, "exporter": exporter.parser}[command]())


def environment(which: str) -> str:
    """Variables of the library: settings of every process, or connections of the backends."""
    if which == "settings":
        rows = [
            (", ".join(f"`{variable}`" for variable in setting.names), name, setting.default or "")
            for name, setting in SETTINGS.items()
        ]
        return table(("variables, the first one counts", "setting", "default"), rows)
    found = [
        (backend, parameter, ", ".join(f"`{variable}`" for variable in variables))
        for backend, parameters in VARIABLES.items()
        for parameter, variables in parameters.items()
    ]
    return table(("backend", "parameter", "variables, the first one counts"), found)


def metrics(which: str) -> str:
    """Metrics of the worker or the exporter."""
    if which == "worker":
        registry = WorkerMetrics(
            backend="", tier="", slots=1, pool="", duration_buckets=(1.0,), wait_buckets=(1.0,)
        ).registry
    else:
        registry = exporter.Gauges().registry
    text = registry.render()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)", text, re.MULTILINE))
    helps = re.findall(r"^# HELP (\S+) (.*)", text, re.MULTILINE)
    return table(("metric", "type", "what it counts"), [(f"`{name}`", kinds[name], what) for name, what in helps])
