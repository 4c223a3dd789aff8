"""Connection settings of a backend: from the environment, from a file, with a repr that redacts."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from task_abstraction.config.plan import settings_dir
from task_abstraction.config.redaction import redact_value, remember_secrets_of
from task_abstraction.config.settings import first_set, is_production
from task_abstraction.errors import ConfigurationError, DependencyNotInstalled

REQUIRED = {
    "celery": ("broker_url",),
    "hatchet": ("token", "server_url"),
    "temporal": ("host", "port", "namespace", "task_queue"),
}
TEMPORAL_PORT = 7233
DEFAULT_RESULT_BACKEND = "redis://localhost:6379/0"

# Parameter -> variables in their order. TLS files of Temporal and Hatchet: the SDK reads its own names as well.
VARIABLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "celery": {
        "broker_url": ("TASK_CELERY_BROKER_URL", "CELERY_BROKER_URL"),
        "result_backend": ("TASK_CELERY_RESULT_BACKEND", "CELERY_RESULT_BACKEND"),
        "management_url": ("TASK_CELERY_MANAGEMENT_URL",),
    },
    "temporal": {
        "address": ("TASK_TEMPORAL_ADDRESS", "TEMPORAL_ADDRESS", "TEMPORAL_HOST"),
        "namespace": ("TASK_TEMPORAL_NAMESPACE", "TEMPORAL_NAMESPACE"),
        "task_queue": ("TASK_DEFAULT_QUEUE",),
        "api_key": ("TEMPORAL_API_KEY",),
        "tls": ("TEMPORAL_TLS",),
        "tls_client_cert_path": ("TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_TLS_CERT_PATH"),
        "tls_client_key_path": ("TEMPORAL_TLS_CLIENT_KEY_PATH", "TEMPORAL_TLS_KEY_PATH"),
        "tls_server_ca_cert_path": ("TEMPORAL_TLS_SERVER_CA_CERT_PATH",),
        "tls_server_name": ("TEMPORAL_TLS_SERVER_NAME",),
    },
    "hatchet": {
        "token": ("TASK_HATCHET_TOKEN", "HATCHET_CLIENT_TOKEN"),
        "server_url": ("TASK_HATCHET_SERVER_URL", "HATCHET_CLIENT_SERVER_URL", "HATCHET_SERVER_URL"),
        "host_port": ("HATCHET_CLIENT_HOST_PORT",),
        "tls_strategy": ("TASK_HATCHET_TLS_STRATEGY", "HATCHET_CLIENT_TLS_STRATEGY"),
    },
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "celery": {"broker_url": "redis://localhost:6379/0", "result_backend": DEFAULT_RESULT_BACKEND},
    "temporal": {"host": "localhost", "port": TEMPORAL_PORT, "namespace": "default", "task_queue": "default"},
    "hatchet": {"tls_strategy": "tls"},
}


@dataclass(frozen=True, slots=True, repr=False)
class BackendConfig:
    """Which backend, how to reach it, and what its workers are told."""

    backend_type: str
    connection_params: Mapping[str, Any]
    worker_config: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        remember_secrets_of(self.connection_params)

    def validate(self) -> bool:
        """Whether every required parameter of a shipped backend is there; other backends judge for themselves."""
        needed = REQUIRED.get(self.backend_type, ())
        if self.backend_type == "hatchet":
            needed = ("token",)  # the REST address is a claim inside the token
        return bool(self.backend_type) and all(self.connection_params.get(name) for name in needed)

    def __repr__(self) -> str:
        params = redact_value("", self.connection_params)
        worker = redact_value("", self.worker_config or {})
        return (
            f"BackendConfig(backend_type={self.backend_type!r}, connection_params={params!r}, worker_config={worker!r})"
        )

    __str__ = __repr__


def split_address(address: str, default_port: int) -> tuple[str, int]:
    """Parse `host`, `host:port` or `[v6]:port` once.

    Raises:
        ConfigurationError: the port is no number.
    """
    host, colon, port = address.rpartition(":")
    if not colon or port.endswith("]"):
        return address.strip("[]"), default_port
    if not port.isdigit():
        raise ConfigurationError(f"'{address}' is no address: expected host:port", source="address")
    return host.strip("[]"), int(port)


def _with_address(params: dict[str, Any]) -> dict[str, Any]:
    address = params.pop("address", None)
    if address:
        params["host"], params["port"] = split_address(str(address), TEMPORAL_PORT)
    return params


def load_config_from_env(backend_type: str, environ: Mapping[str, str] | None = None) -> BackendConfig:
    """Connection settings of a backend from the environment.

    Raises:
        ConfigurationError: a variable that has no default is missing.
    """
    names = VARIABLES.get(backend_type, {})
    found = {param: first_set(variables, environ) for param, variables in names.items()}
    params = _with_address({param: pair[1] for param, pair in found.items() if pair is not None})
    if backend_type == "celery" and "broker_url" not in params:
        raise ConfigurationError(
            "Invalid environment configuration for backend: celery\nSet CELERY_BROKER_URL, e.g. redis://host:6379/0",
            source="CELERY_BROKER_URL",
        )
    rendered = settings_dir(environ) is not None  # then the settings say whether results are kept at all
    if backend_type == "celery" and "result_backend" not in params and not rendered and is_production(environ):
        raise ConfigurationError(
            "Invalid environment configuration for backend: celery\nSet CELERY_RESULT_BACKEND: prod has no default",
            source="CELERY_RESULT_BACKEND",
        )
    if backend_type == "hatchet" and "token" not in params:
        raise ConfigurationError(
            "Invalid environment configuration for backend: hatchet\nSet HATCHET_CLIENT_TOKEN to a token of the tenant",
            source="HATCHET_CLIENT_TOKEN",
        )
    defaults = dict(DEFAULTS.get(backend_type, {}))
    if rendered:
        defaults.pop("result_backend", None)
    return BackendConfig(backend_type, {**defaults, **params})


def get_default_config(backend_type: str) -> BackendConfig:
    """Connection settings of a server on this machine.

    Raises:
        ConfigurationError: the backend has none.
    """
    if backend_type not in DEFAULTS:
        raise ConfigurationError(f"Unsupported backend type: {backend_type}", source="backend")
    return BackendConfig(backend_type, DEFAULTS[backend_type])


def _parse(path: Path) -> object:
    text = path.read_text(encoding="utf-8")
    if path.suffix not in {".yaml", ".yml"}:
        return json.loads(text)
    try:
        import yaml  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise DependencyNotInstalled("PyYAML", "pyyaml") from None
    return yaml.safe_load(text)


def load_config_from_file(path: str | os.PathLike[str]) -> BackendConfig:
    """Read `backend`, `<backend>: {parameters}` and `worker: {...}` from a JSON or YAML file.

    Raises:
        ConfigurationError: the file is absent, unreadable or incomplete.
    """
    place = Path(path)
    if not place.is_file():
        raise ConfigurationError(f"Configuration file not found: {place}", source=str(place))
    try:
        raw = _parse(place)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{place}: cannot be read as configuration: {error}", source=str(place)) from error
    if not isinstance(raw, Mapping) or not raw.get("backend"):
        raise ConfigurationError("Backend type must be specified in configuration", source=str(place))
    backend_type = str(raw["backend"])
    given = raw.get(backend_type) or {}
    if not isinstance(given, Mapping) or not isinstance(raw.get("worker") or {}, Mapping):
        raise ConfigurationError(f"Invalid configuration for backend type: {backend_type}", source=str(place))
    config = BackendConfig(backend_type, _with_address(dict(given)), raw.get("worker"))
    if not config.validate():
        raise ConfigurationError(f"Invalid configuration for backend type: {backend_type}", source=str(place))
    return config
