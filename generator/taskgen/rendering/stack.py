"""The servers of a Compose stack: those that a profile addresses by a name which only the stack can resolve."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from taskgen.errors import TemplateError
from taskgen.plan.model import Plan
from taskgen.profile.base import SecretKey

_SERVICE_HOST: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_PORTS: Final = {"redis": 6379, "rabbitmq": 5672, "temporal": 7233, "hatchet": 7077}
"""Ports where the address names none: the servers' own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server that runs beside the workers."""

    kind: str
    """redis, rabbitmq, temporal or hatchet; the template of its services"""
    name: str
    """of its service"""
    port: int
    options: Mapping[str, Any] = field(default_factory=dict)
    """what its template needs besides"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What a Compose file holds besides the processes of the plan."""

    servers: tuple[Server, ...]
    after: Mapping[str, Mapping[str, str]]
    """backend -> service -> condition that its processes wait for"""
    generated: tuple[str, ...]
    """`secret/key` of secrets that the stack makes by itself"""
    volumes: tuple[str, ...]
    networks: tuple[str, ...]
    """networks that lead nowhere else"""
    variables: Mapping[str, str]
    """`secret/key` -> variable of the caller's environment; `secret/` is a folder of files"""

    @property
    def needed(self) -> tuple[str, ...]:
        """Variables that the caller must set."""
        return tuple(name for reference, name in self.variables.items() if reference not in self.generated)

    def waits(self, backends: Iterable[str]) -> dict[str, dict[str, str]]:
        """Return `depends_on` of a process that uses some backends."""
        return {
            service: {"condition": condition}
            for backend in backends
            for service, condition in self.after.get(backend, {}).items()
        }


def local_server(address: str | SecretKey | None, port: int) -> tuple[str, int] | None:
    """Return host and port of a server whose name has no dot, so that only the stack itself can mean it; else None.

    Args:
        address: a URL, `host:port`, or a reference to a secret.
        port: where the address names none.
    """
    if not isinstance(address, str):
        return None
    parts = urlsplit(address if "://" in address else f"//{address}")
    host = parts.hostname or ""
    if not _SERVICE_HOST.fullmatch(host) or host == "localhost" or host.isdigit():
        return None
    return host, parts.port or port


def _celery(plan: Plan) -> Iterator[Server]:
    settings = plan.profile.backends.celery
    if settings is None:
        return
    found: list[tuple[str, str, str | SecretKey]] = [("broker", settings.broker.kind, settings.broker.url)]
    if settings.results.kind == "redis" and settings.results.url is not None:
        found.append(("results", "redis", settings.results.url))
    for role, kind, address in found:
        server = local_server(address, _PORTS.get(kind, 0))
        if server and kind in {"redis", "rabbitmq"}:
            options = {"virtual_host": urlsplit(str(address)).path.lstrip("/"), "role": role}
            yield Server(kind=kind, name=server[0], port=server[1], options=options)


def _temporal(plan: Plan) -> Iterator[Server]:
    settings = plan.profile.backends.temporal
    found = local_server(settings.address, _PORTS["temporal"]) if settings else None
    if settings and found:
        yield Server(kind="temporal", name=found[0], port=found[1], options={"namespace": settings.namespace})


def _hatchet(plan: Plan) -> Iterator[Server]:
    settings = plan.profile.backends.hatchet
    found = local_server(settings.host_port, _PORTS["hatchet"]) if settings else None
    if settings and found:
        # One process serves gRPC and REST; a second name for the REST address is an alias of the same service.
        rest = local_server(settings.server_url, 8888) or (found[0], 8888)
        options = {
            "api_port": rest[1],
            "aliases": sorted({rest[0]} - {found[0]}),
            "grpc": settings.host_port,
            "url": settings.server_url,
            "token": f"{settings.token.secret}/{settings.token.key}",
        }
        yield Server(kind="hatchet", name=found[0], port=found[1], options=options)


def _secrets(plan: Plan) -> Iterator[tuple[str, str | None]]:
    for process in (*plan.tiers, plan.exporter, *((plan.beat,) if plan.beat else ())):
        yield from ((entry.secret.secret, entry.secret.key) for entry in process.env if entry.secret)
        yield from ((mount.secret, None) for mount in process.mounts)


def secret_variables(plan: Plan) -> dict[str, str]:
    """Return the variable for each secret of a plan, by `secret/key`; `secret/` is a folder of files.

    The name is made of the secret and the key alone, so that it stays when tiers come and go.

    Raises:
        TemplateError: two secrets would share one variable.
    """
    found: dict[str, str] = {}
    for secret, key in sorted(set(_secrets(plan)), key=str):
        words = f"{secret}_{'dir' if key is None else key}"
        variable = re.sub(r"[^A-Z0-9]", "_", words.upper())
        reference = f"{secret}/{key or ''}"
        other = next((known for known, name in found.items() if name == variable), None)
        if other is not None:
            raise TemplateError(f"secrets {other} and {reference} would both be read from {variable}: rename one")
        found[reference] = variable
    return found


def compose_stack(plan: Plan) -> Stack:
    """Return the servers of a plan with what belongs to them; servers elsewhere are not part of the stack."""
    # Results in the broker's own Redis, in another database: one server, and the broker's settings are stricter.
    servers: dict[str, Server] = {}
    for server in (*_celery(plan), *_temporal(plan), *_hatchet(plan)):
        servers.setdefault(server.name, server)
    after: dict[str, dict[str, str]] = {}
    for server in servers.values():
        backend = server.kind if server.kind in {"temporal", "hatchet"} else "celery"
        after.setdefault(backend, {})[server.name] = "service_healthy"
        if server.kind == "hatchet":
            after[backend][f"{server.name}-token"] = "service_completed_successfully"
    volumes: list[str] = []
    for server in servers.values():
        if server.kind == "hatchet":
            volumes += [f"{server.name}-database", f"{server.name}-config", f"{server.name}-token"]
        elif server.kind != "temporal":
            volumes.append(server.name)
    hatchet = [server for server in servers.values() if server.kind == "hatchet"]
    return Stack(
        servers=tuple(servers.values()),
        after=after,
        generated=tuple(server.options["token"] for server in hatchet),
        volumes=tuple(volumes),
        networks=tuple(f"{server.name}-database" for server in hatchet),
        variables=secret_variables(plan),
    )
