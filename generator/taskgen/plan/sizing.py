"""Pool, slots, memory and CPU of one worker."""

import math
from typing import Final, Literal

from taskgen.plan.derivation import derivation

MIB: Final = 2**20
Pool = Literal["prefork", "threads", "gevent", "solo"]

BASE_MEMORY: Final = {"celery": 51 * MIB, "temporal": 84 * MIB, "hatchet": 190 * MIB}
"""Idle worker with a trivial application, measured: celery 5.7.0 main process 50.7 MiB ([Celery 9]), temporalio 1.35
84 MB ([Temporal 1]), hatchet-sdk 1.43 listener 99 MB plus 90 MB for the imported SDK ([Hatchet 1] and [Hatchet 5])."""
CHILD_MEMORY: Final = 44 * MIB
"""One prefork child of celery 5.7.0 with a trivial application: 43.5 MiB, measured ([Celery 9])."""
APP_MEMORY: Final = 32 * MIB
"""Assumed memory of the imported application where the profile states none."""
SAFETY: Final = 1.2
"""Factor on the sum (rule C08)."""
MEMORY_STEP: Final = 16 * MIB
"""Limits are rounded up to this, so that a small change of a fact does not roll a fleet."""
SLOTS: Final = {"cpu": 2, "mixed": 4, "io": 8}
"""Slots where the profile says auto: seed 000 lists few for CPU work and more for work that waits."""
SLOT_CPU: Final = {"cpu": 1000, "mixed": 500, "io": 100}
"""Millicores per slot; rule C11 asks for at least 0.8 core per slot of CPU work."""
GIL_CPU: Final = 1000
"""Millicores that the threads of one Python process can use: one interpreter lock."""


@derivation(
    formula="prefork on celery, threads elsewhere",
    source="[Celery 8]: only prefork keeps time limits, recycling and cut; the other SDKs run sync tasks in threads",
    override="typed_pool",
)
def pool(*, backend: str) -> Pool:
    """How the worker runs tasks at once."""
    return "prefork" if backend == "celery" else "threads"


@derivation(
    formula="slots by workload: cpu 2, mixed 4, io 8; pool solo 1",
    source="seed 000, corrected: celery's default is the CPU count of the host (celery#10320); solo runs one task at"
    " a time whatever it is told, measured",
    override="typed_concurrency",
)
def concurrency(*, workload: str, pool: Pool) -> int:
    """Tasks at once in one worker."""
    return 1 if pool == "solo" else SLOTS[workload]


@derivation(
    formula="idle worker of the backend + app_memory (32Mi if unknown)",
    source="[Celery 9], [Temporal 1], [Hatchet 5], measured",
)
def memory_base(*, backend: str, app_memory: int | None) -> int:
    """Memory of the worker without tasks, in bytes."""
    return BASE_MEMORY[backend] + (APP_MEMORY if app_memory is None else app_memory)


@derivation(formula="44Mi for each prefork child, else 0", source="[Celery 9], measured with celery 5.7.0")
def memory_child(*, pool: Pool) -> int:
    """Memory of one further process of the pool, in bytes."""
    return CHILD_MEMORY if pool == "prefork" else 0


@derivation(
    formula="1.2 x (memory_base + concurrency x (memory_child + task_memory)), rounded up to 16Mi",
    source="rule C08, T07, H03",
    override="typed_memory",
)
def memory_limit(*, memory_base: int, memory_child: int, concurrency: int, task_memory: int) -> int:
    """Memory request and limit of one worker, in bytes."""
    need = SAFETY * (memory_base + concurrency * (memory_child + task_memory))
    return math.ceil(need / MEMORY_STEP) * MEMORY_STEP


@derivation(
    formula="concurrency x (cpu 1000m, mixed 500m, io 100m), at least 100m; threads: at most 1000m",
    source="rule C11; H03: threads share one interpreter lock",
    override="typed_cpu",
)
def cpu_request(*, workload: str, concurrency: int, pool: Pool) -> int:
    """CPU request of one worker, in thousandths of a core."""
    need = max(100, concurrency * SLOT_CPU[workload])
    return need if pool == "prefork" else min(need, GIL_CPU)
