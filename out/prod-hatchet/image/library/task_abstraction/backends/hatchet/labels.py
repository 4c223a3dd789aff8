"""Names beside a task and a worker: metadata keys, worker labels, variants of a workflow, its description."""

import re

ID_KEY = "taskgen_id"
"""Metadata of a delayed run: our id of the task."""
QUEUE_KEY = "taskgen_queue"
"""Metadata of every run: the queue that it goes to."""
ONCE_KEY = "taskgen_key"
"""Metadata of a run with an idempotency key."""
FLOW_KEY = "taskgen_workflow"
"""Metadata of a workflow and its steps: the name of the workflow."""
STEPS_KEY = "taskgen_steps"
"""Metadata of a workflow and its steps: how many steps it has."""
INTERPRETER = "taskgen.workflow"
"""Name of the durable task that runs workflows; no task has a dot in its name."""
POOL_LABEL = "pool"
"""Worker label with the tier."""
_ONCE = ".once"
_CANCELLED = ".cancelled"
_ON = ".on."
_QUEUE_LABEL = "queue:"
_QUEUE = re.compile(r"\[queue ([^\]]+)\]$")


def variant(name: str, *, queue: str | None, once: bool) -> str:
    """Name of the workflow that runs a task on another queue, or at most once for each key.

    A workflow with a key expression loses every submit without a key, also those of the console and of other producers:
    the task's own workflow has none. And a queue is a matter of actions, not of required worker labels: with labels, a
    task whose workers are busy waits a second or more for the next look as long as other workers are idle (200 tasks in
    50 s instead of 7 s, measured). No task name on Hatchet has a dot.
    """
    return name + (f"{_ON}{queue.lower()}" if queue is not None else "") + (_ONCE if once else "")


def cancelled_variant(name: str) -> str:
    """Name of the workflow that records cancelled schedules of a task; no worker takes its action."""
    return name + _CANCELLED


def action(full_name: str, task: str) -> str:
    """Action of a workflow's only step, as the SDK writes it: workers say which actions they take."""
    return f"{full_name.removesuffix(_ONCE)}:{task}".lower()


def task_of(workflow: str) -> str:
    """Task that a workflow, or a variant of it, runs."""
    return workflow.partition(".")[0]


def queue_of_action(text: str) -> str | None:
    """The queue that an action names; None for that of the task's own queue."""
    _, found, rest = text.partition(":")[0].partition(_ON)
    return rest if found else None


def queue_label(queue: str) -> str:
    """Worker label of a queue: a worker carries one, with the value 1, for each queue that it serves."""
    return _QUEUE_LABEL + queue


def is_queue_label(key: str) -> bool:
    """Whether a worker label names a queue."""
    return key.startswith(_QUEUE_LABEL)


def describe(text: str | None, queue: str) -> str:
    """Description of a workflow, as the console shows it; it tells producers and the exporter the queue."""
    first = (text or "").strip().partition("\n")[0]
    return f"{first} [queue {queue}]".strip()


def queue_in(description: str | None) -> str | None:
    """The queue that a description names."""
    found = _QUEUE.search(description or "")
    return found.group(1) if found else None
