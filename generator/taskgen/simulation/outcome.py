"""What one run leaves behind."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from array import array


@dataclass(frozen=True, slots=True)
class Look:
    """The state of a tier at one time, in seconds."""

    at: float
    waiting: int
    running: int
    reserved: int
    in_flight: int
    """as the autoscaler reads it"""
    ready: int
    wanted: int
    arrived: int
    started: int
    waits: int
    """number of recorded waits until here"""


@dataclass(slots=True)
class Counts:
    """What happened to tasks and workers."""

    submitted: int = 0
    started: int = 0
    failed_attempts: int = 0
    failed: int = 0
    hit: int = 0
    """tasks that ran on a worker when it was told to stop, or was killed"""
    interrupted: int = 0
    """of these, the ones that were broken off"""
    redelivered: int = 0
    lost: int = 0
    waiting: int = 0
    """in the queue at the end"""
    running: int = 0
    """on a worker at the end, those that it reserved included"""
    returning: int = 0
    """at the end between two attempts, or not yet missed by the broker"""
    changes: int = 0
    """changes of size"""
    crashes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run."""

    seconds: float
    counts: Counts
    waits: "array[int]"
    """waits above zero in microseconds; -1 for one that did not come true"""
    measured: int
    """tasks whose wait counts, those without a wait included"""
    first_wait: int
    """index of the first wait after the warm-up"""
    left: list[int]
    """ages of the tasks that still wait at the end, in microseconds"""
    pod_seconds: float
    looks: list[Look]
    ready_at: list[float]
    """times at which a further worker became ready"""
