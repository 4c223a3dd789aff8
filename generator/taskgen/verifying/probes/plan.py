"""Asks the runtime library to read plan.json; the library's folder is given, as it is copied into the image."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def probe(file: Path) -> Iterator[str]:
    """Yield why the library cannot read the plan, and what it would ignore: it skips keys that it does not know."""
    from importlib import import_module

    # Imported by name: the generator knows no more of the library than its capabilities; this is a question to it.
    config = import_module("task_abstraction.config.plan")
    policy = import_module("task_abstraction.policy")
    raw = json.loads(file.read_text(encoding="utf-8"))
    try:
        plan = config.load_plan(file.parent)
    except import_module("task_abstraction.errors").ConfigurationError as error:
        yield str(error)
        return
    yield from _ignored(raw, config.WorkerPlan, "the plan")
    for part, kind in (("queues", "QueuePlan"), ("tiers", "TierSettings"), ("schedules", "SchedulePlan")):
        for name, record in raw.get(part, {}).items():
            yield from _ignored(record, getattr(config, kind), f"{part}.{name}")
    policies = [*raw.get("tasks", ()), *((name, tier.get("task", {})) for name, tier in raw["tiers"].items())]
    known = set(policy.TaskPolicy.__dataclass_fields__) | {"non_retryable"} | _retry_keys()
    for name, values in policies:
        yield from (f"policy of {name}: the library ignores {key}" for key in values if key not in known)
    for tier in plan.tiers.values():
        policy.effective_policy("verify", None, plan, tier)
    for glob, _ in plan.tasks:
        policy.effective_policy(glob, None, plan, None)  # a glob matches itself
    yield from _serves(plan)


def _retry_keys() -> set[str]:
    return {"max_attempts", "initial_delay_s", "backoff", "max_delay_s", "jitter"}


def _ignored(record: Mapping[str, Any], kind: Any, place: str) -> Iterator[str]:  # noqa: ANN401  # a dataclass
    known = set(kind.__dataclass_fields__)
    yield from (f"{place}: the library ignores {key}" for key in record if key not in known)


def _serves(plan: Any) -> Iterator[str]:  # noqa: ANN401  # a WorkerPlan, whose type the generator does not know
    for glob, queue in plan.routes:
        if not plan.tiers_of_queue(queue):
            yield f"route {glob}: no tier serves {queue}"


def main() -> None:
    """Answer about the file of the first argument, with the library of the second."""
    sys.path.insert(0, sys.argv[2])
    sys.stdout.write(json.dumps(list(probe(Path(sys.argv[1])))))


if __name__ == "__main__":
    main()
