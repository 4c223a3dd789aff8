"""Rules of family S: connections and content. Literal secrets (S01) are refused by the loader, before anything else."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qs, urlsplit

from taskgen.plan.model import Plan
from taskgen.rules.engine import Breach, rule
from taskgen.rules.reading import literal_urls, options, setting

CLEAR: Final = frozenset({"redis", "amqp", "pyamqp"})
"""Schemes of connections without encryption."""
KEYS: Final = frozenset({"TASK_ENCRYPTION_KEYS", "TASK_ENCRYPTION_KEYS_FILE"})
"""Variables that hold the keys of the payload codec."""
JSON: Final = frozenset({"json", "application/json"})
CONTENT: Final = ("accept_content", "result_accept_content", "event_serializer", "result_serializer", "task_serializer")


@rule(
    "S03",
    "W/E/E",
    why="whoever reaches the broker runs code in every worker",
    reference="Celery documentation: security",
    remedy="remove it: json is rendered, and the library refuses anything else",
)
def content_is_json(plan: Plan) -> Iterator[Breach]:
    """Tasks and results are JSON, never pickle."""
    for name in CONTENT:
        found = setting(plan, name)
        values = found[1] if found and isinstance(found[1], list | tuple) else [found[1]] if found else []
        other = [str(value) for value in values if value is not None and value not in JSON]
        if found and other:
            yield Breach(found[0], f"{', '.join(other)} is not JSON")


@rule(
    "S04",
    "W/E/E",
    why="a bare rediss:// connects without verifying the certificate, and says nothing",
    reference="[Celery 7], measured",
    remedy="append ?ssl_cert_reqs=required (lower case), and ssl_ca_certs for a private authority",
)
def tls_is_verified(plan: Plan) -> Iterator[Breach]:
    """A rediss:// URL says ssl_cert_reqs=required."""
    for path, url in literal_urls(plan):
        wanted = parse_qs(url.query).get("ssl_cert_reqs", [""])[0]
        if url.scheme == "rediss" and wanted not in ("required", "none"):
            yield Breach(path, f"ssl_cert_reqs is {wanted or 'absent'}")


@rule(
    "S05",
    "N/E/E",
    why="anybody between worker and broker can read and change tasks",
    reference="[Celery 7]",
    remedy="mount the authority and write ssl_cert_reqs=required",
)
def verification_is_on(plan: Plan) -> Iterator[Breach]:
    """Outside development no URL turns verification off."""
    for path, url in literal_urls(plan):
        if parse_qs(url.query).get("ssl_cert_reqs", [""])[0] == "none":
            yield Breach(path, "ssl_cert_reqs=none turns verification off")


@rule(
    "S06",
    "N/W/E",
    why="passwords and task arguments cross the network in clear",
    reference="seed 003, corrected",
    remedy="use rediss:// or amqps://, and set broker.tls: true",
)
def broker_is_encrypted(plan: Plan) -> Iterator[Breach]:
    """The connections to broker and results are encrypted."""
    celery = plan.profile.backends.celery
    if not celery or not plan.tiers_of("celery"):
        return
    if not celery.broker.tls and celery.broker.kind != "sqs":
        yield Breach("backends.celery.broker.tls", "the connection to the broker is in clear")
    for path, url in literal_urls(plan):
        if url.scheme in CLEAR and (path.endswith("results.url") or celery.broker.tls):
            yield Breach(path, f"{url.scheme}:// is in clear", "use rediss:// or amqps://")


@rule(
    "S07",
    "N/E/E",
    why="task arguments and credentials cross the network in clear",
    reference="[Temporal 6]",
    remedy="set backends.temporal.tls or api_key",
)
def temporal_is_encrypted(plan: Plan) -> Iterator[Breach]:
    """The connection to Temporal is encrypted."""
    temporal = plan.profile.backends.temporal
    if temporal and plan.tiers_of("temporal") and temporal.tls is None and temporal.api_key is None:
        yield Breach("backends.temporal", "there is neither tls nor api_key")


def _own_keys(plan: Plan) -> Iterator[str]:
    """Paths of variables in which the profile hands keys to the application alone."""
    sources = {"app": plan.profile.app} | {f"tiers.{tier.name}": tier.profile for tier in plan.tiers}
    for path, source in sources.items():
        for field in ("env", "secret_env"):
            yield from (f"{path}.{field}.{name}" for name in getattr(source, field) if name in KEYS)


@rule(
    "S08",
    "E/E/E",
    why="a process without the keys sends plain text, or can read no result",
    reference="[Library 11]",
    remedy="state the same encryption: {secret: name, key: k} for every backend of the profile",
)
def payload_codec_is_everywhere(plan: Plan) -> Iterator[Breach]:
    """The payload codec is on every worker, producer and reader of results."""
    backends = plan.profile.backends
    keys = {name: getattr(backends, name).encryption for name in backends.names()}
    for path in _own_keys(plan):
        yield Breach(path, "exporter and beat do not get it", "write it as encryption of the backend")
    encrypted = [name for name, key in keys.items() if key is not None]
    if not encrypted:
        return
    place = f"backends.{encrypted[0]}.encryption"
    if plan.profile.app.kind != "task_abstraction":
        what = f"app.kind {plan.profile.app.kind} runs without the library, and so without its codec"
        yield Breach(place, what, "remove it, and encrypt in the application")
    other = next((name for name, key in keys.items() if key != keys[encrypted[0]]), None)
    if other:
        what = f"backends.{other} has another key or none, and a process that reaches both has one set of keys"
        yield Breach(place, what)


def _bundled(address: str) -> bool:
    """Tell whether only the Compose stack itself can mean a host: its name has no dot (the stack then renders it)."""
    host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
    return "." not in host and ":" not in host and host != "localhost"


@rule(
    "S09",
    "N/E/E",
    why="servers of the Compose stack are for development: no password, no copy, a token that anybody can make",
    reference="[Hatchet 1], from source; the image with -dev in its tag has a fixed token",
    remedy="name a server that is run for this environment",
)
def servers_are_not_for_development(plan: Plan) -> Iterator[Breach]:
    """Outside development no server of the Compose stack, and nowhere an engine with a published token, is used."""
    compose = options(plan, "compose")
    if compose is None:
        return
    backends = plan.profile.backends
    addresses = {
        "backends.temporal.address": backends.temporal.address if backends.temporal else None,
        "backends.hatchet.host_port": backends.hatchet.host_port if backends.hatchet else None,
    }
    for path, address in addresses.items():
        if address and path.split(".")[1] in plan.backends and _bundled(address):
            if plan.profile.environment != "dev":
                yield Breach(path, f"{address} is the development server of the Compose stack")
            elif path.endswith("host_port") and compose.hatchet_image.endswith("-dev"):
                what = f"{compose.hatchet_image} has a fixed token that everybody knows"
                yield Breach("targets.compose.hatchet_image", what, "use the image without -dev")


@rule(
    "H11",
    "N/E/E",
    why="the client token crosses the network in clear",
    reference="[Hatchet 2]",
    remedy="set tls_strategy to tls or mtls",
)
def hatchet_is_encrypted(plan: Plan) -> Iterator[Breach]:
    """The connection to Hatchet is encrypted."""
    hatchet = plan.profile.backends.hatchet
    if hatchet and plan.tiers_of("hatchet") and hatchet.tls_strategy == "none":
        yield Breach("backends.hatchet.tls_strategy", "the connection to the engine is in clear")
