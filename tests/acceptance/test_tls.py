"""TLS to real servers: verified, with a private authority, with client certificates; never unverified in production."""

import contextlib
import logging
import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509

from task_abstraction import BackendConfig, BackendUnavailable, ConfigurationError
from task_abstraction.backends.celery.backend import CeleryBackend
from task_abstraction.backends.hatchet.backend import HatchetBackend
from task_abstraction.backends.temporal.backend import TemporalBackend
from task_abstraction.config import WorkerPlan, load_config_from_env
from tests.acceptance.hatchet_support import given
from tests.support import servers
from tests.support.certificates import Authority, Pair, tls_before
from tests.support.need import need
from tests.support.workers import ROOT, worker

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning"),  # Celery 5.7 calls it
]
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Trust:
    """The authority of the servers, one that nobody here knows, and certificates."""

    authority: Authority
    stranger: Authority
    server: Pair
    elsewhere: Pair
    client: Pair


@pytest.fixture(scope="module")
def trust(tmp_path_factory) -> Trust:
    """Made anew for each run."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority(folder)
    return Trust(
        authority,
        Authority(folder, "a stranger"),
        authority.sign(HOST),
        authority.sign("elsewhere.example"),
        authority.sign("a-client"),
    )


@pytest.fixture(scope="module")
def tls_redis(trust) -> Iterator[int]:
    """Port of a Redis that speaks TLS only."""
    if servers.program("redis-server") is None:
        need("valkey")
    with servers.redis_with_tls(trust.server.certificate, trust.server.key, trust.authority.file) as port:
        yield port


def celery(url: str, results: str = "") -> CeleryBackend:
    """A producer on a broker."""
    params = {"broker_url": url, "result_backend": results or url}
    backend = CeleryBackend(BackendConfig("celery", params), plan=WorkerPlan())
    backend.declare("private_echo", queue="private")
    return backend


def answer(backend) -> str:
    """`ok`, or why the server cannot be used."""
    with contextlib.closing(backend):
        (found,) = backend.check_health().checks.values()
        return found


class TestRedis:
    """`rediss://` on a real server."""

    def test_a_task_runs_over_verified_tls(self, trust, tls_redis, tmp_path):
        """Broker and results in production, with the authority of the company."""
        url = f"rediss://{HOST}:{tls_redis}/0?ssl_cert_reqs=required&ssl_ca_certs={trust.authority.file}"
        environment = {"TASK_BACKEND_TYPE": "celery", "CELERY_BROKER_URL": url, "CELERY_RESULT_BACKEND": url}
        environment |= {"TASK_MODULES": "tests.support.private_tasks", "PYTHONPATH": f"{ROOT / 'library'}:{ROOT}"}
        flags = ("--queues", "private", "--concurrency", "1")
        with (
            contextlib.closing(celery(url)) as backend,
            worker({**environment, "ENVIRONMENT": "prod"}, tmp_path, *flags),
        ):
            assert backend.get_result(backend.submit("private_echo", "x"), timeout=60).unwrap() == {"echo": "x"}

    def test_a_bare_url_verifies(self, trust, tls_redis):
        """Celery would connect to whoever answers; here the unknown authority is refused, and a known one is taken."""
        assert "certificate verify failed" in answer(celery(f"rediss://{HOST}:{tls_redis}/0"))
        known = f"rediss://{HOST}:{tls_redis}/0?ssl_ca_certs={trust.authority.file}"
        assert answer(celery(known)) == "ok"
        unknown = known.replace(str(trust.authority.file), str(trust.stranger.file))
        assert "certificate verify failed" in answer(celery(unknown))

    def test_verification_is_not_switched_off_in_production(self, tls_redis, monkeypatch, caplog):
        """Elsewhere it is a warning."""
        url = f"rediss://{HOST}:{tls_redis}/0?ssl_cert_reqs=none"
        with caplog.at_level(logging.WARNING):
            assert answer(celery(url)) == "ok"
        assert "CELERY_BROKER_URL: ssl_cert_reqs=none: anybody between here and the server can read" in caplog.text

        monkeypatch.setenv("ENVIRONMENT", "prod")
        with pytest.raises(ConfigurationError) as error:
            celery(url, "redis://unused").submit("private_echo", "x")
        assert str(error.value) == (
            "CELERY_BROKER_URL: ssl_cert_reqs=none: anybody between here and the server can read and change tasks. "
            "Write ssl_cert_reqs=required, and ssl_ca_certs=FILE for a private authority. "
            "Refused because ENVIRONMENT is production"
        )


@pytest.mark.parametrize("with_tls", ["broker", "results"])
def test_a_server_without_tls_is_an_outage(redis, with_tls):
    """A handshake that nobody answers ends like a connect, not when the time for answers is over."""
    plain, encrypted = redis.url(15), redis.url(15).replace("redis://", "rediss://")
    urls = (encrypted, plain) if with_tls == "broker" else (plain, encrypted)
    for_ever = {"redis_socket_timeout": 3600.0, "redis_socket_connect_timeout": 0.2}
    options = {"socket_timeout": 3600.0, "socket_connect_timeout": 0.2}
    params = {"broker_url": urls[0], "result_backend": urls[1]}
    params["extra_settings"] = {**for_ever, "broker_transport_options": options}
    ends: queue.Queue[object] = queue.Queue()

    def submit() -> None:
        with contextlib.closing(CeleryBackend(BackendConfig("celery", params), plan=WorkerPlan())) as backend:
            backend.declare("private_echo", queue="private")
            try:
                ends.put(backend.submit("private_echo", "x"))
            except BackendUnavailable as error:
                ends.put(error)

    threading.Thread(target=submit, daemon=True).start()
    assert isinstance(ends.get(timeout=60), BackendUnavailable)


def test_rabbitmq_is_verified_with_its_name(trust, rabbitmq, redis):
    """`amqps://` takes the options of the URL, and compares the host's name, which amqp itself does not."""

    def of(port: int, authority: Path) -> str:
        return answer(celery(f"amqps://guest:guest@{HOST}:{port}//?ssl_ca_certs={authority}", redis.url(15)))

    with tls_before(rabbitmq.server.port, trust.server) as endpoint:
        assert of(endpoint.port, trust.authority.file) == "ok"
        assert "certificate verify failed" in of(endpoint.port, trust.stranger.file)
    with tls_before(rabbitmq.server.port, trust.elsewhere) as endpoint:
        assert "IP address mismatch" in of(endpoint.port, trust.authority.file)


def test_temporal_takes_the_standard_variables(trust, temporal):
    """Private authority, client certificate and API key by the names of the SDK; each of them is asked for."""
    mutual = {
        "TEMPORAL_TLS": "true",
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(trust.authority.file),
        "TEMPORAL_TLS_CLIENT_CERT_PATH": str(trust.client.certificate),
        "TEMPORAL_TLS_CLIENT_KEY_PATH": str(trust.client.key),
        "TEMPORAL_API_KEY": "a-key-of-the-cloud",
    }

    def of(port: int, **environ: str) -> str:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {"TEMPORAL_ADDRESS": f"{HOST}:{port}", **environ}.items():
                patch.setenv(name, value)
            return answer(TemporalBackend(load_config_from_env("temporal"), plan=WorkerPlan()))

    with tls_before(temporal.server.port, trust.server, clients=trust.authority.file) as endpoint:
        assert of(endpoint.port, **mutual) == "ok"
        assert (
            of(endpoint.port, TEMPORAL_TLS="true", TEMPORAL_TLS_SERVER_CA_CERT_PATH=str(trust.authority.file)) != "ok"
        )
        stranger = {**mutual, "TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(trust.stranger.file)}
        assert "temporal at" in of(endpoint.port, **stranger)
    with tls_before(temporal.server.port, trust.elsewhere, clients=trust.authority.file) as endpoint:
        assert of(endpoint.port, **mutual) != "ok"
        assert of(endpoint.port, **mutual, TEMPORAL_TLS_SERVER_NAME="elsewhere.example") == "ok"


def test_temporal_tells_when_its_certificate_ends(trust, temporal, monkeypatch):
    """That of the client that is connected: a file that was renewed since helps nobody until the next start."""
    monkeypatch.setenv("TEMPORAL_TLS_SERVER_CA_CERT_PATH", str(trust.authority.file))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_CERT_PATH", str(trust.client.certificate))
    monkeypatch.setenv("TEMPORAL_TLS_CLIENT_KEY_PATH", str(trust.client.key))
    with tls_before(temporal.server.port, trust.server, clients=trust.authority.file) as endpoint:
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"{HOST}:{endpoint.port}")
        backend = TemporalBackend(load_config_from_env("temporal"), plan=WorkerPlan())
        before = backend.credentials_expire_at()

        assert answer(backend) == "ok"
    end = x509.load_pem_x509_certificate(trust.client.certificate.read_bytes()).not_valid_after_utc
    assert (before, backend.credentials_expire_at()) == (None, end.timestamp())


def test_hatchet_takes_the_standard_variables(trust):
    """`tls` with a private authority, and `mtls` with a client certificate."""
    engine = dict(given())
    if engine.get("HATCHET_CLIENT_TLS_STRATEGY") != "none":
        pytest.skip("not run: this engine speaks TLS itself")
    common = {"HATCHET_CLIENT_TOKEN": engine["HATCHET_CLIENT_TOKEN"]}
    common["HATCHET_CLIENT_TLS_ROOT_CA_FILE"] = str(trust.authority.file)
    common["HATCHET_CLIENT_SERVER_URL"] = engine["HATCHET_CLIENT_SERVER_URL"]
    files = {"HATCHET_CLIENT_TLS_CERT_FILE": str(trust.client.certificate)}
    files["HATCHET_CLIENT_TLS_KEY_FILE"] = str(trust.client.key)

    def of(port: int, **environ: str) -> str:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**common, "HATCHET_CLIENT_HOST_PORT": f"{HOST}:{port}", **environ}.items():
                patch.setenv(name, value)
            patch.setenv("TASK_BACKEND_HEALTH_TIMEOUT", "3")
            return answer(HatchetBackend(load_config_from_env("hatchet"), plan=WorkerPlan()))

    target = int(engine["HATCHET_CLIENT_HOST_PORT"].rpartition(":")[2])
    with tls_before(target, trust.server) as endpoint:
        assert of(endpoint.port, HATCHET_CLIENT_TLS_STRATEGY="tls") == "ok"
        stranger = {"HATCHET_CLIENT_TLS_ROOT_CA_FILE": str(trust.stranger.file)}
        assert of(endpoint.port, HATCHET_CLIENT_TLS_STRATEGY="tls", **stranger) != "ok"
    with tls_before(target, trust.server, clients=trust.authority.file) as endpoint:
        assert of(endpoint.port, HATCHET_CLIENT_TLS_STRATEGY="mtls", **files) == "ok"
