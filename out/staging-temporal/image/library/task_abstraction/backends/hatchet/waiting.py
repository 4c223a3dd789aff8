"""Waiting for the end of a run: the engine's stream tells it, and a look now and then makes sure.

The stream alone is not enough: it also tells of a failed attempt that another one follows (engine v0.104.7), it says
nothing for up to a second about a run that ended before it was asked, and it may break.
"""

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from task_abstraction.backends.hatchet import ids, results
from task_abstraction.backends.hatchet.clients import Clients
from task_abstraction.backends.hatchet.lookup import DELAYED_PAUSE_S, Lookup
from task_abstraction.errors import ResultTimeout
from task_abstraction.models import TaskResult

if TYPE_CHECKING:
    from task_abstraction.backends.hatchet.engine import Finished

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
LISTEN_AGAIN_S = 1.0
"""Pause from which a stream is opened again, after it told of a failure that was not the end."""


class Waiting:
    """One wait; only on the loop of the process."""

    def __init__(
        self, clients: Clients, lookup: Lookup, task_id: str, timeout_s: float, *, value_only: bool = False
    ) -> None:
        self._value_only = value_only
        self._clients = clients
        self._lookup = lookup
        self._task_id = task_id
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise ResultTimeout(self._task_id, self._timeout_s)
        return left

    async def end(self) -> TaskResult[Any]:
        """Wait for the end.

        Raises:
            TaskNotFound: the engine has never seen the id.
            ResultTimeout: the time ran out.
        """
        if not self._lookup.is_own(self._task_id):
            found = await asyncio.to_thread(self._lookup.look, self._task_id)
            if found.is_finished:
                return found
        return await self._listen(await self._begun())

    async def _begun(self) -> str:
        """Id of the run, once there is one."""
        if ids.due_at(ids.parse_id(self._task_id)) is None:
            return self._task_id
        while True:
            run_id = await asyncio.to_thread(self._lookup.run_id, self._task_id)
            if run_id is not None:
                return run_id
            await asyncio.sleep(min(self._left(), DELAYED_PAUSE_S))

    async def _listen(self, run_id: str) -> TaskResult[Any]:
        engine = self._clients.engine
        stream: asyncio.Task[Finished | None] | None = None
        pause, listen = FIRST_PAUSE_S, True
        try:
            while True:
                if stream is None and listen:
                    stream = asyncio.create_task(engine.finished(run_id))
                told = await self._told(stream, min(pause, self._left()))
                if told is not None and told.output and not told.error:
                    return await self._completed(run_id, told)
                if stream is not None and stream.done():
                    stream, pause = None, FIRST_PAUSE_S
                run = await asyncio.to_thread(self._lookup.read, run_id)
                if run is not None and results.is_finished(run):
                    found = await asyncio.to_thread(self._lookup.result, self._task_id, run)
                    if found.is_finished:
                        return found
                pause = min(2 * pause, LONGEST_PAUSE_S)
                listen = pause > LISTEN_AGAIN_S
        finally:
            if stream is not None:
                stream.cancel()

    async def _told(self, stream: "asyncio.Task[Finished | None] | None", pause: float) -> "Finished | None":
        if stream is None:
            await asyncio.sleep(pause)
            return None
        done, _ = await asyncio.wait({stream}, timeout=pause)
        return stream.result() if done else None

    async def _completed(self, run_id: str, told: "Finished") -> TaskResult[Any]:
        """The result that the stream told, with the times that are filed by now unless nobody asks for them."""
        read = None if self._value_only else await asyncio.to_thread(self._lookup.read, run_id)
        filed = read or {}
        if not results.is_finished(filed):
            now = datetime.now(UTC).isoformat()
            filed = {"actionId": told.task, **filed, "status": "COMPLETED", "finishedAt": now}
        run = {**filed, "output": json.loads(told.output)}
        return await asyncio.to_thread(self._lookup.result, self._task_id, run)
