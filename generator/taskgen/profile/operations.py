"""Queues, schedules, monitoring, bootstrap and regions of a profile."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from taskgen.profile.base import (
    Address,
    Boolean,
    Cidr,
    Cron,
    EnvName,
    Free,
    HttpUrl,
    KeyedError,
    Matching,
    Model,
    Name,
    QueueName,
    SecretKey,
    TaskGlob,
    Text,
    Timezone,
    Url,
)
from taskgen.profile.scalars import Duration
from taskgen.profile.workload import Priority


class Queue(Model):
    """One queue: which tasks go there."""

    tasks: tuple[TaskGlob, ...] = ()
    """task names or globs that are routed to it"""
    shared: Boolean = False
    """several tiers serve it on purpose; only one of them may scale on it"""
    dead_letter: Boolean | None = None
    """keep what failed for good; default from dead_letter.enabled"""


class Schedule(Model):
    """A task that is submitted again and again."""

    task: Annotated[str, Matching(r"[A-Za-z0-9_.\-]{1,255}", "the name of a task: letters, digits and _ . -")]
    """name of the task"""
    cron: Cron | None = None
    """when, as five cron fields"""
    every: Duration | None = None
    """when, as an interval"""
    timezone: Timezone = "UTC"
    """time zone of cron"""
    queue: QueueName | None = None
    """queue; default from the routes"""
    priority: Priority | None = None
    """priority of its messages"""
    args: tuple[Free, ...] = ()
    """positional arguments, JSON"""
    kwargs: dict[str, Free] = {}
    """keyword arguments, JSON"""
    expires: Duration | None = None
    """dropped when it has not begun after this time; default: the shortest interval between two runs"""
    enabled: Boolean = True
    """whether it runs"""

    @model_validator(mode="after")
    def _one_rhythm(self) -> Self:
        if (self.cron is None) == (self.every is None):
            raise ValueError("state either cron or every, not both and not neither")
        if self.every is not None and self.every < timedelta(seconds=1):
            raise KeyedError("every", "must be at least 1s: raise it")
        return self


class DeadLetter(Model):
    """What happens to tasks that failed for good."""

    enabled: Boolean = True
    """keep them with payload and error"""
    retention: Duration = timedelta(days=14)
    """how long"""


class Tracing(Model):
    """Where traces go."""

    otlp: HttpUrl | None = None
    """OTLP endpoint"""


class Alerts(Model):
    """Alert rules and where they go."""

    enabled: Boolean = True
    """render alert rules"""
    receivers: dict[Name, dict[str, Free] | None] = {}
    """Alertmanager receivers by name; credentials as references"""
    runbooks: Url | None = None
    """base address of the runbooks"""
    expiry: Duration = timedelta(days=14)
    """how long before credentials end a ticket is opened; a page follows when a seventh of it is left"""


class Monitoring(Model):
    """Metrics, alerts, dashboards, traces and logs."""

    alerts: Alerts = Alerts()
    """alert rules"""
    dashboards: Boolean = False
    """render dashboards"""
    tracing: Tracing = Tracing()
    """traces"""
    aliases: Boolean = False
    """also export the metric names of older documents"""
    namespace: Name = "monitoring"
    """Kubernetes namespace of Prometheus"""
    scrape_interval: Duration = timedelta(seconds=30)
    """how often metrics are read"""
    operator: Boolean = True
    """render PodMonitor, ServiceMonitor and PrometheusRule for the Prometheus operator"""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """least severe log record that is written"""
    log_format: Literal["structured", "console"] = "structured"
    """JSON lines, or text for people"""


class BootstrapStep(Model):
    """Something that must have happened before the workers start."""

    command: Annotated[tuple[Text, ...], Field(min_length=1)]
    """command line, run in the application's image"""
    deadline: Duration = timedelta(minutes=15)
    """longest time that it may take"""
    env: dict[EnvName, Text | None] = {}
    """further environment"""
    secret_env: dict[EnvName, SecretKey | None] = {}
    """further environment from secrets"""


class Region(Model):
    """One cell: its own broker, workers and scaler."""

    backends: dict[str, dict[str, Free]] = {}
    """what differs in the backends' settings"""
    env: dict[EnvName, Text | None] = {}
    """further environment"""


Price = Annotated[float, Field(ge=0, le=1_000_000, strict=False)]


class Prices(Model):
    """What a worker costs for each hour in which it exists, by what it requests.

    The defaults are an assumption to be replaced by your own contract: AWS Fargate, Linux on x86, us-east-1, on demand,
    as published in 2025.
    """

    currency: Text = "USD"
    """three letters, for people"""
    vcpu_hour: Price = 0.04048
    """one core for an hour"""
    gib_hour: Price = 0.004445
    """one GiB of memory for an hour"""


class Egress(Model):
    """A further destination that tasks may reach."""

    ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], Field(min_length=1)]
    """TCP ports"""
    namespace: Name | None = None
    """Kubernetes namespace"""
    pod_labels: dict[str, Text] = {}
    """labels of the pods"""
    cidr: Cidr | None = None
    """address range outside the cluster"""
    address: Address | None = None
    """for people: what it is"""
