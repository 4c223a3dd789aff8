"""A tier: one pool of identical workers, its queues, scaling, shutdown and pod."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from taskgen.profile.application import Image
from taskgen.profile.base import (
    Auto,
    Cron,
    EnvName,
    Free,
    KeyedError,
    Matching,
    Model,
    Name,
    QueueName,
    SecretKey,
    Text,
    Timezone,
)
from taskgen.profile.scalars import Cpu, Duration, Percent, Size
from taskgen.profile.workload import Load, Objectives, Retry, TaskFacts

Replicas = Annotated[int, Field(ge=0, le=10_000)]
Slots = Annotated[int, Field(ge=1, le=10_000)]
Count = Annotated[Text, Matching(r"\d{1,3}%|\d{1,4}", "a number of replicas or a percentage such as 25%")]


class ScaleSchedule(Model):
    """A window of the week with its own number of replicas."""

    start: Cron
    """when the window begins"""
    end: Cron
    """when it ends"""
    timezone: Timezone = "UTC"
    """time zone of both"""
    min: Replicas
    """replicas that are kept during the window"""


class CpuSignal(Model):
    """Scale on CPU use, relative to the request."""

    cpu: Percent
    """target"""


class MemorySignal(Model):
    """Scale on memory use; memory rarely falls again, so it rarely scales in (kubernetes.md section 3)."""

    memory: Size
    """target per replica"""


class PrometheusSignal(Model):
    """Scale on a query of the user's own."""

    prometheus: Text
    """PromQL that gives one number"""
    target: Annotated[float, Field(gt=0)]
    """value per replica"""


class SqlSignal(Model):
    """Scale on a query to a database of the user's own."""

    sql: Text
    """statement that gives one number"""
    secret: SecretKey
    """connection string"""
    target: Annotated[float, Field(gt=0)]
    """value per replica"""


Signal = Literal["backlog", "in_flight"] | CpuSignal | MemorySignal | PrometheusSignal | SqlSignal


class ScaleStep(Model):
    """One direction of scaling; what is absent is derived."""

    window: Duration | None = None
    """stabilisation window"""
    percent: Annotated[int | None, Field(ge=1, le=1000)] = None
    """largest change in percent per period"""
    pods: Slots | None = None
    """largest change in pods per period"""
    period: Duration | None = None
    """length of a period"""


class ScaleBehavior(Model):
    """How fast the size may change."""

    up: ScaleStep = ScaleStep()
    """growing"""
    down: ScaleStep = ScaleStep()
    """shrinking"""


class Scale(Model):
    """Bounds and signals of the autoscaler."""

    min: Replicas | Auto = "auto"
    """fewest replicas; auto: from rate and wait goal"""
    max: Slots | Auto = "auto"
    """most replicas; auto: from the peak rate"""
    signals: Annotated[tuple[Signal, ...], Field(min_length=1)] = ("backlog", "in_flight")
    """what is measured; the largest answer wins"""
    schedules: dict[Name, ScaleSchedule | None] = {}
    """windows with a higher floor"""
    behavior: ScaleBehavior = ScaleBehavior()
    """how fast the size may change"""
    fallback: Replicas | None = None
    """replicas while the signal cannot be read; default derived"""

    @model_validator(mode="after")
    def _signals_differ(self) -> Self:
        kinds = [signal if isinstance(signal, str) else type(signal).__name__ for signal in self.signals]
        once = [kind for kind in kinds if kind not in {"PrometheusSignal", "SqlSignal"}]
        if len(set(once)) != len(once):
            raise KeyedError("signals", "names a signal twice: remove one")
        return self

    @model_validator(mode="after")
    def _bounds_are_ordered(self) -> Self:
        if isinstance(self.min, int) and isinstance(self.max, int) and self.min > self.max:
            raise KeyedError("min", f"{self.min} is above max {self.max}: exchange them")
        return self


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


class PodResources(Model):
    """Resources set by hand instead of derived; rules check them against the facts."""

    cpu: Cpu | None = None
    """request"""
    cpu_limit: Cpu | None = None
    """limit; by default none is rendered"""
    memory: Size | None = None
    """request and limit"""
    ephemeral_storage: Size | None = None
    """request and limit"""


Toleration = dict[str, Text]
NamedObjects = dict[Name, dict[str, Free] | None]


class Pod(Model):
    """The rest of the pod; mappings are keyed by name."""

    resources: PodResources = PodResources()
    """resources set by hand"""
    node_selector: dict[str, Text | None] = {}
    """labels of the nodes that may run it"""
    tolerations: dict[Name, Toleration | None] = {}
    """taints that it bears"""
    annotations: dict[str, Text | None] = {}
    """annotations of the pod"""
    labels: dict[str, Text | None] = {}
    """further labels of the pod"""
    service_account_annotations: dict[str, Text | None] = {}
    """annotations of the service account, such as a cloud role"""
    security: dict[str, Free] = {}
    """deviations of the security context"""
    volumes: NamedObjects = {}
    """Kubernetes volumes by name, with mount_path beside the source"""
    init_containers: NamedObjects = {}
    """containers that run before the worker"""
    sidecars: NamedObjects = {}
    """containers that run beside the worker and outlive its drain"""
    env_from_node: dict[EnvName, Text | None] = {}
    """environment from fields of the pod, such as spec.nodeName"""


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
