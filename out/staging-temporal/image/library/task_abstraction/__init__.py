"""One task API over Celery, Temporal and Hatchet.

The public names are loaded at their first use, so that `import task_abstraction` costs next to nothing.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from task_abstraction.base import BoundBackend, TaskBackend
    from task_abstraction.config import BackendConfig, get_default_config, load_config_from_env, load_config_from_file
    from task_abstraction.context import TaskContext, current_task
    from task_abstraction.errors import (
        BackendNotConfigured,
        BackendNotInstalled,
        BackendNotSupported,
        BackendUnavailable,
        ConfigurationError,
        PayloadUnreadable,
        ResultTimeout,
        TaskAlreadyRegistered,
        TaskBackendError,
        TaskFailed,
        TaskNotFound,
        TaskNotRegistered,
        UnsupportedFeature,
    )
    from task_abstraction.factory import create_backend, get_backend
    from task_abstraction.models import (
        Call,
        Feature,
        HealthStatus,
        RetryPolicy,
        Support,
        TaskResult,
        TaskStatus,
        WorkflowResult,
    )
    from task_abstraction.registry import get_available_backends, register_backend
    from task_abstraction.tasks import TASK_REGISTRY, Task, TaskHandle, task
    from task_abstraction.workflows import Parallel, Sequential, WorkflowDefinition, WorkflowStep

__version__ = "0.1.0"

_PLACES = {
    "base": ("BoundBackend", "TaskBackend"),
    "config": ("BackendConfig", "get_default_config", "load_config_from_env", "load_config_from_file"),
    "context": ("TaskContext", "current_task"),
    "errors": (
        "BackendNotConfigured",
        "BackendNotInstalled",
        "BackendNotSupported",
        "BackendUnavailable",
        "ConfigurationError",
        "PayloadUnreadable",
        "ResultTimeout",
        "TaskAlreadyRegistered",
        "TaskBackendError",
        "TaskFailed",
        "TaskNotFound",
        "TaskNotRegistered",
        "UnsupportedFeature",
    ),
    "factory": ("create_backend", "get_backend"),
    "models": (
        "Call",
        "Feature",
        "HealthStatus",
        "RetryPolicy",
        "Support",
        "TaskResult",
        "TaskStatus",
        "WorkflowResult",
    ),
    "registry": ("get_available_backends", "register_backend"),
    "tasks": ("TASK_REGISTRY", "Task", "TaskHandle", "task"),
    "workflows": ("Parallel", "Sequential", "WorkflowDefinition", "WorkflowStep"),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "TASK_REGISTRY",
    "BackendConfig",
    "BackendNotConfigured",
    "BackendNotInstalled",
    "BackendNotSupported",
    "BackendUnavailable",
    "BoundBackend",
    "Call",
    "ConfigurationError",
    "Feature",
    "HealthStatus",
    "Parallel",
    "PayloadUnreadable",
    "ResultTimeout",
    "RetryPolicy",
    "Sequential",
    "Support",
    "Task",
    "TaskAlreadyRegistered",
    "TaskBackend",
    "TaskBackendError",
    "TaskContext",
    "TaskFailed",
    "TaskHandle",
    "TaskNotFound",
    "TaskNotRegistered",
    "TaskResult",
    "TaskStatus",
    "UnsupportedFeature",
    "WorkflowDefinition",
    "WorkflowResult",
    "WorkflowStep",
    "create_backend",
    "current_task",
    "get_available_backends",
    "get_backend",
    "get_default_config",
    "load_config_from_env",
    "load_config_from_file",
    "register_backend",
    "task",
]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'task_abstraction' has no attribute '{name}'")
    from importlib import import_module

    # The factory wires tasks to the backend of the process; a task that is imported alone needs it, too.
    if name in _PLACES["tasks"]:
        import_module("task_abstraction.factory")
    found = getattr(import_module(f"task_abstraction.{_MODULE_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
