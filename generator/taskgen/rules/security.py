"""Rules of family S: security. Literal secrets (S01) are refused by the loader, before anything else is read."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from taskgen.plan.model import Plan
from taskgen.rules.engine import Breach, rule


def _literal_urls(plan: Plan) -> Iterator[tuple[str, str]]:
    celery = plan.profile.backends.celery
    if celery is None:
        return
    for path, url in (("broker.url", celery.broker.url), ("results.url", celery.results.url)):
        if isinstance(url, str):
            yield f"backends.celery.{path}", url


@rule(
    "S04",
    "E/E/E",
    why="a bare rediss:// connects without verifying the certificate, and says nothing",
    reference="celery.md 7, measured",
    remedy="append ?ssl_cert_reqs=required (lower case), and ssl_ca_certs for a private authority",
)
def tls_is_verified(plan: Plan) -> Iterator[Breach]:
    """A rediss:// URL says ssl_cert_reqs=required."""
    for path, url in _literal_urls(plan):
        parts = urlsplit(url)
        wanted = parse_qs(parts.query).get("ssl_cert_reqs", [""])[0]
        if parts.scheme == "rediss" and wanted not in ("required", "none"):
            yield Breach(path, f"ssl_cert_reqs is {wanted or 'absent'}")


@rule(
    "S05",
    "N/E/E",
    why="anybody between worker and broker can read and change tasks",
    reference="celery.md 7",
    remedy="mount the authority and write ssl_cert_reqs=required",
)
def verification_is_on(plan: Plan) -> Iterator[Breach]:
    """Outside development no URL turns verification off."""
    for path, url in _literal_urls(plan):
        if parse_qs(urlsplit(url).query).get("ssl_cert_reqs", [""])[0] == "none":
            yield Breach(path, "ssl_cert_reqs=none turns verification off")


@rule(
    "S06",
    "N/W/E",
    why="passwords and task arguments cross the network in clear",
    reference="seed 003, corrected",
    remedy="use rediss:// or amqps://, and set broker.tls: true",
)
def broker_is_encrypted(plan: Plan) -> Iterator[Breach]:
    """The connection to the broker is encrypted."""
    celery = plan.profile.backends.celery
    if celery and plan.tiers_of("celery") and not celery.broker.tls and celery.broker.kind != "sqs":
        yield Breach("backends.celery.broker.tls", "the connection to the broker is in clear")


@rule(
    "S07",
    "N/E/E",
    why="task arguments and credentials cross the network in clear",
    reference="temporal.md 6",
    remedy="set backends.temporal.tls or api_key",
)
def temporal_is_encrypted(plan: Plan) -> Iterator[Breach]:
    """The connection to Temporal is encrypted."""
    temporal = plan.profile.backends.temporal
    if temporal and plan.tiers_of("temporal") and temporal.tls is None and temporal.api_key is None:
        yield Breach("backends.temporal", "there is neither tls nor api_key")


@rule(
    "S12",
    "N/W/E",
    why="a network policy cannot name a host: without an address range the workers reach nothing, or everything",
    reference="kubernetes.md 7",
    remedy="add endpoint: {ports: [...], cidr: ...} or {ports: [...], namespace: ..., pod_labels: {...}}",
)
def endpoints_are_known(plan: Plan) -> Iterator[Breach]:
    """Where the backend's servers are is stated for network policies."""
    if getattr(plan.profile.targets, "kubernetes", None) is None:
        return
    for name in plan.backends:
        settings = getattr(plan.profile.backends, name)
        path, owner = ("broker.endpoint", settings.broker) if name == "celery" else ("endpoint", settings)
        path, endpoint = f"backends.{name}.{path}", owner.endpoint
        if endpoint is None:
            yield Breach(path, "network policies do not know where the server is")
        elif endpoint.cidr is None and endpoint.namespace is None:
            yield Breach(path, "neither cidr nor namespace says where the server is")


@rule(
    "H11",
    "N/E/E",
    why="the client token crosses the network in clear",
    reference="hatchet.md 2",
    remedy="set tls_strategy to tls or mtls",
)
def hatchet_is_encrypted(plan: Plan) -> Iterator[Breach]:
    """The connection to Hatchet is encrypted."""
    hatchet = plan.profile.backends.hatchet
    if hatchet and plan.tiers_of("hatchet") and hatchet.tls_strategy == "none":
        yield Breach("backends.hatchet.tls_strategy", "the connection to the engine is in clear")
