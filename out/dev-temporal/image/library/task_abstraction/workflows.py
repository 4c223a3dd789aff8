"""Workflows as data: sequential and parallel patterns of steps, how a step gets its arguments, an interpreter."""

# ruff: noqa: ANN401 - values of steps are anything that JSON can say

import inspect
import uuid
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from task_abstraction.catalogue import Catalogue
from task_abstraction.codec import encode
from task_abstraction.config import BackendConfig, WorkerPlan
from task_abstraction.errors import ConfigurationError, TaskNotFound, TaskNotRegistered, UnsupportedFeature
from task_abstraction.models import Feature, TaskResult, WorkflowResult

STEP_HEADER = "x-taskgen-step"
"""Header of a task that is a step: `first` or `next`; its one positional argument is the value of the step before."""


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """One task of a workflow, with the keywords that it gets beside the value of the step before."""

    task_name: str
    kwargs: Mapping[str, Any] | None = None


StepLike = str | tuple[str, Mapping[str, Any]] | WorkflowStep


def _step(raw: object) -> WorkflowStep:
    match raw:
        case WorkflowStep():
            return raw
        case str() if raw:
            return WorkflowStep(raw)
        case (str() as name, Mapping() as kwargs) if name:
            return WorkflowStep(name, dict(kwargs))
    raise ConfigurationError(
        f"Invalid step format: {raw}\nA step is a task name, (name, keywords) or a WorkflowStep", source="steps"
    )


@dataclass(frozen=True, slots=True)
class Sequential:
    """Steps one after the other; each gets the value of the one before."""

    steps: Sequence[StepLike]

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(_step(step) for step in self.steps))


@dataclass(frozen=True, slots=True)
class Parallel:
    """Steps at the same time; each gets the same value, and the value of all is the list of theirs, in order."""

    steps: Sequence[StepLike]

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(_step(step) for step in self.steps))


@dataclass(frozen=True, slots=True)
class WorkflowDefinition:
    """A named sequence of sequential and parallel patterns."""

    name: str
    patterns: Sequence[Sequential | Parallel]
    description: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "patterns", tuple(self.patterns))
        given: Sequence[object] = self.patterns
        unknown = [type(pattern).__name__ for pattern in given if not isinstance(pattern, (Sequential, Parallel))]
        if unknown:
            raise ConfigurationError(
                f"Unknown pattern type: {unknown[0]}\nUse Sequential([...]) or Parallel([...])",
                source="patterns",
            )
        if not self.patterns or not all(pattern.steps for pattern in self.patterns):
            raise ConfigurationError(f"Workflow '{self.name}' has a pattern without steps. Add one", source="patterns")

    @property
    def steps(self) -> Sequence[WorkflowStep]:
        """Every step, in order."""
        return tuple(step for layer in layers_of(self) for step in layer.steps)

    @classmethod
    def sequential(
        cls, steps: Sequence[StepLike], name: str = "sequential_workflow", description: str | None = None
    ) -> "WorkflowDefinition":
        """Make a workflow of steps one after the other."""
        return cls(name, (Sequential(steps),), description)

    @classmethod
    def parallel(
        cls, steps: Sequence[StepLike], name: str = "parallel_workflow", description: str | None = None
    ) -> "WorkflowDefinition":
        """Make a workflow of steps at the same time."""
        return cls(name, (Parallel(steps),), description)

    @classmethod
    def mixed(cls, patterns: Sequence[Sequential | Parallel], name: str = "mixed_workflow") -> "WorkflowDefinition":
        """Make a workflow of several patterns, one after the other."""
        return cls(name, patterns)

    @classmethod
    def from_step_list(
        cls, name: str, steps: Sequence[StepLike], description: str | None = None
    ) -> "WorkflowDefinition":
        """Make a sequential workflow, its name first."""
        return cls(name, (Sequential(steps),), description)


@dataclass(frozen=True, slots=True)
class Layer:
    """Steps that begin together; the value of a parallel layer is a list, also where it has one step."""

    steps: tuple[WorkflowStep, ...]
    parallel: bool


def layers_of(definition: WorkflowDefinition) -> tuple[Layer, ...]:
    """The layers of a workflow, in order: each sequential step is one, each parallel pattern is one."""
    found: list[Layer] = []
    for pattern in definition.patterns:
        steps = tuple(_step(step) for step in pattern.steps)
        if isinstance(pattern, Parallel):
            found.append(Layer(steps, parallel=True))
        else:
            found.extend(Layer((step,), parallel=False) for step in steps)
    return tuple(found)


def features_of(definition: WorkflowDefinition) -> list[Feature]:
    """What a workflow asks of a backend: a chain, a group, and a chord where something follows a group."""
    parallel = [layer.parallel for layer in layers_of(definition)]
    asked = {
        Feature.CHAIN: len(parallel) > 1 or not parallel[0],
        Feature.GROUP: any(parallel),
        Feature.CHORD: any(parallel[:-1]),
    }
    return [feature for feature, wanted in asked.items() if wanted]


def bind_step(
    fn: Callable[..., Any], previous: Any, kwargs: Mapping[str, Any], *, first: bool = False
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments of a step: the value before it as first positional argument where the function takes one more.

    The initial input of a workflow is dropped where it is None.

    Raises:
        TypeError: the function takes the keywords neither with that value nor without it.
    """
    signature = inspect.signature(fn)
    choices: list[tuple[Any, ...]] = [()] if first and previous is None else [(previous,), ()]
    for args in choices:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            continue
        return args, dict(kwargs)
    what = "an input, and the workflow was given None" if first and previous is None else f"other than {dict(kwargs)}"
    raise TypeError(f"step takes arguments {what}: its signature is {signature}")


@dataclass(frozen=True, slots=True)
class StepCall:
    """A step that can begin: its number in the workflow and the value that it gets."""

    index: int
    step: WorkflowStep
    previous: Any
    first: bool


class Interpreter:
    """Tells which steps begin next; whoever drives it runs them, in this process or elsewhere."""

    def __init__(self, definition: WorkflowDefinition, initial: Any) -> None:
        self.total_steps = len(definition.steps)
        self.steps_completed = 0
        self.value = initial
        self._layers = layers_of(definition)
        self._layer = -1
        self._first_index = 0
        self._values: dict[int, Any] = {}

    @property
    def is_complete(self) -> bool:
        """Whether the last step has ended; `value` is then the value of the workflow."""
        return self.steps_completed == self.total_steps

    def start(self) -> list[StepCall]:
        """Steps of the first layer."""
        return self._next_layer()

    def completed(self, index: int, value: Any) -> list[StepCall]:
        """Take the value of a step and return the steps that can begin now."""
        self._values[index] = value
        self.steps_completed += 1
        layer = self._layers[self._layer]
        if len(self._values) < len(layer.steps):
            return []
        ordered = [self._values[number] for number in sorted(self._values)]
        self.value = ordered if layer.parallel else ordered[0]
        self._first_index += len(ordered)
        return [] if self.is_complete else self._next_layer()

    def _next_layer(self) -> list[StepCall]:
        self._layer += 1
        self._values = {}
        steps = self._layers[self._layer].steps
        return [
            StepCall(self._first_index + number, step, self.value, self._layer == 0)
            for number, step in enumerate(steps)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSubmission:
    """One workflow on its way: checked, its input encoded."""

    definition: WorkflowDefinition
    initial: Any
    workflow_id: str = field(default_factory=lambda: str(uuid.uuid4()))


class WorkflowCatalogue(Catalogue):
    """The workflows that one backend knows; a backend that runs them implements `_send_workflow`.

    Its `_look` then answers the id of a workflow with a `WorkflowResult`, and its `_cancel` takes that id, too.
    """

    def __init__(self, config: BackendConfig, *, plan: WorkerPlan | None = None) -> None:
        super().__init__(config, plan=plan)
        self._workflows: dict[str, WorkflowDefinition] = {}

    @abstractmethod
    def get_result(self, task_id: str, *, timeout: float | None = None) -> TaskResult[Any]:
        """Return what is known about an id."""

    def _send_workflow(self, submission: WorkflowSubmission) -> None:
        raise UnsupportedFeature(
            self.backend_type,
            Feature.CHAIN,
            submission.definition.name,
            reason="not implemented yet",
            hint="Submit the steps one by one",
        )

    def register_workflow(self, definition: WorkflowDefinition) -> None:
        """Make a workflow known by its name.

        Raises:
            TaskNotRegistered: a step names an unknown task.
            UnsupportedFeature: the backend cannot run such a workflow.
            ConfigurationError: the name has other steps already, or a step cannot take its keywords.
            TypeError: the keywords of a step cannot be sent.
        """
        for feature in features_of(definition):
            self.require(feature, definition.name)
        for step in definition.steps:
            if not self.is_known(step.task_name):
                raise TaskNotRegistered.step(step.task_name, definition.name)
            encode(step.kwargs or {})
            self._check_binding(definition.name, step)
        if self._workflows.setdefault(definition.name, definition) != definition:
            raise ConfigurationError(
                f"Workflow '{definition.name}' is already registered with other steps. Give one of them another name",
                source="name",
            )

    def _check_binding(self, workflow: str, step: WorkflowStep) -> None:
        known = self.definition(step.task_name)
        if known is None:
            return  # the worker that has the function applies the rule
        try:
            bind_step(known.fn, object(), step.kwargs or {})
        except TypeError as error:
            raise ConfigurationError(
                f"Workflow '{workflow}', task '{step.task_name}': {error}", source="steps"
            ) from None

    def submit_workflow(self, name: str, initial_input: Any = None) -> str:
        """Submit a workflow by name and return its id.

        Raises:
            TaskNotRegistered: nobody registered the name.
            TypeError: the input cannot be sent, or a first step needs one.
        """
        definition = self._workflows.get(name)
        if definition is None:
            raise TaskNotRegistered.workflow(name)
        initial = encode(initial_input)
        for step in layers_of(definition)[0].steps:
            known = self.definition(step.task_name)
            if known is not None:
                bind_step(known.fn, initial, step.kwargs or {}, first=True)
        submission = WorkflowSubmission(definition=definition, initial=initial)
        self._send_workflow(submission)
        return submission.workflow_id

    def get_workflow_result(self, workflow_id: str, *, timeout: float | None = None) -> WorkflowResult[Any]:
        """Return what is known about a workflow; with `timeout` (seconds) wait for its end.

        Raises:
            TaskNotFound: no workflow has this id.
            ResultTimeout: the wait ran out; the workflow goes on.
        """
        found = self.get_result(workflow_id, timeout=timeout)
        if not isinstance(found, WorkflowResult):
            raise TaskNotFound(workflow_id)
        return found
