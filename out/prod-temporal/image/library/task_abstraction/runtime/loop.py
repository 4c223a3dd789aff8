"""One event loop on one background thread for each process: synchronous calls drive async SDKs and async bodies."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """The loop; made on first use, and made anew in a forked child, where the thread does not exist."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def generation(self) -> int | None:
        """Process id of the loop: an SDK client that was made under another one has to be made anew."""
        return self._pid

    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop of this process."""
        if self._pid not in {None, os.getpid()}:
            # A lock that another thread held at the moment of the fork would stay locked in the child.
            self._lock = threading.Lock()
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._start()
            assert self._loop is not None  # noqa: S101 - _start sets it
            return self._loop

    def _start(self) -> None:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="task-loop", daemon=True)
        thread.start()
        self._loop, self._thread, self._pid = loop, thread, os.getpid()

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the loop and wait for it; it is cancelled when `timeout` seconds ran out.

        Raises:
            TimeoutError: the time ran out.
            RuntimeError: called on the loop itself, where waiting would never end.
        """
        loop = self.loop()
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError(
                "a synchronous call on the library's own loop: use its async twin (asubmit, aget_result)"
            )
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result(timeout)
        except FutureTimeout:
            if not future.done():
                future.cancel()
                raise TimeoutError(f"no answer within {timeout} s") from None
            raise

    def close(self) -> None:
        """Cancel what runs, stop the loop and join its thread; a later `run` starts a new one."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None or self._pid != os.getpid():
            return
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        self._loop = self._thread = self._pid = None


async def _cancel_all() -> None:
    mine = asyncio.current_task()
    others = [task for task in asyncio.all_tasks() if task is not mine]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


PROCESS_LOOP = LoopThread()
"""The loop of this process; backends and async task bodies share it."""
