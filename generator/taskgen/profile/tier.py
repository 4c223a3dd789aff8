"""A tier: one pool of identical workers, its queues, its shutdown and what it overrides."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from taskgen.profile.application import Image
from taskgen.profile.base import (
    Auto,
    EnvName,
    Free,
    KeyedError,
    Matching,
    Model,
    Name,
    QueueName,
    SecretKey,
    Text,
)
from taskgen.profile.pod import Pod
from taskgen.profile.scalars import Duration, Size
from taskgen.profile.scaling import Scale, Slots
from taskgen.profile.workload import Load, Objectives, Retry, TaskFacts

Count = Annotated[Text, Matching(r"\d{1,3}%|\d{1,4}", "a number of replicas or a percentage such as 25%")]


class Shutdown(Model):
    """What happens to running tasks when a worker is asked to stop."""

    mode: Literal["drain", "cut"] = "drain"
    """drain: wait for running tasks; cut: stop early, the task is delivered again"""
    grace: Duration | None = None
    """time until the platform kills the worker; default derived"""
    soft: Duration | None = None
    """cut: time that running tasks still get; default derived"""


def _mode_alone(value: object) -> object:
    return {"mode": value} if isinstance(value, str) else value


class Spot(Model):
    """Share of interruptible capacity."""

    weight: Annotated[int, Field(ge=0, le=100)] = 0
    """percent of the replicas on interruptible capacity"""


class Rollout(Model):
    """How a new version replaces the old one."""

    surge: Count = "25%"
    """extra replicas while rolling"""
    unavailable: Count = "0"
    """replicas that may be missing while rolling"""


class WorkerAutoscale(Model):
    """Celery's own resizing of one worker's pool; not a replacement for replicas."""

    min: Slots
    """fewest processes"""
    max: Slots
    """most processes"""


class Tier(Model):
    """One pool of identical workers."""

    backend: Literal["celery", "temporal", "hatchet"] | None = None
    """which backend; only needed when there are several"""
    queues: tuple[QueueName, ...] | Literal["all"]
    """queues that it serves"""
    exclude_queues: tuple[QueueName, ...] = ()
    """queues that it does not serve, with queues: all"""
    priority: Literal["high", "medium", "low"] = "medium"
    """becomes priority class, alert severity and report order"""
    workload: Literal["io", "cpu", "mixed"] = "mixed"
    """what limits the tasks"""
    pool: Literal["prefork", "threads", "gevent", "solo"] | None = None
    """Celery's pool; default from the workload"""
    concurrency: Slots | Auto = "auto"
    """tasks at once in one worker"""
    task: TaskFacts
    """facts about its tasks"""
    load: Load
    """arrivals"""
    slo: Objectives
    """service level objectives"""
    retry: Retry = Retry()
    """when failed attempts are repeated"""
    scale: Scale = Scale()
    """bounds and signals of the autoscaler"""
    replicas: Literal["scaled", "exactly_one"] = "scaled"
    """exactly_one: never two, also while rolling"""
    shutdown: Annotated[
        Shutdown, BeforeValidator(_mode_alone, json_schema_input_type=Shutdown | Literal["drain", "cut"])
    ] = Shutdown()
    """what happens to running tasks at a stop"""
    rollout: Rollout = Rollout()
    """how a new version replaces the old one"""
    recovery_goal: Duration = timedelta(hours=1)
    """longest tolerated time until a task of a killed worker runs again"""
    spot: Spot = Spot()
    """share of interruptible capacity"""
    max_tasks_per_child: Annotated[int | None, Field(ge=1, le=10_000_000)] = None
    """prefork: tasks after which a process is replaced"""
    max_memory_per_child: Size | None = None
    """prefork: memory after which a process is replaced"""
    autoscale: WorkerAutoscale | None = None
    """Celery's own resizing of one worker's pool"""
    command_prefix: tuple[Text, ...] = ()
    """words before the worker's command line"""
    image: Image | None = None
    """another image than the application's"""
    env: dict[EnvName, Text | None] = {}
    """plain environment of this tier"""
    secret_env: dict[EnvName, SecretKey | None] = {}
    """environment from secrets of this tier"""
    pod: Pod = Pod()
    """the rest of the pod"""

    @model_validator(mode="after")
    def _queues_make_sense(self) -> Self:
        if self.exclude_queues and self.queues != "all":
            raise KeyedError("exclude_queues", "goes only with queues: all: remove it")
        if self.queues == ():
            raise KeyedError("queues", "must not be empty: a tier serves at least one queue")
        if self.queues != "all" and len(set(self.queues)) != len(self.queues):
            raise KeyedError("queues", "names a queue twice: remove one")
        return self


class Family(Model):
    """Tiers that differ in one dimension, such as the size of their pods; names are `<family>-<value>`."""

    for_each: dict[Name, Annotated[tuple[Name, ...], Field(min_length=1)]]
    """dimension and its values; several dimensions are combined"""
    tier: dict[str, Free]
    """what all members share: the keys of a tier"""
    overrides: dict[Name, dict[str, Free]] = {}
    """what one value changes"""
