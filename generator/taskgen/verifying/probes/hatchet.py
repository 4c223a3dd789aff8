"""Asks the installed Hatchet SDK whether it registers a task and a worker with the rendered arguments; no engine."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from taskgen.verifying.probes.answering import Settings, answer, table, unknown


def token() -> str:
    """Return a token that the SDK can read and no engine would take: it wants addresses and a tenant from it."""
    claims = {
        "sub": "00000000-0000-4000-8000-000000000000",
        "exp": 4102444800,  # 2100-01-01
        "server_url": "http://127.0.0.1:1",
        "grpc_broadcast_address": "127.0.0.1:1",
    }
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "none"])


def probe(module: Settings) -> Iterator[str]:
    """Yield the arguments that the SDK does not know or cannot use."""
    from hatchet_sdk import Hatchet

    workers, tasks = table(module, "WORKER"), table(module, "TASK")
    if not workers:
        yield "WORKER is missing or names no tier"
    for tier, keywords in workers.items():
        yield from unknown(keywords, Hatchet.worker, f"WORKER[{tier}]")
    for tier, keywords in tasks.items():
        yield from unknown(keywords, Hatchet.task, f"TASK[{tier}]")
    yield from (f"TASK[{tier}]: no such tier in WORKER" for tier in tasks if tier not in workers)
    if all(set(keywords) <= _parameters(Hatchet.task) for keywords in tasks.values()):
        for tier in workers:
            yield from _registers(tier, workers[tier], tasks.get(tier, {}))


def _parameters(function: Any) -> set[str]:  # noqa: ANN401  # a method of an SDK with types of its own
    from inspect import signature

    return set(signature(function).parameters)


def _registers(tier: str, worker: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    """Register a task and a worker as the library does, up to the message that would go to the engine."""
    from hatchet_sdk import ClientConfig, Hatchet
    from hatchet_sdk.config import ClientTLSConfig

    hatchet: Any = Hatchet(config=ClientConfig(token=token(), tls_config=ClientTLSConfig(strategy="none")))
    try:
        registered = hatchet.task(name="verify", **task)(_work)
        message = registered.to_proto()
        hatchet.worker(f"verify-{tier}", workflows=[registered], **worker)
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        yield f"{tier}: the SDK cannot register a task so: {type(error).__name__}: {error}"
        return
    if not message.tasks:
        yield f"{tier}: the registration holds no task"


def _work(_input: Any, _context: Any) -> dict[str, str]:  # noqa: ANN401  # the SDK's types, which a probe does not need
    return {}


if __name__ == "__main__":
    answer(probe)
