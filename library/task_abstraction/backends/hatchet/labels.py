"""What travels beside a task and a worker: metadata keys, worker labels, the description of a workflow."""

import re

ID_KEY = "taskgen_id"
"""Metadata of a delayed run: our id of the task."""
QUEUE_KEY = "taskgen_queue"
"""Metadata of every run: the queue that the producer resolved."""
ONCE_KEY = "taskgen_key"
"""Metadata of a run with an idempotency key."""
ONCE = ".once"
"""Ending of the workflow that takes submits with an idempotency key: it runs the same task.

A workflow with a key expression loses every submit without a key, also those of the console and of other producers. The
task's own workflow therefore has none. No task name on Hatchet has a dot.
"""
POOL_LABEL = "pool"
"""Worker label with the tier."""
_QUEUE = re.compile(r"\[queue ([^\]]+)\]$")


def queue_label(queue: str) -> str:
    """Worker label of a queue: a worker carries one, with the value 1, for each queue that it serves."""
    return f"queue:{queue}"


def describe(text: str | None, queue: str) -> str:
    """Description of a workflow, as the console shows it; it tells the exporter the queue."""
    first = (text or "").strip().partition("\n")[0]
    return f"{first} [queue {queue}]".strip()


def queue_in(description: str | None) -> str | None:
    """The queue that a description names."""
    found = _QUEUE.search(description or "")
    return found.group(1) if found else None
