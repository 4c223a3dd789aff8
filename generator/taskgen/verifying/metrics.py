"""Metrics that rules, dashboards and scalers ask for: a rendered worker or exporter really serves each (K18)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from task_abstraction.capabilities import EXPORTER_METRICS, TASK_HISTOGRAMS, WORKER_METRICS
from taskgen import __version__
from taskgen.artifact import Artifact
from taskgen.plan.counted import ages_are_known, waits_are_known, worker_counts
from taskgen.plan.model import Plan
from taskgen.verifying.base import Result, answer
from taskgen.verifying.manifests import UnreadableError, documents
from taskgen.verifying.promql import Selector, selectors

OWN: Final = frozenset({"up"})
"""What Prometheus itself writes for each scrape."""
SERVED: Final[frozenset[str]] = (
    OWN
    | (frozenset(WORKER_METRICS + EXPORTER_METRICS) - frozenset(TASK_HISTOGRAMS))
    | {f"{name}{suffix}" for name in TASK_HISTOGRAMS for suffix in ("_bucket", "_sum", "_count")}
)
_EXPRESSIONS: Final = frozenset({"expr", "query", "serverQuery"})
"""Keys that hold PromQL in rules, dashboards, tests and triggers."""
ABSENT: Final[Mapping[str, frozenset[str]]] = {"task_queue_dead_letter_depth": frozenset({"temporal", "hatchet"})}
"""Metrics that the exporter of a backend leaves out: there is nothing to count (tests/acceptance/test_metrics.py)."""
Bounds = frozenset[tuple[str, str, str]]
"""histogram, tier, `le` as the worker prints it"""


def bucket_bounds(plan: Plan) -> Bounds:
    """Return the bounds that the workers of a plan print: a float, as Prometheus 3 stores it."""
    return frozenset(
        (name, tier.name, repr(float(bound)))
        for tier in plan.tiers
        for name, bounds in zip(TASK_HISTOGRAMS, (tier.duration_buckets, tier.wait_buckets), strict=True)
        for bound in bounds
    )


def absent_series(plan: Plan) -> frozenset[tuple[str, str]]:
    """Return metric and tier of what the backend of the tier leaves out."""
    absent = {(name, tier.name) for name, left in ABSENT.items() for tier in plan.tiers if tier.backend in left}
    waits = {f"task_queue_wait_seconds{suffix}" for suffix in ("_bucket", "_sum", "_count")}
    for tier in plan.tiers:
        names = set() if waits_are_known(plan.profile) else set(waits)
        if not ages_are_known(plan.profile, tier.backend):
            names.add("task_queue_oldest_age_seconds")
        if not worker_counts(plan.profile):
            names |= SERVED - OWN - set(EXPORTER_METRICS)
        absent |= {(name, tier.name) for name in names}
    return frozenset(absent)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Compares the names and bucket bounds in PromQL with those that the library declares; part of taskgen."""

    bounds: Bounds
    absent: frozenset[tuple[str, str]] = frozenset()
    """metric and tier: series that do not exist though the metric does"""
    name: str = "metrics"
    remedy: str = "part of taskgen"

    def available(self) -> str | None:
        """Return taskgen's own version."""
        return __version__

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact may hold PromQL."""
        return artifact.path.endswith((".yaml", ".yml", ".json"))

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each file that holds PromQL."""
        for artifact in artifacts:
            file = folder / artifact.path
            try:
                found = documents(file.read_text(encoding="utf-8"))
                recorded = frozenset(_values({"record"}, [*found, *_rule_files(file, found)]))
            except UnreadableError as error:
                yield answer(self.name, artifact.path, [str(error)], __version__)
                continue
            asked = [selector for text in _expressions(found) for selector in selectors(text)]
            if asked:
                problems = [problem for selector in asked for problem in self._problems(selector, recorded)]
                yield answer(self.name, artifact.path, list(dict.fromkeys(problems)), __version__)

    def _problems(self, selector: Selector, recorded: frozenset[str]) -> Iterator[str]:
        if not selector.name:
            yield f"a selector without a name, on {', '.join(selector.labels)}: nobody can tell who serves it"
        elif selector.name not in SERVED | recorded:
            yield f"{selector.name}: no rendered worker or exporter serves it, and no rule of the file records it"
        bound, tier = selector.value("le"), selector.value("tier")
        if (selector.name, tier) in self.absent:
            yield f"{selector.name}: the backend of tier {tier} has none"
        if bound is None or bound == "+Inf":
            return
        known = {le for name, of, le in self.bounds if selector.name == f"{name}_bucket" and tier in {None, of}}
        if bound not in known:
            near = ", ".join(sorted(known, key=float)) or "none"
            yield f'{selector.name}: no bucket le="{bound}" in tier {tier or "any"}, there are {near}'


def _rule_files(file: Path, found: Sequence[Any]) -> Iterator[Any]:
    """Yield the documents of the rule files that a test names: it may ask for what they record."""
    for document in found:
        for name in document.get("rule_files", ()) if isinstance(document, Mapping) else ():
            beside = file.parent / str(name)
            if beside.is_file():
                yield from documents(beside.read_text(encoding="utf-8"))


def _expressions(found: Sequence[Any]) -> Iterator[str]:
    yield from _values(_EXPRESSIONS | {"series"}, found)
    # An HPA asks the provider of external metrics for the name alone.
    for document in found:
        if isinstance(document, Mapping) and document.get("kind") == "HorizontalPodAutoscaler":
            yield from (str(metric.get("name")) for metric in _mappings("metric", document))


def _values(keys: frozenset[str] | set[str], node: Any) -> Iterator[str]:  # noqa: ANN401  # any part of a YAML document
    """Yield the texts under certain keys, at any depth."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key in keys and isinstance(value, str):
                yield value
            else:
                yield from _values(keys, value)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for value in node:
            yield from _values(keys, value)


def _mappings(key: str, node: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401  # any part of a YAML document
    if isinstance(node, Mapping):
        for name, value in node.items():
            if name == key and isinstance(value, Mapping):
                yield value
            yield from _mappings(key, value)
    elif isinstance(node, Sequence) and not isinstance(node, str):
        for value in node:
            yield from _mappings(key, value)
