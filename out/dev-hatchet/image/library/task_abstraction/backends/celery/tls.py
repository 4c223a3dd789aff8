"""TLS of Celery's connections: verified unless the URL says otherwise, and in production always."""

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from task_abstraction.config import is_production
from task_abstraction.errors import ConfigurationError

log = logging.getLogger("task_abstraction.celery")
MODES: Mapping[str, ssl.VerifyMode] = {
    "required": ssl.CERT_REQUIRED,
    "optional": ssl.CERT_OPTIONAL,
    "none": ssl.CERT_NONE,
}
_PREFIX = "ssl_"
_REMEDY = "Write ssl_cert_reqs=required, and ssl_ca_certs=FILE for a private authority"


@dataclass(frozen=True, slots=True)
class Secured:
    """A URL as Celery understands it, and what goes beside it into `broker_use_ssl`."""

    url: str
    options: Mapping[str, Any] = field(default_factory=dict)


def secured(url: str, variable: str) -> Secured:
    """Settle the TLS of a URL, or of several that `;` separates.

    A bare `rediss://` verifies nothing as a broker and is refused as a result store (celery 5.7, measured); here it
    verifies. `amqps://` verifies the authority but not the name of the host, and takes no options from its URL (amqp
    5.3, from source): they go into `broker_use_ssl`.

    Raises:
        ConfigurationError: verification is switched off in production, or a value has no meaning.
    """
    found = [_secured(part, variable) for part in url.split(";")]
    return Secured(";".join(one.url for one in found), found[0].options)


def _secured(url: str, variable: str) -> Secured:
    parts = urlsplit(url)
    if parts.scheme not in {"rediss", "amqps"}:
        return Secured(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    mode = query.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    if mode not in MODES:
        raise ConfigurationError(f"{variable}: ssl_cert_reqs={mode} is unknown. {_REMEDY}", source=variable)
    names_host = query.get("ssl_check_hostname", "true").lower() != "false"
    if mode != "required" or not names_host:
        off = f"ssl_cert_reqs={mode}" if mode != "required" else "ssl_check_hostname=false"
        refuse_unverified(f"{variable}: {off}", variable)
    if parts.scheme == "rediss":
        return Secured(_with_query(parts, {**query, "ssl_cert_reqs": mode}))
    plain = {name: value for name, value in query.items() if not name.startswith(_PREFIX)}
    files = {name.removeprefix(_PREFIX): value for name, value in query.items() if name.startswith(_PREFIX)}
    files = {name: files[name] for name in ("ca_certs", "certfile", "keyfile") if name in files}
    # None is replaced by the name of the host; without the key it is not compared.
    host = {"server_hostname": None} if names_host and mode == "required" else {}
    return Secured(_with_query(parts, plain), {"cert_reqs": MODES[mode], **files, **host})


def refuse_unverified(what: str, source: str) -> None:
    """Refuse unverified TLS in production, and warn of it elsewhere.

    Raises:
        ConfigurationError: ENVIRONMENT is production.
    """
    text = f"{what}: anybody between here and the server can read and change tasks. {_REMEDY}"
    if is_production():
        raise ConfigurationError(f"{text}. Refused because ENVIRONMENT is production", source=source)
    log.warning("%s", text)


def check_settings(conf: Mapping[str, Any]) -> None:
    """Refuse what rendered or given settings switch off.

    Raises:
        ConfigurationError: ENVIRONMENT is production, and a setting verifies nothing.
    """
    for name in ("broker_use_ssl", "redis_backend_use_ssl"):
        given = conf.get(name)
        if not isinstance(given, Mapping):
            continue
        mode = given.get("ssl_cert_reqs", given.get("cert_reqs", ssl.CERT_REQUIRED))
        if mode not in {ssl.CERT_REQUIRED, "required", "CERT_REQUIRED"}:
            refuse_unverified(f"{name}: {mode}", name)


def _with_query(parts: Any, query: Mapping[str, str]) -> str:  # noqa: ANN401 - SplitResult
    text = "&".join(f"{name}={quote(value, safe='/:')}" for name, value in query.items())
    return str(urlunsplit((parts.scheme, parts.netloc, parts.path, text, parts.fragment)))
