"""Tasks as application code sees them: the decorator, the typed task, the handle, the registry of this process."""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, ParamSpec, TypeVar, overload

from task_abstraction.codec import signature_of
from task_abstraction.errors import ConfigurationError, TaskAlreadyRegistered
from task_abstraction.models import Call, RetryPolicy, SubmitOptions, TaskResult, TaskStatus
from task_abstraction.submitter import Submitter, current_backend

# ruff: noqa: ANN401 - bodies behind overloads: the overloads carry the types

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_.")


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDefinition:
    """What a registration says about one task."""

    name: str
    fn: Callable[..., Any]
    queue: str | None = None
    retry: RetryPolicy | None = None
    timeout: timedelta | None = None
    priority: int | None = None

    def check_call(self, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        """Refuse arguments that the function does not take.

        Raises:
            TypeError: the call does not fit the signature.
        """
        try:
            signature_of(self.fn).bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"task '{self.name}': {error}") from None


@dataclass(frozen=True, slots=True)
class TaskHandle(Generic[R_co]):
    """A submitted task."""

    id: str
    backend: Submitter
    name: str

    def result(self) -> TaskResult[R_co]:
        """Return what is known now, without waiting."""
        return self.backend.get_result(self.id)

    def status(self) -> TaskStatus:
        """Return where the task stands now."""
        return self.result().status

    def progress(self) -> Any:
        """Return what the running task has last reported by `current_task().progress(...)`."""
        return self.result().progress

    def wait(self, timeout: float | None = None) -> R_co:
        """Wait up to `timeout` seconds (None: without limit) and return the result.

        Raises:
            ResultTimeout: the time ran out; the task goes on.
            TaskFailed: the task failed or was cancelled.
        """
        value: R_co = self.backend.value_of(self.id, self.name, timeout=float("inf") if timeout is None else timeout)
        return value

    def cancel(self) -> None:
        """Cancel the task."""
        self.backend.cancel(self.id)

    async def aresult(self) -> TaskResult[R_co]:
        """Return what is known now, from a running loop."""
        return await self.backend.aget_result(self.id)

    async def astatus(self) -> TaskStatus:
        """Return where the task stands now, from a running loop."""
        return (await self.aresult()).status

    async def await_result(self, timeout: float | None = None) -> R_co:  # noqa: ASYNC109 - the twin of `wait`
        """Wait like `wait`, from a running loop."""
        seconds = float("inf") if timeout is None else timeout
        value: R_co = await self.backend.avalue_of(self.id, self.name, timeout=seconds)
        return value

    async def acancel(self) -> None:
        """Cancel the task, from a running loop."""
        await self.backend.acancel(self.id)


class Task(Generic[P, R_co]):
    """A function that can be submitted; calling it runs it here, unqueued."""

    def __init__(self, definition: TaskDefinition, options: SubmitOptions | None = None) -> None:
        self.definition = definition
        self.options = options or SubmitOptions()
        self.__name__: str = definition.fn.__name__
        self.__doc__ = definition.fn.__doc__
        self.__wrapped__ = definition.fn

    def __repr__(self) -> str:
        return f"Task({self.name!r})"

    @property
    def name(self) -> str:
        """The registered name."""
        return self.definition.name

    @property
    def queue(self) -> str | None:
        """The queue of the declaration."""
        return self.definition.queue

    @property
    def retry(self) -> RetryPolicy:
        """The retry policy; one attempt where none is declared."""
        return self.definition.retry or RetryPolicy()

    @property
    def timeout(self) -> timedelta | None:
        """The time limit of one attempt."""
        return self.definition.timeout

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run the function here, unqueued."""
        result: R_co = self.definition.fn(*args, **kwargs)
        return result

    def using(
        self,
        *,
        queue: str | None = None,
        delay: timedelta | None = None,
        eta: datetime | None = None,
        priority: int | None = None,
        idempotency_key: str | None = None,
        expires: timedelta | None = None,
    ) -> "Task[P, R_co]":
        """Return the same task with other submit options; options that are not given keep their value."""
        given = {
            "queue": queue,
            "delay": delay,
            "eta": eta,
            "priority": priority,
            "idempotency_key": idempotency_key,
            "expires": expires,
        }
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        options = replace(self.options, **changes)
        current_backend().check_options(self.name, options)
        return Task(self.definition, options)

    @overload
    def submit(self: "Task[P, Coroutine[Any, Any, T]]", *args: P.args, **kwargs: P.kwargs) -> TaskHandle[T]: ...
    @overload
    def submit(self: "Task[P, R_co]", *args: P.args, **kwargs: P.kwargs) -> TaskHandle[R_co]: ...
    def submit(self, *args: Any, **kwargs: Any) -> Any:
        """Submit the task and return its handle."""
        backend = current_backend()
        return TaskHandle(backend.submit_call(self.name, Call(args, kwargs), self.options), backend, self.name)

    @overload
    async def asubmit(self: "Task[P, Coroutine[Any, Any, T]]", *args: P.args, **kwargs: P.kwargs) -> TaskHandle[T]: ...
    @overload
    async def asubmit(self: "Task[P, R_co]", *args: P.args, **kwargs: P.kwargs) -> TaskHandle[R_co]: ...
    async def asubmit(self, *args: Any, **kwargs: Any) -> Any:
        """Submit the task from a running loop and return its handle."""
        backend = current_backend()
        return TaskHandle(await backend.asubmit_call(self.name, Call(args, kwargs), self.options), backend, self.name)

    def map(self, calls: Iterable[Call]) -> list[TaskHandle[R_co]]:
        """Submit one task for each call."""
        backend = current_backend()
        return [TaskHandle(backend.submit_call(self.name, call, self.options), backend, self.name) for call in calls]


class _Registry(Sequence[Task[..., Any]]):
    """Tasks of the module-level decorator, in the order of their definition."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task[..., Any]] = {}

    def add(self, task: Task[..., Any]) -> None:
        known = self._tasks.get(task.name)
        if known is not None and not same_function(known.definition.fn, task.definition.fn):
            raise TaskAlreadyRegistered(task.name)
        self._tasks[task.name] = task

    def find(self, name: str) -> TaskDefinition | None:
        found = self._tasks.get(name)
        return None if found is None else found.definition

    def discard(self, name: str) -> None:
        self._tasks.pop(name, None)

    def __iter__(self) -> Iterator[Task[..., Any]]:
        return iter(list(self._tasks.values()))

    def __len__(self) -> int:
        return len(self._tasks)

    def __getitem__(self, index: Any) -> Any:
        return list(self._tasks.values())[index]


TASK_REGISTRY = _Registry()


def same_function(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Whether two objects are one function of the source: a module that is imported twice defines it twice."""
    same_place = (one.__module__, one.__qualname__) == (other.__module__, other.__qualname__)
    return one is other or (same_place and "<locals>" not in one.__qualname__)


def define(fn: Callable[..., Any], name: str | None, **options: Any) -> TaskDefinition:
    """Build a definition from a function; a `Task` gives its own.

    Raises:
        ConfigurationError: the name has characters that not every backend can carry.
    """
    if isinstance(fn, Task):
        return replace(fn.definition, **{k: v for k, v in {"name": name, **options}.items() if v is not None})
    chosen = name or fn.__name__
    if not chosen or not _NAME_CHARACTERS.issuperset(chosen):
        raise ConfigurationError(
            f"task name '{chosen}': use a-z, 0-9, '_' and '.', or give another name=", source="name"
        )
    return TaskDefinition(name=chosen, fn=fn, **options)


@overload
def task(fn: Callable[P, R_co], /) -> Task[P, R_co]: ...
@overload
def task(
    *,
    name: str | None = None,
    queue: str | None = None,
    retry: RetryPolicy | None = None,
    timeout: timedelta | None = None,
    priority: int | None = None,
) -> Callable[[Callable[P, R_co]], Task[P, R_co]]: ...
def task(fn: Any = None, /, *, name: str | None = None, **options: Any) -> Any:
    """Make a task of a function, bare or with options, and add it to `TASK_REGISTRY`."""

    def decorate(function: Callable[..., Any]) -> Task[..., Any]:
        made: Task[..., Any] = Task(define(function, name, **options))
        TASK_REGISTRY.add(made)
        return made

    return decorate if fn is None else decorate(fn)
