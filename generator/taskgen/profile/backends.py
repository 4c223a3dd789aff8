"""Settings of the backends: one model each. A new backend is one class here, and three other places."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from taskgen.profile.base import (
    Address,
    Boolean,
    Cidr,
    Free,
    KeyedError,
    Matching,
    Model,
    Name,
    SecretKey,
    SecretName,
    Text,
    Url,
)
from taskgen.profile.scalars import Duration, Size


class Endpoint(Model):
    """Where a server is, for network policies: by pods in the cluster, or by address range outside it."""

    ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], Field(min_length=1)]
    """TCP ports"""
    namespace: Name | None = None
    """Kubernetes namespace of the server's pods"""
    pod_labels: dict[str, Text] = {}
    """labels of the server's pods"""
    cidr: Cidr | None = None
    """address range of a server outside the cluster"""


class Broker(Model):
    """The message broker of Celery."""

    kind: Literal["redis", "redis-sentinel", "rabbitmq", "sqs"] = "redis"
    """what speaks at the other end; Valkey is redis"""
    url: Url | SecretKey
    """address; a URL with credentials is a secret reference"""
    endpoint: Endpoint | None = None
    """where it is, for network policies"""
    tls: Boolean = False
    """the connection is encrypted and the certificate verified"""
    key_prefix: Annotated[str, Matching(r"[\w.:\-]*", "a prefix: letters, digits and _ . : - only")] = ""
    """Redis: prefix of every key"""
    master_name: Text | None = None
    """Redis Sentinel: name of the master"""
    queue_type: Literal["classic", "quorum"] = "classic"
    """RabbitMQ: type of the queues"""
    nodes: Annotated[int, Field(ge=1, le=99)] = 1
    """nodes of the broker"""
    management_url: Url | SecretKey | None = None
    """RabbitMQ: HTTP API, for counts of unacknowledged messages"""
    max_connections: Annotated[int, Field(ge=1, le=10_000_000)] = 10_000
    """connections that the server accepts (Redis default maxclients 10000)"""
    memory: Size | None = None
    """memory that the server may use (maxmemory)"""
    visibility_timeout: Duration | None = None
    """Redis, SQS: time after which an unacknowledged message is delivered again; default derived"""
    consumer_timeout: Duration | None = None
    """RabbitMQ: longest time without acknowledgement; default derived"""
    heartbeat: Duration | None = None
    """RabbitMQ: time between two signs of life of a worker's connection; default derived"""
    priorities: Annotated[int | None, Field(ge=2, le=10)] = None
    """number of priority levels"""


class Results(Model):
    """Where Celery keeps results."""

    kind: Literal["same", "redis", "database", "object_store", "none"] = "same"
    """same: the broker's Redis"""
    url: Url | SecretKey | None = None
    """address, unless kind is same or none"""
    endpoint: Endpoint | None = None
    """where it is, for network policies"""
    expires: Duration | None = None
    """lifetime of a result; default derived"""

    @model_validator(mode="after")
    def _url_where_needed(self) -> Self:
        if (self.url is None) != (self.kind in {"same", "none"}):
            remedy = "needs an address: add it" if self.url is None else "takes no address: remove it"
            raise KeyedError("url", f"kind {self.kind} {remedy}")
        return self


class CelerySettings(Model):
    """Connection and fleet-wide settings of Celery."""

    broker: Broker
    """the message broker"""
    results: Results = Results()
    """where results are kept"""
    scheduler: Annotated[
        str, Matching(r"beat|redbeat|database|[A-Za-z_][\w.]*:[A-Za-z_]\w*", "beat, redbeat, database or module:Class")
    ] = "beat"
    """what sends scheduled tasks"""
    encryption: SecretKey | None = None
    """keys of the payload codec: one in each line, the first writes, all read"""
    settings: dict[
        Annotated[str, Matching(r"[a-z][a-z0-9_]*", "a Celery setting such as task_track_started")], Free
    ] = {}
    """further Celery settings by their own names; each must exist in the installed Celery"""

    @model_validator(mode="after")
    def _results_exist(self) -> Self:
        if self.results.kind == "same" and not self.broker.kind.startswith("redis"):
            raise KeyedError(
                "results", f"a {self.broker.kind} broker keeps no results: set kind to redis, database or none"
            )
        return self


class TemporalTls(Model):
    """Mutual TLS to Temporal; keys tls.crt and tls.key of one secret."""

    secret: Name
    """secret with tls.crt and tls.key"""
    ca: SecretKey | None = None
    """certificate authority, if private"""
    server_name: Annotated[str, Matching(r"[A-Za-z0-9.\-]+", "a host name")] | None = None
    """name in the server's certificate, if it differs from the address"""


class Versioning(Model):
    """Worker versioning of Temporal."""

    behavior: Literal["pinned", "auto_upgrade"] = "pinned"
    """what running workflows do when a new version comes"""
    controller: Boolean = False
    """render objects of the Temporal Worker Controller instead of Deployments"""


class TemporalSettings(Model):
    """Connection and fleet-wide settings of Temporal."""

    address: Address
    """frontend"""
    namespace: Annotated[
        str, Matching(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,253}", "a Temporal namespace: letters, digits and _ . -")
    ] = "default"
    """Temporal namespace"""
    endpoint: Endpoint | None = None
    """where it is, for network policies"""
    tls: TemporalTls | None = None
    """mutual TLS"""
    api_key: SecretKey | None = None
    """API key; turns TLS on"""
    encryption: SecretKey | None = None
    """keys of the payload codec: one in each line, the first writes, all read"""
    mode: Literal["auto", "activity", "workflow"] = "auto"
    """how tasks run: as standalone activities (server 1.32 or newer), or in a generic workflow"""
    retention: Duration = timedelta(days=3)
    """how long the namespace keeps closed executions"""
    versioning: Versioning | None = None
    """worker versioning"""
    calls_per_second: Annotated[int, Field(ge=1, le=1_000_000)] = 400
    """calls per second that the namespace allows (Temporal Cloud default)"""


class HatchetSettings(Model):
    """Connection and fleet-wide settings of Hatchet."""

    token: SecretKey
    """client token; carries tenant and addresses"""
    host_port: Address
    """gRPC address of the engine"""
    server_url: Url
    """REST address of the API; workers need it to stop"""
    endpoint: Endpoint | None = None
    """where it is, for network policies"""
    tls_strategy: Literal["tls", "mtls", "none"] = "tls"
    """how the gRPC connection is protected"""
    tls: SecretName | None = None
    """certificate, key and authority for mtls"""
    namespace: Annotated[str, Matching(r"[a-z0-9_]*", "a prefix: lower-case letters, digits and _")] = ""
    """prefix of all names; prefer one tenant per environment"""
    encryption: SecretKey | None = None
    """keys of the payload codec: one in each line, the first writes, all read"""
    rate_limits: dict[Name, dict[str, Free]] = {}
    """static rate limits of the tenant"""


class Backends(Model):
    """The backends of a deployment: one, or several for a hybrid deployment."""

    celery: CelerySettings | None = None
    """Celery"""
    temporal: TemporalSettings | None = None
    """Temporal"""
    hatchet: HatchetSettings | None = None
    """Hatchet"""

    def names(self) -> tuple[str, ...]:
        """Return the backends that the profile uses, in the order of the schema."""
        return tuple(name for name in type(self).model_fields if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.names():
            raise ValueError("no backend: add celery, temporal or hatchet")
        return self
