"""Where a worker may run, and what it may not promise."""

import asyncio
import inspect
import multiprocessing
import threading

from task_abstraction.errors import ConfigurationError
from task_abstraction.worker_job import WorkerJob


def check_place() -> None:
    """Refuse to run where the SDK's worker cannot.

    Raises:
        ConfigurationError: in a thread, inside a running loop, or in the listener that imports the main module anew.
    """
    if getattr(multiprocessing.process.current_process(), "_inheriting", False):
        raise ConfigurationError(
            "the worker was started while the main module was imported by its listener process. "
            'Put the start below `if __name__ == "__main__":`',
            source="__main__",
        )
    if threading.current_thread() is not threading.main_thread():
        raise ConfigurationError("a Hatchet worker runs in the main thread only. Start it there", source="run_worker")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ConfigurationError("a Hatchet worker needs its own event loop. Start it outside of one", source="run_worker")


def refuse_cut(job: WorkerJob) -> None:
    """Refuse to cut synchronous tasks: they run to their end, their result is thrown away, and they run again.

    Raises:
        ConfigurationError: the tier says cut, and a task of its queues is synchronous.
    """
    if job.tier.shutdown != "cut":
        return
    sync = [name for name in job.queues_of_tasks if not inspect.iscoroutinefunction(job.tasks[name].fn)]
    if sync:
        raise ConfigurationError(
            f"tier '{job.tier.name}': Hatchet cannot cut the synchronous task '{sync[0]}'. "
            "Write shutdown.mode: drain, or make it a coroutine",
            source="shutdown.mode",
        )
