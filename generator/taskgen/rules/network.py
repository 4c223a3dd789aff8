"""Rules of family S on the network: what policies open."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any, Final

from taskgen.plan.model import Plan
from taskgen.rules.engine import Breach, rule
from taskgen.rules.reading import literal_urls, options, port_of

WIDEST: Final = {4: 8, 6: 16}
"""Shortest prefix of a range by version of the protocol: one that no single network is given more of."""


def _endpoints(plan: Plan) -> Iterator[tuple[str, Any]]:
    """Yield place and value of the endpoint of each server that the fleet reaches."""
    for name in plan.backends:
        settings = getattr(plan.profile.backends, name)
        if name != "celery":
            yield f"backends.{name}.endpoint", settings.endpoint
            continue
        yield "backends.celery.broker.endpoint", settings.broker.endpoint
        if settings.results.kind not in {"same", "none"}:
            yield "backends.celery.results.endpoint", settings.results.endpoint


def _addresses(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield the place of an endpoint, and the address that its ports must reach."""
    for path, url in literal_urls(plan) if "celery" in plan.backends else ():
        yield path.replace(".url", ".endpoint"), url.geturl()
    if "temporal" in plan.backends and plan.profile.backends.temporal:
        yield "backends.temporal.endpoint", plan.profile.backends.temporal.address


def _peers(path: str, entry: Any) -> Iterator[Breach]:  # noqa: ANN401  # an endpoint or an egress entry
    if not (entry.namespace or entry.pod_labels or entry.cidr):
        yield Breach(path, "neither cidr nor namespace nor pod_labels says where it is: nothing is opened")
    elif entry.cidr and (network := ip_network(entry.cidr)).prefixlen < WIDEST[network.version]:
        world = "the whole world" if network.prefixlen == 0 else f"1/{2**network.prefixlen} of the world"
        yield Breach(f"{path}.cidr", f"{entry.cidr} opens its ports to {world}", "state the range of the server")


def _dns(cidr: str | None) -> Iterator[Breach]:
    try:
        ip_network(cidr or "::/128")
    except ValueError:
        yield Breach("targets.kubernetes.dns_cidr", f"{cidr} is no address range", "write it like 169.254.20.10/32")


@rule(
    "S12",
    "N/W/E",
    why="a network policy cannot name a host: without an address range the workers reach nothing, or everything",
    reference="[Kubernetes 7]",
    remedy="add endpoint: {ports: [...], cidr: ...} or {ports: [...], namespace: ..., pod_labels: {...}}",
)
def egress_is_known(plan: Plan) -> Iterator[Breach]:
    """Network policies open the servers of the backends and what the profile lists, and nothing else."""
    kubernetes = options(plan, "kubernetes")
    if kubernetes is None:
        return
    if not kubernetes.network_policy:
        what = "no network policy is rendered: every pod reaches everything"
        yield Breach("targets.kubernetes.network_policy", what, "leave it out, or waive S12 with who else does it")
        return
    yield from _dns(kubernetes.dns_cidr)
    endpoints = dict(_endpoints(plan))
    for path, endpoint in endpoints.items():
        if endpoint is None:
            yield Breach(path, "network policies do not know where the server is")
        else:
            yield from _peers(path, endpoint)
    for name, entry in plan.profile.egress.items():
        if entry is not None:
            yield from _peers(f"egress.{name}", entry)
    opened = {port for entry in plan.egress for port in entry.ports}
    for path, address in _addresses(plan):
        port = port_of(address)
        if endpoints.get(path) is not None and port is not None and port not in opened:
            yield Breach(f"{path}.ports", f"port {port} of {address} is not opened", f"add {port}")
