"""Backends for tests that need no server; all of them send arguments and results through JSON, as production does.

The names are loaded at their first use: the pytest plugin lies in this package, and every test run loads it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from task_abstraction.testing.clock import VirtualClock
    from task_abstraction.testing.immediate import ImmediateBackend
    from task_abstraction.testing.memory import MemoryBackend
    from task_abstraction.testing.recording import RecordedCall, RecordingBackend

_MODULE_OF = {
    "ImmediateBackend": "immediate",
    "MemoryBackend": "memory",
    "RecordedCall": "recording",
    "RecordingBackend": "recording",
    "VirtualClock": "clock",
}

__all__ = ["ImmediateBackend", "MemoryBackend", "RecordedCall", "RecordingBackend", "VirtualClock"]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'task_abstraction.testing' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"task_abstraction.testing.{_MODULE_OF[name]}"), name)
