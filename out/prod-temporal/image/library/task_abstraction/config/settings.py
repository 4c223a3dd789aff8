"""Settings from flags and environment: one table says which names are read, in which order, with which default."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from task_abstraction.config.redaction import redact
from task_abstraction.errors import ConfigurationError

T = TypeVar("T")
PRODUCTION = frozenset({"prod", "production"})


def first_set(names: tuple[str, ...], environ: Mapping[str, str] | None = None) -> tuple[str, str] | None:
    """Name and value of the first variable that is set and not empty."""
    source = os.environ if environ is None else environ
    return next(((name, source[name]) for name in names if source.get(name)), None)


def split_names(text: str) -> tuple[str, ...]:
    """Parts of a comma list; empty entries are trimmed."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def positive_int(text: str) -> int:
    """Parse a count of at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError("must be at least 1")
    return number


def positive_seconds(text: str) -> float:
    """Parse a number of seconds above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError("must be a number of seconds above 0")
    return number


def port_number(text: str) -> int:
    """Parse a TCP port; 0 lets the system choose."""
    number = int(text)
    if not 0 <= number <= 65535:  # noqa: PLR2004 - the range of TCP ports
        raise ValueError("must be a port from 0 to 65535")
    return number


def switch(text: str) -> bool:
    """Parse 0 or 1 (also true, false, yes, no, on, off)."""
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError("must be 0 or 1")
    return words[text.lower()]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: the variables that are read for it in order, its default, how its text is read."""

    names: tuple[str, ...]
    default: Any
    parse: Callable[[str], Any] = str


SETTINGS: Mapping[str, Setting] = {
    "backend": Setting(("TASK_BACKEND_TYPE",), None),
    "environment": Setting(("ENVIRONMENT",), None),
    "queues": Setting(("TASK_QUEUES",), (), split_names),
    "default_queue": Setting(("TASK_DEFAULT_QUEUE",), None),
    "concurrency": Setting(("TASK_WORKER_CONCURRENCY", "CELERY_CONCURRENCY", "WORKER_CONCURRENCY"), None, positive_int),
    "worker_name": Setting(("TASK_WORKER_NAME",), None),
    "modules": Setting(("TASK_MODULES",), (), split_names),
    "tier": Setting(("TASK_TIER",), None),
    "log_level": Setting(("TASK_LOG_LEVEL", "LOG_LEVEL", "CELERY_LOGLEVEL"), "INFO", str.upper),
    "log_format": Setting(("TASK_LOG_FORMAT",), None),
    "health_interval_s": Setting(("TASK_HEALTH_CHECK_INTERVAL",), 30.0, positive_seconds),
    "health_timeout_s": Setting(("TASK_BACKEND_HEALTH_TIMEOUT",), 10.0, positive_seconds),
    "grace_s": Setting(("TASK_SHUTDOWN_GRACE_SECONDS",), None, positive_seconds),
    "health_port": Setting(("TASK_HEALTH_PORT",), 8081, port_number),
    "sdk_metrics_port": Setting(("TASK_SDK_METRICS_PORT",), None, port_number),
    "heartbeat_file": Setting(("TASK_HEARTBEAT_FILE",), None),
    "unsupported": Setting(("TASK_UNSUPPORTED",), "error"),
    "encryption_keys": Setting(("TASK_ENCRYPTION_KEYS",), None),
    "encryption_keys_file": Setting(("TASK_ENCRYPTION_KEYS_FILE",), None),
    "encryption_codec": Setting(("TASK_ENCRYPTION_CODEC",), None),
    "encryption_accept_plain": Setting(("TASK_ENCRYPTION_ACCEPT_PLAIN",), False, switch),
}
DEFAULT_CONCURRENCY = 4
DEFAULT_GRACE_S = 30.0
DEFAULT_QUEUE = "default"


def read_setting(name: str, environ: Mapping[str, str] | None = None, *, flag: str | None = None) -> Any:  # noqa: ANN401
    """Value of one setting: flag, then the variables in their order, then the default.

    Raises:
        ConfigurationError: the text has no meaning for this setting; the message names its source.
    """
    setting = SETTINGS[name]
    found = ("--" + name.replace("_", "-"), flag) if flag is not None else first_set(setting.names, environ)
    if found is None:
        return setting.default
    source, text = found
    try:
        return setting.parse(text)
    except ValueError as error:
        reason = str(error) if str(error).startswith("must") else f"must be {setting.parse.__name__.replace('_', ' ')}"
        raise ConfigurationError(f"{source}: '{redact(text)}' is not valid, it {reason}", source=source) from None


def is_production(environ: Mapping[str, str] | None = None) -> bool:
    """Whether ENVIRONMENT says production."""
    value = read_setting("environment", environ)
    return str(value or "").lower() in PRODUCTION


def resolve_queues(
    flag: str | None, environ: Mapping[str, str] | None = None, *, warn: Callable[[str], None] = lambda _: None
) -> tuple[str, ...]:
    """Queues of a worker, by the rules for production and elsewhere.

    Raises:
        ConfigurationError: there is no queue, or production has no --queues.
    """
    if flag is not None:
        queues = split_names(flag)
        if not queues:
            raise ConfigurationError(
                "No queues specified via --queues after trimming empty entries.", source="--queues"
            )
        return queues
    example = "uv run task-backend-worker --queues file_processing"
    from_environment: tuple[str, ...] = read_setting("queues", environ)
    if is_production(environ):
        if from_environment:
            warn("TASK_QUEUES ignored in production environment. Use --queues argument.")
        raise ConfigurationError(
            f"No queues specified for production deployment.\nUse --queues argument: {example}", source="--queues"
        )
    unset = read_setting("environment", environ) is None
    if from_environment:
        if unset:
            warn("ENVIRONMENT is not set: TASK_QUEUES is honoured. Set ENVIRONMENT to dev, staging or prod.")
        return from_environment
    if unset:
        raise ConfigurationError(
            f"No queues specified for production deployment.\nUse --queues argument: {example}", source="--queues"
        )
    raise ConfigurationError(
        f"No queues specified. Either:\n1. Use --queues argument: {example}\n"
        "2. Set TASK_QUEUES environment variable: TASK_QUEUES=file_processing,api_processing",
        source="--queues",
    )
