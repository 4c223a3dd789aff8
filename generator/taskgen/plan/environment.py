"""Command line, environment and secret files of a worker: one function for each backend.

Names of variables are the first of each row of [Library 3], so that one value has one name.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from taskgen.plan.model import EnvVar, SecretMount
from taskgen.plan.ports import HEALTH_PORT, SDK_METRICS_PORT
from taskgen.profile.base import SecretKey
from taskgen.profile.model import Profile
from taskgen.profile.tier import Tier

TLS_FOLDER: Final = "/etc/taskgen-tls"
"""Where certificates are mounted."""
SETTINGS_FOLDER: Final = "/etc/taskgen"
"""Where the rendered settings are, in every container."""


def _address(name: str, value: str | SecretKey) -> EnvVar:
    return EnvVar(name, secret=value) if isinstance(value, SecretKey) else EnvVar(name, value)


def _encryption(key: SecretKey | None) -> list[EnvVar]:
    return [EnvVar("TASK_ENCRYPTION_KEYS", secret=key)] if key else []


def own_name(profile: Profile, ours: str, theirs: str) -> str:
    """Return the name of a variable: an application that is not written with the library reads the SDK's own."""
    return ours if profile.app.kind == "task_abstraction" else theirs


def _celery(profile: Profile) -> tuple[list[EnvVar], list[SecretMount]]:
    settings = profile.backends.celery
    assert settings is not None, "a tier of a backend that the profile does not configure"  # noqa: S101
    env = [_address(own_name(profile, "TASK_CELERY_BROKER_URL", "CELERY_BROKER_URL"), settings.broker.url)]
    if settings.results.kind != "none":
        name = own_name(profile, "TASK_CELERY_RESULT_BACKEND", "CELERY_RESULT_BACKEND")
        env.append(_address(name, settings.results.url or settings.broker.url))
    if settings.broker.management_url:
        env.append(_address("TASK_CELERY_MANAGEMENT_URL", settings.broker.management_url))
    return env + _encryption(settings.encryption), []


def _temporal(profile: Profile) -> tuple[list[EnvVar], list[SecretMount]]:
    settings = profile.backends.temporal
    assert settings is not None, "a tier of a backend that the profile does not configure"  # noqa: S101
    env = [
        EnvVar(own_name(profile, "TASK_TEMPORAL_ADDRESS", "TEMPORAL_ADDRESS"), settings.address),
        EnvVar(own_name(profile, "TASK_TEMPORAL_NAMESPACE", "TEMPORAL_NAMESPACE"), settings.namespace),
    ]
    mounts = []
    if settings.api_key:
        env.append(EnvVar("TEMPORAL_API_KEY", secret=settings.api_key))
    if settings.tls:
        mounts.append(SecretMount("temporal-tls", settings.tls.secret, TLS_FOLDER))
        env += [
            EnvVar("TEMPORAL_TLS", "true"),
            EnvVar("TEMPORAL_TLS_CLIENT_CERT_PATH", f"{TLS_FOLDER}/tls.crt"),
            EnvVar("TEMPORAL_TLS_CLIENT_KEY_PATH", f"{TLS_FOLDER}/tls.key"),
        ]
        if settings.tls.ca:
            mounts.append(SecretMount("temporal-ca", settings.tls.ca.secret, f"{TLS_FOLDER}-ca"))
            env.append(EnvVar("TEMPORAL_TLS_SERVER_CA_CERT_PATH", f"{TLS_FOLDER}-ca/{settings.tls.ca.key}"))
        if settings.tls.server_name:
            env.append(EnvVar("TEMPORAL_TLS_SERVER_NAME", settings.tls.server_name))
    return env + _encryption(settings.encryption), mounts


def _hatchet(profile: Profile) -> tuple[list[EnvVar], list[SecretMount]]:
    settings = profile.backends.hatchet
    assert settings is not None, "a tier of a backend that the profile does not configure"  # noqa: S101
    env = [
        EnvVar(own_name(profile, "TASK_HATCHET_TOKEN", "HATCHET_CLIENT_TOKEN"), secret=settings.token),
        EnvVar(own_name(profile, "TASK_HATCHET_SERVER_URL", "HATCHET_CLIENT_SERVER_URL"), settings.server_url),
        EnvVar("HATCHET_CLIENT_HOST_PORT", settings.host_port),
        EnvVar(own_name(profile, "TASK_HATCHET_TLS_STRATEGY", "HATCHET_CLIENT_TLS_STRATEGY"), settings.tls_strategy),
    ]
    if profile.app.kind == "task_abstraction":
        env += [
            EnvVar("HATCHET_CLIENT_WORKER_HEALTHCHECK_ENABLED", "true"),
            EnvVar("HATCHET_CLIENT_WORKER_HEALTHCHECK_PORT", str(SDK_METRICS_PORT["hatchet"])),
        ]
    if settings.namespace:
        env.append(EnvVar("HATCHET_CLIENT_NAMESPACE", settings.namespace))
    mounts = []
    if settings.tls:
        mounts.append(SecretMount("hatchet-tls", settings.tls.secret, TLS_FOLDER))
        env += [
            EnvVar("HATCHET_CLIENT_TLS_CERT_FILE", f"{TLS_FOLDER}/tls.crt"),
            EnvVar("HATCHET_CLIENT_TLS_KEY_FILE", f"{TLS_FOLDER}/tls.key"),
            EnvVar("HATCHET_CLIENT_TLS_ROOT_CA_FILE", f"{TLS_FOLDER}/ca.crt"),
        ]
    return env + _encryption(settings.encryption), mounts


CONNECTIONS: Final[Mapping[str, Callable[[Profile], tuple[list[EnvVar], list[SecretMount]]]]] = {
    "celery": _celery,
    "temporal": _temporal,
    "hatchet": _hatchet,
}


def connection(profile: Profile, backend: str) -> tuple[tuple[EnvVar, ...], tuple[SecretMount, ...]]:
    """Return what any process needs to reach a backend: workers, exporter, beat and producers."""
    env, mounts = CONNECTIONS[backend](profile)
    return tuple(env), tuple(mounts)


def worker_env(
    profile: Profile, tier_name: str, tier: Tier, backend: str, *, grace: timedelta, remap_sigterm: str | None
) -> tuple[tuple[EnvVar, ...], tuple[SecretMount, ...]]:
    """Return the environment of a worker, sorted by name, and the secrets that it reads as files.

    A variable that the tier sets replaces the application's; both replace nothing that taskgen derives (rule E01).
    """
    env, mounts = connection(profile, backend)
    derived = [EnvVar("ENVIRONMENT", profile.environment), *env, *_of_the_kind(profile, tier_name, backend, grace)]
    if remap_sigterm:
        derived.append(EnvVar("REMAP_SIGTERM", remap_sigterm))
    if profile.monitoring.tracing.otlp:
        derived.append(EnvVar("OTEL_EXPORTER_OTLP_ENDPOINT", profile.monitoring.tracing.otlp))
    merged = {variable.name: variable for variable in own_env(profile, tier)}
    merged |= {variable.name: variable for variable in derived}
    return tuple(sorted(merged.values(), key=lambda variable: variable.name)), mounts


def _of_the_kind(profile: Profile, tier_name: str, backend: str, grace: timedelta) -> list[EnvVar]:
    """Return what the worker itself reads: our own most, our module in a Celery application less, a command nothing."""
    if profile.app.kind == "command":
        return []
    found = [
        EnvVar("TASK_TIER", tier_name),
        EnvVar("TASK_HEALTH_PORT", str(HEALTH_PORT)),
        EnvVar("TASK_LOG_FORMAT", profile.monitoring.log_format),
    ]
    if profile.app.kind == "celery":
        return found
    found += [
        EnvVar("TASK_BACKEND_TYPE", backend),
        EnvVar("TASK_LOG_LEVEL", profile.monitoring.log_level),
        EnvVar("TASK_SHUTDOWN_GRACE_SECONDS", str(int(grace.total_seconds()))),
    ]
    if profile.app.module:
        found.append(EnvVar("TASK_MODULES", profile.app.module))
    if backend == "temporal":
        found.append(EnvVar("TASK_SDK_METRICS_PORT", str(SDK_METRICS_PORT["temporal"])))
    return found


def own_env(profile: Profile, tier: Tier | None) -> tuple[EnvVar, ...]:
    """Return the variables that the profile itself lists for the application, and for the tier if one is given."""
    found: dict[str, EnvVar] = {}
    for source in (profile.app, tier):
        if source is None:
            continue
        found |= {name: EnvVar(name, value) for name, value in source.env.items() if value is not None}
        found |= {name: EnvVar(name, secret=key) for name, key in source.secret_env.items() if key is not None}
    return tuple(sorted(found.values(), key=lambda variable: variable.name))
