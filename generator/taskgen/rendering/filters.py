"""Filters of templates: plain functions from a value of the plan to what one consumer wants to read."""

import hashlib
import keyword
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from markupsafe import Markup

from taskgen.errors import TemplateError
from taskgen.plan.document import plan_document, task_policy
from taskgen.plan.hatchet import hatchet_options
from taskgen.plan.model import TierPlan
from taskgen.profile.scalars import format_duration
from taskgen.rendering.encoding import json_document, json_text, yaml_block
from taskgen.rendering.literal import yaml_literal

MIB: Final = 2**20


def seconds(value: timedelta) -> int | float:
    """Return a duration as a number of seconds, whole where it is."""
    number = value.total_seconds()
    return int(number) if number == int(number) else number


def milliseconds(value: timedelta) -> int:
    """Return a duration as whole milliseconds."""
    return round(value / timedelta(milliseconds=1))


def duration(value: timedelta) -> str:
    """Return a duration as `5m15s`: Compose, Prometheus and Go read it."""
    return format_duration(value)


def go_seconds(value: timedelta) -> str:
    """Return a duration as `315s`."""
    return f"{seconds(value)}s"


def quantity(value: int) -> str:
    """Return bytes as a Kubernetes quantity in the largest binary unit that keeps it whole: `912Mi`."""
    for factor, unit in ((2**30, "Gi"), (MIB, "Mi"), (2**10, "Ki")):
        if value % factor == 0 and value:
            return f"{value // factor}{unit}"
    return str(value)


def compose_size(value: int) -> str:
    """Return bytes as Compose writes them: `912m`."""
    return f"{value // MIB}m" if value % MIB == 0 else f"{value}b"


def cpu(value: int) -> str:
    """Return thousandths of a core as a Kubernetes quantity: `2` or `500m`."""
    return str(value // 1000) if value % 1000 == 0 else f"{value}m"


def cores(value: int) -> str:
    """Return thousandths of a core as a decimal number of cores: `0.5`."""
    return f"{value / 1000:g}"


def number(value: float) -> str:
    """Return a number without a needless fraction: `4`, `3.2`."""
    return f"{value:g}"


def digest(value: Any, length: int = 10) -> str:  # noqa: ANN401  # any value of a plan
    """Return the first hexadecimal digits of the SHA-256 of a value as JSON, for names that follow their content."""
    return hashlib.sha256(json_text(value).encode()).hexdigest()[:length]


def names(values: Iterable[Any]) -> list[str]:
    """Return the `name` of each value."""
    return [value.name for value in values]


def scrape_targets(tier: TierPlan) -> list[str]:
    """Return host and port of what a tier serves to Prometheus, by the name of its Compose service."""
    return [f"worker-{tier.name}:{port.number}" for port in tier.pod.ports if port.metrics]


def directly_below(paths: Iterable[str], folder: str) -> list[str]:
    """Return the names of the files that lie in a folder itself, sorted."""
    found = (path.removeprefix(f"{folder}/") for path in paths if path.startswith(f"{folder}/"))
    return sorted(name for name in found if "/" not in name)


def python_name(value: str) -> Markup:
    """Return a name that a Python module may assign to.

    Raises:
        TemplateError: it is no name.
    """
    if not value.isidentifier() or not value.isascii() or keyword.iskeyword(value):
        raise TemplateError(f"{value!r} is not a name in Python: correct the setting")
    return Markup(value)  # noqa: S704  # letters, digits and _ only


FILTERS: Final[Mapping[str, Any]] = {
    "seconds": seconds,
    "milliseconds": milliseconds,
    "duration": duration,
    "go_seconds": go_seconds,
    "quantity": quantity,
    "compose_size": compose_size,
    "cpu": cpu,
    "cores": cores,
    "number": number,
    "digest": digest,
    "directly_below": directly_below,
    "names": names,
    "scrape_targets": scrape_targets,
    "yaml_block": yaml_block,
    "yaml_literal": yaml_literal,
    "json_document": json_document,
    "json_text": json_text,
    "python_name": python_name,
    "plan_document": plan_document,
    "task_policy": task_policy,
    "hatchet_options": hatchet_options,
}
"""By the name that templates use."""
