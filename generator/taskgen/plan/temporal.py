"""Slots and cache of the generic workflow of a Temporal worker; its activities are sized by the tier's concurrency."""

from typing import Final

from taskgen.plan.derivation import derivation

WORKFLOW_SLOTS: Final = (2, 10)
"""The SDK needs two to serve the sticky and the normal queue; ten keep up with any tier, for a workflow task of the
generic workflow takes milliseconds."""
SLOTS_PER_CORE: Final = 5
"""More would let a replay storm trip the deadlock detector (rule T11, PostHog#48777)."""
CACHED_WORKFLOWS: Final = 100
"""0.12 MiB each, measured with temporalio 1.35 (350 generic workflows: 41 MiB); one that falls out replays 3 events."""


@derivation(
    formula="temporal: 5 x cpu_request in cores, at least 2, at most 10; else none",
    source="rule T11",
)
def workflow_slots(*, backend: str, cpu_request: int) -> int | None:
    """`max_concurrent_workflow_tasks` of a Temporal worker."""
    least, most = WORKFLOW_SLOTS
    return min(most, max(least, SLOTS_PER_CORE * cpu_request // 1000)) if backend == "temporal" else None


@derivation(
    formula="temporal: 100, else none",
    source="rule T07: the SDK's default of 1000 counts workflows, not memory; 0.12 MiB each, measured",
)
def cached_workflows(*, backend: str) -> int | None:
    """`max_cached_workflows` of a Temporal worker."""
    return CACHED_WORKFLOWS if backend == "temporal" else None
