"""Reaching the server: settings, one client for each process, errors in our words, a clean end of the process."""

import asyncio
import atexit
import gc
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode

from task_abstraction.backends.temporal.sealing import converter_of
from task_abstraction.config import BackendConfig, redact
from task_abstraction.config.backend import TEMPORAL_PORT, VARIABLES
from task_abstraction.config.settings import first_set
from task_abstraction.encryption import Sealer
from task_abstraction.errors import BackendUnavailable, ConfigurationError, ResultTimeout
from task_abstraction.runtime.loop import PROCESS_LOOP

T = TypeVar("T")
CALL_TIMEOUT = timedelta(seconds=10)
"""Limit of one call; the SDK repeats a call that failed for lack of a server, for up to 10 s more."""
ANSWER_TIMEOUT_S = 30.0
"""Limit of one call with its repetitions, after which the server counts as unreachable."""
EXIT_PAUSE_S = 0.15
"""The SDK's threads may call into an interpreter that is going away (temporalio/sdk-python#300, 1.35.0: up to 15 of 25
short processes ended with 134 or 139); 0 of 60 did with this pause, measured."""
_REFUSALS = {RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED}
_REJECTIONS = {RPCStatusCode.INVALID_ARGUMENT}
# Parameters of a configuration -> names that the SDK's own loader reads.
_SDK_NAMES: Mapping[str, str] = {
    "api_key": "TEMPORAL_API_KEY",
    "tls": "TEMPORAL_TLS",
    "tls_client_cert_path": "TEMPORAL_TLS_CLIENT_CERT_PATH",
    "tls_client_key_path": "TEMPORAL_TLS_CLIENT_KEY_PATH",
    "tls_server_ca_cert_path": "TEMPORAL_TLS_SERVER_CA_CERT_PATH",
    "tls_server_name": "TEMPORAL_TLS_SERVER_NAME",
}


def address_of(config: BackendConfig) -> str:
    """`host:port` of the server."""
    params = config.connection_params
    if params.get("address"):
        return str(params["address"])
    return f"{params.get('host', 'localhost')}:{params.get('port', TEMPORAL_PORT)}"


def _from_file_only(param: str, environ: Mapping[str, str]) -> bool:
    """Whether a value is our default beside a configuration file of the SDK that may well state it."""
    return bool(environ.get("TEMPORAL_CONFIG_FILE")) and first_set(VARIABLES["temporal"][param], environ) is None


def connect_settings(config: BackendConfig, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Keyword arguments of `Client.connect`: ours, laid over what the SDK's own loader finds.

    Raises:
        ConfigurationError: a certificate cannot be read, or settings exclude each other.
    """
    source = os.environ if environ is None else environ
    merged = {name: value for name, value in source.items() if name.startswith("TEMPORAL_")}
    params = config.connection_params
    for param, name in _SDK_NAMES.items():
        if params.get(param) not in (None, ""):
            value = params[param]
            merged[name] = str(value).lower() if isinstance(value, bool) else str(value)
    if not _from_file_only("address", source):
        merged["TEMPORAL_ADDRESS"] = address_of(config)
    if not _from_file_only("namespace", source):
        merged["TEMPORAL_NAMESPACE"] = str(params.get("namespace", "default"))
    try:
        found: dict[str, Any] = dict(ClientConfig.load_client_connect_config(override_env_vars=merged))
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigurationError(f"Temporal connection: {redact(str(error))}", source="TEMPORAL_*") from error
    return found


class Runtimes:
    """The SDK's runtime of this process: its threads do not survive a fork, so a child makes its own."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._runtime: Runtime | None = None

    def get(self, prometheus: Mapping[str, Any] | None = None) -> Runtime:
        """The runtime; the first call of a process decides whether it serves metrics."""
        if self._runtime is None or self._pid != os.getpid():
            metrics = PrometheusConfig(**prometheus) if prometheus else None
            try:
                self._runtime = Runtime(telemetry=TelemetryConfig(metrics=metrics))
            except (RuntimeError, ValueError) as error:
                raise ConfigurationError(
                    f"metrics of the Temporal SDK: {error}. Set TASK_SDK_METRICS_PORT to a free port",
                    source="TASK_SDK_METRICS_PORT",
                ) from error
            if self._pid is None:
                atexit.register(end_quietly)
            self._pid = os.getpid()
        return self._runtime


RUNTIMES = Runtimes()


def end_quietly() -> None:
    """Let the SDK's threads come to rest before the interpreter goes away."""
    PROCESS_LOOP.close()
    gc.collect()
    time.sleep(EXIT_PAUSE_S)


async def connect(settings: Mapping[str, Any], sealer: Sealer, **more: Any) -> Client:  # noqa: ANN401 - arguments of the SDK
    """Connect a client on the running loop; what it sends is encrypted where there is a key."""
    return await Client.connect(
        **settings,
        data_converter=converter_of(sealer),
        runtime=RUNTIMES.get(),
        connect_timeout=CALL_TIMEOUT,
        **more,
    )


def is_missing_namespace(error: RPCError) -> bool:
    """Whether NOT_FOUND is about the namespace, not about an id."""
    return any("NamespaceNotFound" in detail.type_url for detail in error.grpc_status.details)


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Turn the SDK's errors of a call into ours; NOT_FOUND of an id stays what it is.

    Raises:
        BackendUnavailable: the server cannot be reached, refuses the credentials, or has no such namespace.
        ValueError: the server cannot take what was sent.
    """
    try:
        yield
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND and not is_missing_namespace(error):
            raise
        if error.status in _REJECTIONS or "larger than max" in error.message:
            raise ValueError(
                f"Temporal refuses the task: {redact(error.message)}. Payloads are limited to 2 MB: send a reference"
            ) from error
        refused = "refuses the credentials: " if error.status in _REFUSALS else ""
        raise BackendUnavailable("temporal", address, f"{refused}{redact(error.message)}") from error
    except RuntimeError as error:
        if "client connect" not in str(error):
            raise
        raise BackendUnavailable("temporal", address, redact(str(error))) from error
    except ResultTimeout:
        raise  # a wait that ran out says nothing about the server
    except TimeoutError as error:
        raise BackendUnavailable("temporal", address, "no answer in time") from error


class Connection:
    """The client of this process, on the library's loop; made at the first use and anew after a fork."""

    def __init__(self, config: BackendConfig, sealer: Callable[[], Sealer]) -> None:
        self._config = config
        self._sealer = sealer
        self._client: Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock: asyncio.Lock | None = None
        self.certificate: bytes | None = None
        """that of the client, as it was read when the client was made"""

    @property
    def address(self) -> str:
        """Where the server is, without secrets."""
        return redact(address_of(self._config))

    async def client(self) -> Client:
        """The client; to be called on the library's loop."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._client, self._loop, self._lock = None, loop, asyncio.Lock()
        assert self._lock is not None  # noqa: S101 - set with the loop
        async with self._lock:
            if self._client is None:
                settings = connect_settings(self._config)
                self.certificate = getattr(settings.get("tls"), "client_cert", None)
                self._client = await connect(settings, self._sealer())
            return self._client

    def run(self, call: Coroutine[Any, Any, T], timeout_s: float = ANSWER_TIMEOUT_S) -> T:
        """Run a call on the library's loop and wait for its answer."""
        with reaching(self.address):
            return PROCESS_LOOP.run(call, None if timeout_s == float("inf") else timeout_s)

    async def arun(self, call: Coroutine[Any, Any, T], timeout_s: float = ANSWER_TIMEOUT_S) -> T:
        """Run a call on the library's loop and await its answer on any other."""
        with reaching(self.address):
            future = asyncio.run_coroutine_threadsafe(call, PROCESS_LOOP.loop())
            async with asyncio.timeout(None if timeout_s == float("inf") else timeout_s):
                return await asyncio.wrap_future(future)

    def forget(self) -> None:
        """Drop the client; the next use connects again."""
        self._client = self._loop = None
