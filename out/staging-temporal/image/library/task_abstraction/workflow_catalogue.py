"""What one backend knows of workflows: registration, submit, results."""

# ruff: noqa: ANN401 - values of steps are anything that JSON can say

import uuid
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from task_abstraction.catalogue import Catalogue
from task_abstraction.codec import decode_result, encode
from task_abstraction.config import BackendConfig, WorkerPlan
from task_abstraction.errors import ConfigurationError, TaskNotFound, TaskNotRegistered, UnsupportedFeature
from task_abstraction.models import Feature, TaskResult, WorkflowResult
from task_abstraction.runtime.tracing import sending
from task_abstraction.steps import bind_step
from task_abstraction.workflows import WorkflowDefinition, WorkflowStep, features_of, layers_of


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSubmission:
    """One workflow on its way: checked, its input encoded."""

    definition: WorkflowDefinition
    initial: Any
    workflow_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    headers: Mapping[str, str] = field(default_factory=dict)
    """what every step carries: the trace"""


class WorkflowCatalogue(Catalogue):
    """The workflows that one backend knows; a backend that runs them implements `_send_workflow`.

    It returns the id: `submission.workflow_id` unless the engine chooses its own.
    Its `_look` then answers the id of a workflow with a `WorkflowResult`, and its `_cancel` takes that id, too.
    """

    def __init__(self, config: BackendConfig, *, plan: WorkerPlan | None = None) -> None:
        super().__init__(config, plan=plan)
        self._workflows: dict[str, WorkflowDefinition] = {}

    @abstractmethod
    def get_result(self, task_id: str, *, timeout: float | None = None) -> TaskResult[Any]:
        """Return what is known about an id."""

    def _send_workflow(self, submission: WorkflowSubmission) -> str:
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

    def decoded(self, found: WorkflowResult[Any]) -> WorkflowResult[Any]:
        """Rebuild the final value from the return annotations of the last steps, where this process has them."""
        definition = self._workflows.get(found.task_name)
        if definition is None or not found.is_completed:
            return found
        last = layers_of(definition)[-1]
        if not last.parallel:
            return replace(found, result=self._value_of(last.steps[0], found.result))
        values = zip(last.steps, found.result or (), strict=False)
        return replace(found, result=[self._value_of(step, value) for step, value in values])

    def _value_of(self, step: WorkflowStep, value: Any) -> Any:
        known = self.definition(step.task_name)
        return decode_result(None if known is None else known.fn, value)

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
        queue = self.queue_for(layers_of(definition)[0].steps[0].task_name)
        with sending(self.backend_type, queue, name) as trace:
            submission = WorkflowSubmission(definition=definition, initial=initial, headers=trace.headers)
            workflow_id = self._send_workflow(submission)
            trace.sent(workflow_id)
        return workflow_id

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
