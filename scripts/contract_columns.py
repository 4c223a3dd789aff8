"""What the contract suite runs on, and what it finds there: the tests and the table of the documentation read this."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from scripts.library_tables import NO_CALL_YET
from scripts.markdown import table
from task_abstraction.capabilities import CAPABILITIES, Capability, capability
from task_abstraction.models import Feature, Support
from task_abstraction.testing import ImmediateBackend, MemoryBackend
from task_abstraction.testing.contract import fixtures

IN_CONTRACT: Final = frozenset(fixtures.ASKS) | fixtures.ALWAYS | fixtures.CANCELS | fixtures.REPORTS
"""Features whose behaviour, or whose refusal, the suite asserts wherever it runs."""
ACCEPTANCE: Final = "tests/acceptance"
ELSEWHERE: Final[Mapping[tuple[Feature, str], str]] = {
    (Feature.REQUEUE_ON_KILL, "celery"): "test_celery_faults.py",
    (Feature.REQUEUE_ON_KILL, "temporal"): "test_temporal_faults.py",
    (Feature.REQUEUE_ON_KILL, "hatchet"): "test_hatchet_faults.py",
    (Feature.DEAD_LETTER, "celery"): "test_celery_dead_letters.py",
    (Feature.DEAD_LETTER, "hatchet"): "test_hatchet_dead_letters.py",
    (Feature.ENCRYPTION, "celery"): "test_celery_encryption.py",
    (Feature.ENCRYPTION, "temporal"): "test_temporal_encryption.py",
    (Feature.ENCRYPTION, "hatchet"): "test_hatchet_encryption.py",
    (Feature.CRON, "celery"): "test_celery_exporter.py",
    (Feature.CRON, "temporal"): "test_temporal_schedules.py",
}
"""Tests of features that belong to worker, engine or profile, so that no call of the suite asks for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One kind of backend under test; `facts` are those of the capability table, the worker's pool among them."""

    title: str
    backend: str
    facts: Mapping[str, object] = field(default_factory=dict)
    records: Sequence[Capability] = CAPABILITIES

    def record(self, feature: Feature) -> Capability:
        """What producer and worker together give."""
        return self._find(feature, self.facts)

    @property
    def lacks(self) -> frozenset[Feature]:
        """Features that the worker's pool cannot give and the producer cannot know of."""
        producer = {name: value for name, value in self.facts.items() if name != "pool"}
        return frozenset(
            feature
            for feature in Feature
            if self.record(feature).support is Support.REFUSED
            and self._find(feature, producer).support is not Support.REFUSED
        )

    def _find(self, feature: Feature, facts: Mapping[str, object]) -> Capability:
        found = capability(self.backend, feature, facts, self.records)
        if found is None:
            raise LookupError(f"the capability table says nothing about '{feature}' on {self.title}")
        return found

    def cell(self, feature: Feature) -> str:
        """Whether the behaviour is tested, or the words of the refusal."""
        record = self.record(feature)
        if record.support is Support.REFUSED:
            return f"refused: {record.mechanism}"
        if feature in IN_CONTRACT:
            return "tested"
        where = ELSEWHERE.get((feature, self.backend))
        return "given, without a test here" if where is None else f"tested in `{where}`"


REDIS: Final = Column(title="Redis, prefork", backend="celery", facts={"broker": "redis", "pool": "prefork"})
THREADS: Final = Column(title="Redis, threads", backend="celery", facts={"broker": "redis", "pool": "threads"})
CLASSIC: Final = Column(title="RabbitMQ, classic", backend="celery", facts={"broker": "amqp", "quorum": False})
QUORUM: Final = Column(title="RabbitMQ, quorum", backend="celery", facts={"broker": "amqp", "quorum": True})
TEMPORAL: Final = Column(title="Temporal", backend="temporal")
HATCHET: Final = Column(title="Hatchet", backend="hatchet")
MEMORY: Final = Column(title="memory", backend="memory", records=MemoryBackend.capabilities)
IMMEDIATE: Final = Column(title="immediate", backend="immediate", records=ImmediateBackend.capabilities)
COLUMNS: Final = (REDIS, THREADS, CLASSIC, QUORUM, TEMPORAL, HATCHET, MEMORY, IMMEDIATE)


def contract(_: str) -> str:
    """What is tested where."""
    rows = [
        (f"`{feature.value}`", *(column.cell(feature) for column in COLUMNS))
        for feature in Feature
        if feature not in NO_CALL_YET
    ]
    return table(("feature", *(column.title for column in COLUMNS)), rows)
