"""The bodies on Hatchet with the SDK alone."""

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hatchet_sdk import Context, Hatchet

from tests.bench.bodies import BODIES

LIMITS: dict[str, Any] = {
    "execution_timeout": timedelta(seconds=600),
    "schedule_timeout": timedelta(seconds=86_400),
    "retries": 2,
    "backoff_factor": 60.0,
    "backoff_max_seconds": 600,
}
"""What the plan gives to a task of the tier `low`."""
hatchet = Hatchet()
WORKER = f"native-{os.environ['HATCHET_CLIENT_NAMESPACE']}"


def _task(body: Callable[..., Any]) -> Any:
    def run(input: dict[str, Any], ctx: Context) -> dict[str, Any]:  # noqa: A002 - the SDK's name
        del ctx
        return {"result": body(*input["args"])}

    return hatchet.task(name=f"native_{body.__name__}", input_validator=dict, **LIMITS)(run)


TASKS = {body.__name__: _task(body) for body in BODIES}


def is_served() -> bool:
    """Whether a worker of this application is registered."""
    rows = hatchet.workers.list().rows or []
    return any(row.name.endswith(WORKER) and row.status == "ACTIVE" for row in rows)


class Client:
    """What an application of the SDK writes, with its asynchronous calls: its synchronous wait polls every second."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def submit(self, name: str, *args: object) -> Any:
        """Start a run."""
        return TASKS[name].run({"args": args}, wait_for_result=False)

    def value(self, handle: Any) -> object:
        """Wait for its value."""
        return self._runner.run(handle.aio_result())

    def close(self) -> None:
        """End the loop."""
        self._runner.close()


if __name__ == "__main__":
    hatchet.worker(WORKER, workflows=list(TASKS.values()), slots=int(os.environ["BENCH_CONCURRENCY"])).start()
