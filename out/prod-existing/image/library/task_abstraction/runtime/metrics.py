"""Counters, gauges and histograms as Prometheus text; thread-safe, without a third-party package."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

Labels = tuple[str, ...]


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return repr(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))  # noqa: PLR2004


@dataclass(slots=True)
class Family:
    """One metric: its name, type, help, label names and samples."""

    name: str
    kind: str
    text: str
    label_names: Labels
    lock: threading.RLock
    values: dict[Labels, float] = field(default_factory=dict)

    def inc(self, labels: Sequence[str], amount: float = 1.0) -> None:
        """Add to a sample; amount 0 creates it, so that `increase()` sees the first event."""
        key = tuple(labels)
        with self.lock:
            self.values[key] = self.values.get(key, 0.0) + amount

    def set(self, labels: Sequence[str], value: float) -> None:
        """Set a sample."""
        with self.lock:
            self.values[tuple(labels)] = value

    def remove(self, labels: Sequence[str]) -> None:
        """Forget one sample, if it is there."""
        with self.lock:
            self.values.pop(tuple(labels), None)

    def drop(self) -> None:
        """Forget all samples: absent is honest where the value is not known."""
        with self.lock:
            self.values.clear()

    def lines(self) -> Iterator[str]:
        """The samples as exposition lines."""
        with self.lock:
            samples = sorted(self.values.items())
        for labels, value in samples:
            yield f"{self.name}{render_labels(self.label_names, labels)} {_number(value)}"


@dataclass(slots=True)
class Histogram:
    """One histogram with fixed upper bounds in seconds."""

    name: str
    text: str
    label_names: Labels
    bounds: tuple[float, ...]
    lock: threading.RLock
    kind: str = "histogram"
    counts: dict[Labels, list[int]] = field(default_factory=dict)
    sums: dict[Labels, float] = field(default_factory=dict)

    def create(self, labels: Sequence[str]) -> None:
        """Create a series with zeros."""
        with self.lock:
            self._row(tuple(labels))

    def observe(self, labels: Sequence[str], value: float) -> None:
        """Count one observation."""
        key = tuple(labels)
        index = next((i for i, bound in enumerate(self.bounds) if value <= bound), len(self.bounds))
        with self.lock:
            self._row(key)[index] += 1
            self.sums[key] += value

    def _row(self, key: Labels) -> list[int]:
        self.sums.setdefault(key, 0.0)
        return self.counts.setdefault(key, [0] * (len(self.bounds) + 1))

    def lines(self) -> Iterator[str]:
        """The samples as exposition lines; `le` is printed as a float, as Prometheus 3 stores it."""
        with self.lock:
            rows = sorted((key, list(row), self.sums[key]) for key, row in self.counts.items())
        for key, row, total in rows:
            running = 0
            for bound, count in zip((*self.bounds, float("inf")), row, strict=True):
                running += count
                le = "+Inf" if bound == float("inf") else repr(float(bound))
                yield f"{self.name}_bucket{render_labels((*self.label_names, 'le'), (*key, le))} {running}"
            labels = render_labels(self.label_names, key)
            yield f"{self.name}_sum{labels} {_number(total)}"
            yield f"{self.name}_count{labels} {running}"


def render_labels(names: Sequence[str], values: Sequence[str]) -> str:
    """Label pairs in braces; nothing where there are no labels."""
    if not names:
        return ""
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True))
    return "{" + pairs + "}"


class MetricsRegistry:
    """Families in the order of their creation."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler may interrupt its own thread in here
        self._families: dict[str, Family | Histogram] = {}
        self.before_render: list[Callable[[], None]] = []

    def counter(self, name: str, text: str, labels: Iterable[str] = ()) -> Family:
        """Add a counter; its name ends in `_total`."""
        return self._add(Family(name, "counter", text, tuple(labels), self._lock))

    def gauge(self, name: str, text: str, labels: Iterable[str] = ()) -> Family:
        """Add a gauge."""
        return self._add(Family(name, "gauge", text, tuple(labels), self._lock))

    def histogram(self, name: str, text: str, labels: Iterable[str], bounds: Sequence[float]) -> Histogram:
        """Add a histogram with these upper bounds, in seconds."""
        family = Histogram(name, text, tuple(labels), tuple(sorted(set(bounds))), self._lock)
        self._families[name] = family
        return family

    def _add(self, family: Family) -> Family:
        self._families[family.name] = family
        return family

    def render(self) -> str:
        """All families in the text format of Prometheus."""
        for refresh in self.before_render:
            refresh()
        parts: list[str] = []
        for family in self._families.values():
            parts += [f"# HELP {family.name} {family.text}", f"# TYPE {family.name} {family.kind}", *family.lines()]
        return "\n".join(parts) + "\n"
