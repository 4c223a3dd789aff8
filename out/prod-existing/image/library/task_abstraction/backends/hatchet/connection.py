"""Where the engine is and who we are there: token, addresses, namespace; known without importing the SDK."""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from task_abstraction.config import BackendConfig
from task_abstraction.errors import ConfigurationError

JSON_BEGIN = "ey"
"""How the header of a token begins. The SDK refuses any other, and prints the beginning of the token."""


def _claims(token: str) -> Mapping[str, Any]:
    """Claims of a token, unverified: the engine verifies.

    Raises:
        ConfigurationError: it is no token of Hatchet; the message never shows it.
    """
    parts = token.split(".")
    try:
        _, payload, _ = parts
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        UUID(claims["sub"])
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise _no_token() from error
    if not token.startswith(JSON_BEGIN):
        raise _no_token()
    found: Mapping[str, Any] = claims
    return found


def _no_token() -> ConfigurationError:
    return ConfigurationError(
        "HATCHET_CLIENT_TOKEN is no token of a Hatchet tenant. Create one: hatchet-admin token create",
        source="HATCHET_CLIENT_TOKEN",
    )


def namespace_of(config: BackendConfig, environ: Mapping[str, str] | None = None) -> str:
    """The namespace as the SDK writes it: lower case, with one underscore behind it; empty where there is none."""
    source = os.environ if environ is None else environ
    lowered = str(config.connection_params.get("namespace") or source.get("HATCHET_CLIENT_NAMESPACE") or "").lower()
    return lowered if not lowered or lowered.endswith("_") else f"{lowered}_"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Connection:
    """One tenant of one engine."""

    token: str
    tenant_id: str
    server_url: str
    """REST"""
    host_port: str
    """gRPC"""
    tls_strategy: str
    namespace: str
    ca_file: str | None
    expires_at: float | None
    """Unix time of the token's end"""

    def full_name(self, name: str) -> str:
        """Name of a workflow in the tenant."""
        return name if name.startswith(self.namespace) else self.namespace + name

    def short_name(self, name: str) -> str:
        """Name of a workflow without the namespace."""
        return name.removeprefix(self.namespace)


def connection_of(config: BackendConfig, environ: Mapping[str, str] | None = None) -> Connection:
    """Work out the connection: parameters first, then the claims of the token.

    Raises:
        ConfigurationError: the token is missing or is none, or there is no address.
    """
    source = os.environ if environ is None else environ
    params = config.connection_params
    token = str(params.get("token") or "")
    claims = _claims(token)
    server_url = str(params.get("server_url") or claims.get("server_url") or "").rstrip("/")
    host_port = str(params.get("host_port") or claims.get("grpc_broadcast_address") or "")
    if not server_url.startswith(("http://", "https://")) or not host_port:
        raise ConfigurationError(
            "the token names no address of the engine. Set HATCHET_CLIENT_SERVER_URL and HATCHET_CLIENT_HOST_PORT",
            source="HATCHET_CLIENT_SERVER_URL",
        )
    strategy = str(params.get("tls_strategy") or "tls")
    if strategy not in {"tls", "mtls", "none"}:
        raise ConfigurationError(
            f"HATCHET_CLIENT_TLS_STRATEGY: '{strategy}' is none of tls, mtls, none",
            source="HATCHET_CLIENT_TLS_STRATEGY",
        )
    expires = claims.get("exp")
    return Connection(
        token=token,
        tenant_id=str(claims["sub"]),
        server_url=server_url,
        host_port=host_port,
        tls_strategy=strategy,
        namespace=namespace_of(config, source),
        ca_file=str(params.get("tls_root_ca_file") or source.get("HATCHET_CLIENT_TLS_ROOT_CA_FILE") or "") or None,
        expires_at=float(expires) if isinstance(expires, int | float) else None,
    )
