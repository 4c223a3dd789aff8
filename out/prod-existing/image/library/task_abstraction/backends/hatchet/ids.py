"""Ids of tasks: the engine's own for a task that begins at once, ours for a delayed one.

A schedule of the engine is forgotten once it has begun, and never shows the id of its run. So a delayed task gets an id
of ours, which travels in the metadata of the run. It is a UUID of version 7, whose first 48 bits are a time in
milliseconds (RFC 9562): we write the time at which the task is due, so that the id alone says where to look. The
engine's own ids have version 4.
"""

import secrets
from datetime import UTC, datetime
from uuid import RFC_4122, UUID

from task_abstraction.errors import TaskNotFound

DELAYED_VERSION = 7


def delayed_id(due_at: datetime) -> str:
    """A new id of a task that is due then."""
    milliseconds = int(due_at.timestamp() * 1000)
    value = milliseconds << 80 | DELAYED_VERSION << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(UUID(int=value))


def parse_id(task_id: str) -> UUID:
    """The id as UUID.

    Raises:
        TaskNotFound: the text was never an id of this backend.
    """
    try:
        found = UUID(task_id)
    except (ValueError, AttributeError, TypeError):
        raise TaskNotFound(str(task_id)) from None
    if found.variant != RFC_4122:
        raise TaskNotFound(task_id)
    return found


def due_at(task_id: UUID) -> datetime | None:
    """When a delayed task is due; None for a task that began at once."""
    if task_id.version != DELAYED_VERSION:
        return None
    return datetime.fromtimestamp((task_id.int >> 80) / 1000, UTC)
