"""Errors of the library; each has a built-in base, so that `except ValueError` of existing callers keeps working."""

# ruff: noqa: N818 - the names are a promise to earlier users

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from task_abstraction.models import TaskResult

REQUIREMENTS = {
    "celery": "celery[redis]>=5.7,<5.8",
    "temporal": "temporalio>=1.35,<2",
    "hatchet": "hatchet-sdk>=1.43,<2",
}
"""What an install line says: the SDK, with the bounds of its extra. The library itself is on no package registry, where
its name may be somebody else's."""


def _rebuild(cls: type["TaskBackendError"], args: tuple[object, ...], state: dict[str, Any]) -> "TaskBackendError":
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class TaskBackendError(Exception):
    """Base of everything that the library raises on purpose; never raised itself."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the fields when a pool hands the error from a child process to its parent."""
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class ConfigurationError(TaskBackendError, ValueError):
    """A setting is missing or has no meaning."""

    def __init__(self, message: str, *, source: str | None = None) -> None:
        self.source = source
        super().__init__(message)


class BackendNotConfigured(ConfigurationError):
    """No backend was named."""

    def __init__(self) -> None:
        self.backend_type: str | None = None
        super().__init__(
            "TASK_BACKEND_TYPE environment variable must be set. Example: TASK_BACKEND_TYPE=celery",
            source="TASK_BACKEND_TYPE",
        )


class BackendNotSupported(ConfigurationError):
    """The name belongs to no backend."""

    def __init__(self, backend_type: str, available: list[str]) -> None:
        self.backend_type = backend_type
        names = ", ".join(available)
        super().__init__(f"Backend type '{backend_type}' not supported. Available backends: {names}")


class BackendNotInstalled(TaskBackendError, ImportError):
    """The SDK of a backend is absent."""

    def __init__(self, backend_type: str, reason: object) -> None:
        self.backend_type = backend_type
        self.extra = backend_type
        requirement = REQUIREMENTS.get(backend_type)
        remedy = f" Install with: pip install '{requirement}'" if requirement else ""
        super().__init__(
            f"Failed to create {backend_type} backend: {reason}. "
            f"Install required dependencies for {backend_type} backend.\n"
            f"Backend '{backend_type}' not available.{remedy}",
        )


class DependencyNotInstalled(BackendNotInstalled):
    """An optional package is absent that no backend owns, for example PyYAML."""

    def __init__(self, package: str, install: str) -> None:
        self.backend_type = ""
        self.extra = install
        ImportError.__init__(self, f"{package} is not installed. Install with: pip install {install}")


class TaskNotRegistered(TaskBackendError, ValueError, LookupError):
    """A submit or a workflow names a task that nobody registered."""

    def __init__(self, message: str, *, task_name: str | None = None, workflow_name: str | None = None) -> None:
        self.task_name = task_name
        self.workflow_name = workflow_name
        super().__init__(message)

    @classmethod
    def task(cls, name: str) -> Self:
        """Error of a submit: the remedy names the three ways to make a name known."""
        return cls(
            f"Task '{name}' not registered\n"
            f'Import its module (TASK_MODULES), route it in the profile, or call backend.declare("{name}").',
            task_name=name,
        )

    @classmethod
    def workflow(cls, name: str) -> Self:
        """Error of a workflow submit."""
        return cls(f"Workflow '{name}' not registered", workflow_name=name)

    @classmethod
    def step(cls, task_name: str, workflow_name: str) -> Self:
        """Error of a workflow registration."""
        return cls(
            f"Task '{task_name}' not registered in workflow '{workflow_name}'",
            task_name=task_name,
            workflow_name=workflow_name,
        )


class TaskAlreadyRegistered(TaskBackendError, ValueError):
    """One name, two functions."""

    def __init__(self, task_name: str) -> None:
        self.task_name = task_name
        super().__init__(f"Task '{task_name}' is already registered with another function. Give one of them a name=")


class TaskNotFound(TaskBackendError, LookupError):
    """The backend has never seen the id, or has forgotten it."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        super().__init__(f"Task id '{task_id}' is unknown. It was never submitted here, or its result has expired")


class UnsupportedFeature(TaskBackendError, NotImplementedError):
    """A backend cannot honour what was asked; raised early, never dropped in silence."""

    def __init__(self, backend_type: str, feature: str, task_name: str, *, reason: str, hint: str) -> None:
        self.backend_type = backend_type
        self.feature = feature
        self.task_name = task_name
        self.hint = hint
        name = backend_type.capitalize()
        super().__init__(f"{name} cannot honour '{feature}' on task '{task_name}' ({reason}). {hint}.")


class ResultTimeout(TaskBackendError, TimeoutError):
    """A wait ran out; the task itself goes on."""

    def __init__(self, task_id: str, timeout: float) -> None:
        self.task_id = task_id
        self.timeout = timeout
        super().__init__(f"Task id '{task_id}' has no result after {timeout:g} s. It goes on: ask again later")


class TaskFailed(TaskBackendError):
    """`unwrap` or `wait` met a task that failed or was cancelled."""

    def __init__(self, result: "TaskResult[Any]") -> None:
        self.result = result
        kind = "Workflow" if hasattr(result, "workflow_id") else "Task"
        super().__init__(f"{kind} {result.task_name} failed: {result.error or result.status}")


class PayloadUnreadable(TaskBackendError, ValueError):
    """Arguments, a result or an error text cannot be decrypted here, or is plain where all has to be encrypted."""

    def __init__(self, reason: str, *, what: str = "the payload cannot be read") -> None:
        self.reason = reason
        super().__init__(f"{what}: {reason}")


class BackendUnavailable(TaskBackendError, ConnectionError):
    """The broker, engine or result store cannot be reached."""

    def __init__(self, backend_type: str, address: str, reason: str = "cannot be reached") -> None:
        self.backend_type = backend_type
        self.address = address
        super().__init__(f"{backend_type} at {address}: {reason}. Check the address and that the server is running")


class DeadLettersBusy(TaskBackendError):
    """Somebody else reads the dead letters of a queue, which hides them."""

    def __init__(self, queue: str, waited_s: float) -> None:
        self.queue = queue
        super().__init__(
            f"The dead letters of '{queue}' are in use: another reader has held them for {waited_s:g} s. "
            "Run the command again when the other list, replay or purge has ended"
        )
