"""The destinations that network policies open."""

import re
from typing import Final

from taskgen.plan.model import EgressPlan
from taskgen.profile.model import Profile

OTLP_PORT: Final = 4317
"""The port of OTLP over gRPC, where the endpoint names none."""
_URL: Final = re.compile(r"[a-z+]+://(?P<host>[^:/?#]+)(?::(?P<port>\d+))?")


def egress(profile: Profile) -> tuple[EgressPlan, ...]:
    """Return where workers, exporters and beat may connect to; what the profile lists comes last and wins."""
    found = {}
    celery, temporal, hatchet = profile.backends.celery, profile.backends.temporal, profile.backends.hatchet
    for name, endpoint in (
        ("broker", celery.broker.endpoint if celery else None),
        ("results", celery.results.endpoint if celery else None),
        ("temporal", temporal.endpoint if temporal else None),
        ("hatchet", hatchet.endpoint if hatchet else None),
    ):
        if endpoint is not None:
            found[name] = EgressPlan(
                name=name,
                ports=endpoint.ports,
                namespace=endpoint.namespace,
                pod_labels=endpoint.pod_labels,
                cidr=endpoint.cidr,
            )
    if profile.monitoring.tracing.otlp:
        found["tracing"] = _tracing(profile, profile.monitoring.tracing.otlp)
    for name, entry in sorted(profile.egress.items()):
        if entry is not None:
            found[name] = EgressPlan(
                name=name, ports=entry.ports, namespace=entry.namespace, pod_labels=entry.pod_labels, cidr=entry.cidr
            )
    return tuple(found.values())


def _tracing(profile: Profile, endpoint: str) -> EgressPlan:
    """Read the collector's namespace from `<service>.<namespace>[.svc...]`; a bare name is with the monitoring."""
    match = _URL.match(endpoint)
    labels = match["host"].split(".") if match else []
    in_cluster = len(labels) == 2 or labels[2:3] == ["svc"]  # noqa: PLR2004  # service and namespace
    namespace = labels[1] if in_cluster else profile.monitoring.namespace
    port = int(match["port"]) if match and match["port"] else OTLP_PORT
    return EgressPlan(name="tracing", ports=(port,), namespace=namespace, pod_labels={}, cidr=None)
