"""Workflows as data: sequential and parallel patterns of steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from task_abstraction.errors import ConfigurationError
from task_abstraction.models import Feature


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
