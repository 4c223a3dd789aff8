"""The SDK's listener process, which holds the connection to the engine: its logging, its health."""

import asyncio
import json
import logging
import os
import socket
from contextlib import suppress
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from hatchet_sdk.config import HealthcheckConfig
from hatchet_sdk.logger import logger as sdk_logger
from hatchet_sdk.worker import action_listener_process as sdk

from task_abstraction.config import read_setting
from task_abstraction.errors import ConfigurationError
from task_abstraction.runtime.logs import configure_logging

ENABLED = "HATCHET_CLIENT_WORKER_HEALTHCHECK_ENABLED"
ANSWER_LIMIT_S = 2.0
SILENT = "the listener process does not answer"
"""It hangs, or has given up a stream for good: then it ends its server, and does not come back."""
ANSWER_BYTES = 65_536


def healthcheck_config() -> HealthcheckConfig:
    """Settings of the listener's health server: those of the environment, else a free port of this host alone.

    Raises:
        ConfigurationError: somebody else has the port; the SDK would go on without a server.
    """
    config = HealthcheckConfig(_env_file=None)
    if not os.environ.get(ENABLED):
        config.enabled, config.bind_address, config.port = True, "127.0.0.1", 0
    if not config.enabled:
        return config
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.bind_address or "", config.port))
        except OSError as error:
            raise ConfigurationError(
                f"port {config.port} of the Hatchet listener cannot be opened: {error.strerror}. "
                "Set HATCHET_CLIENT_WORKER_HEALTHCHECK_PORT to another one",
                source="HATCHET_CLIENT_WORKER_HEALTHCHECK_PORT",
            ) from error
        config.port = probe.getsockname()[1]
    return config


async def ask(config: HealthcheckConfig) -> str | None:
    """Ask the listener once; None means that it is registered and its heartbeats arrive, else the reason."""
    host = config.bind_address if config.bind_address not in (None, "0.0.0.0", "::") else "127.0.0.1"  # noqa: S104 - compared
    try:
        status = await asyncio.wait_for(_get(str(host), config.port), ANSWER_LIMIT_S)
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        return SILENT
    return None if status == "HEALTHY" else f"the listener is {status}"


async def _get(host: str, port: int) -> str:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        answer = await reader.read(ANSWER_BYTES)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    body = answer.partition(b"\r\n\r\n")[2]
    return str(json.loads(body)["status"])


def use_our_logging(level: str) -> None:
    """Let records of the SDK take our way: it prints to standard output by itself, several lines for each task."""
    sdk_logger.handlers.clear()
    sdk_logger.propagate = True
    sdk_logger.setLevel(level if level in {"DEBUG", "ERROR"} else "WARNING")


class ListenerContext:
    """Starts the listener as the SDK does, with our logging in it: the process is a new one and inherits none."""

    def __init__(self, context: SpawnContext, level: str) -> None:
        self._context = context
        self._level = level

    def Process(self, *, target: object, args: tuple[Any, ...]) -> SpawnProcess:  # noqa: N802 - the name of the SDK's call
        """Make the process that the SDK asks for."""
        del target
        return self._context.Process(target=run, args=(self._level, read_setting("log_format"), *args))


def run(level: str, log_format: str | None, *arguments: Any) -> None:  # noqa: ANN401 - of the SDK
    """Body of the listener process."""
    configure_logging(level, log_format)
    use_our_logging(level)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # we ask for the health every 2 s
    from task_abstraction.backends.hatchet.two_workers import TwoWorkers

    sdk.WorkerActionListenerProcess = TwoWorkers  # type: ignore[misc]  # in this process, which runs nothing else
    sdk.worker_action_listener_process(*arguments)
