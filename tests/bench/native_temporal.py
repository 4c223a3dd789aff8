"""The bodies on Temporal with the SDK alone: as standalone activities, or in a workflow of one activity."""

import asyncio
import os
import uuid
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client as TemporalClient
from temporalio.common import RetryPolicy
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from tests.bench.bodies import BODIES

QUEUE = "native"
LIMITS: dict[str, Any] = {
    "start_to_close_timeout": timedelta(seconds=600),
    "heartbeat_timeout": timedelta(seconds=30),
    "retry_policy": RetryPolicy(initial_interval=timedelta(seconds=60), maximum_attempts=3),
}
"""What the plan gives to a task of the tier `low`."""


@workflow.defn
class OneActivity:
    """A workflow that runs one activity."""

    @workflow.run
    async def run(self, name: str, args: list[Any]) -> Any:
        """Run it and return its result."""
        return await workflow.execute_activity(name, args=args, **LIMITS)


class Client:
    """What an application of the SDK writes; it is asynchronous only, so its loop is run for each call."""

    def __init__(self, address: str, *, standalone: bool) -> None:
        self._runner = asyncio.Runner()
        self._standalone = standalone
        self._client: TemporalClient = self._run(TemporalClient.connect(address))

    def _run(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(call)

    async def _start(self, name: str, args: Sequence[object]) -> Any:
        place = {"id": str(uuid.uuid4()), "task_queue": QUEUE}
        if self._standalone:
            return await self._client.start_activity(name, args=list(args), **LIMITS, **place)
        return await self._client.start_workflow(OneActivity.run, args=[name, list(args)], **place)

    def submit(self, name: str, *args: object) -> Any:
        """Start an execution."""
        return self._run(self._start(name, args))

    def value(self, handle: Any) -> object:
        """Wait for its value."""
        return self._run(handle.result())

    def close(self) -> None:
        """End the loop."""
        self._runner.close()


def worker_command(_: int) -> list[str]:
    """The worker of this application."""
    return ["tests.bench.native_temporal"]


async def work(address: str, concurrency: int) -> None:
    """Run a worker until it is killed."""
    with ThreadPoolExecutor(concurrency) as threads:
        await Worker(
            await TemporalClient.connect(address),
            task_queue=QUEUE,
            activities=[activity.defn(body) for body in BODIES],
            workflows=[OneActivity],
            activity_executor=threads,
            max_concurrent_activities=concurrency,
            max_concurrent_workflow_tasks=2,
            max_cached_workflows=100,
        ).run()


if __name__ == "__main__":
    asyncio.run(work(os.environ["BENCH_ADDRESS"], int(os.environ["BENCH_CONCURRENCY"])))
