"""Steps of a workflow: how one gets its arguments, and which ones begin next."""

# ruff: noqa: ANN401 - values of steps are anything that JSON can say

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from task_abstraction.workflows import WorkflowDefinition, WorkflowStep, layers_of

STEP_HEADER = "x-taskgen-step"
"""Header of a task that is a step: `first` or `next`; its one positional argument is the value of the step before."""
FIRST, NEXT = "first", "next"


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
    given = f"other than {', '.join(kwargs) or 'none'}"  # names alone: values may be private
    what = "an input, and the workflow was given None" if first and previous is None else given
    raise TypeError(f"step takes arguments {what}: its signature is {signature}")


def step_envelope(
    fn: Callable[..., Any], envelope: Mapping[str, Any], headers: Mapping[str, Any] | None
) -> Mapping[str, Any]:
    """The envelope of a task as its function takes it: that of a step is bound here, any other stays as it is.

    Raises:
        TypeError: the function takes the keywords of the step neither with the value before it nor without it.
    """
    position = (headers or {}).get(STEP_HEADER)
    if position is None:
        return envelope
    args, kwargs = bind_step(fn, envelope["args"][0], envelope["kwargs"], first=position == FIRST)
    return {"args": args, "kwargs": kwargs}


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
