"""Where a worker may run."""

import asyncio
import multiprocessing
import threading

from task_abstraction.errors import ConfigurationError


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
