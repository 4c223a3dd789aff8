"""What one backend knows of tasks: registrations, declared names, queues, policies, capabilities."""

import logging
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any, ClassVar, TypeVar, overload

from task_abstraction.capabilities import CAPABILITIES, Capability, capability
from task_abstraction.config import BackendConfig, WorkerPlan, load_plan, read_setting
from task_abstraction.config.settings import DEFAULT_QUEUE
from task_abstraction.discovery import import_tasks
from task_abstraction.encryption import Sealer, sealer_of
from task_abstraction.errors import ConfigurationError, TaskAlreadyRegistered, UnsupportedFeature
from task_abstraction.models import Feature, RetryPolicy, SubmitOptions, Support
from task_abstraction.policy import TaskPolicy, effective_policy
from task_abstraction.tasks import TASK_REGISTRY, TaskDefinition, define, same_function

F = TypeVar("F", bound=Callable[..., Any])
log = logging.getLogger("task_abstraction")


class Catalogue(ABC):
    """The half of a backend that needs no connection."""

    backend_type: ClassVar[str]
    capabilities: ClassVar[Sequence[Capability]] = CAPABILITIES
    """What the backend can do: the shipped table, or the own records of a backend from elsewhere."""

    def __init__(self, config: BackendConfig, *, plan: WorkerPlan | None = None) -> None:
        self.config = config
        self.plan = load_plan() if plan is None else plan
        self._definitions: dict[str, TaskDefinition] = {}
        self._declared: dict[str, str | None] = {}
        self._warned: set[tuple[str, Feature]] = set()
        self._policies: dict[tuple[str, str], tuple[TaskDefinition | None, TaskPolicy]] = {}
        self._imported = False

    @cached_property
    def sealer(self) -> Sealer:
        """What encrypts the payloads of this backend.

        Raises:
            ConfigurationError: the keys are none, or cannot be read.
            UnsupportedFeature: there are keys, and this backend cannot encrypt.
        """
        found = sealer_of(self.config)
        # Without the facts: Celery's look at its application, which is made with the sealer.
        record = capability(self.backend_type, Feature.ENCRYPTION, {}, self.capabilities)
        if found.seals and (record is None or record.support is Support.REFUSED):
            # Also with TASK_UNSUPPORTED=warn: what has a key never leaves in clear.
            raise self._refusal(Feature.ENCRYPTION, "*", record)
        return found

    def facts(self) -> Mapping[str, object]:
        """What the conditions of the capability table look at: broker, quorum, pool, server."""
        return {}

    @overload
    def register_task(self, fn: F, name: str | None = None) -> F: ...
    @overload
    def register_task(
        self,
        fn: None = None,
        name: str | None = None,
        *,
        queue: str | None = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | None = None,
    ) -> Callable[[F], F]: ...
    def register_task(self, fn: Any = None, name: str | None = None, **options: Any) -> Any:
        """Register a function: bare, as a factory with options, or as a call. The function comes back unchanged.

        Raises:
            TaskAlreadyRegistered: the name belongs to another function.
            UnsupportedFeature: the backend cannot honour an option.
        """

        def register(function: F) -> F:
            self._register(define(function, name, **options))
            return function

        return register if fn is None else register(fn)

    def _register(self, definition: TaskDefinition) -> None:
        known = self.definition(definition.name)
        if known is not None and not same_function(known.fn, definition.fn):
            raise TaskAlreadyRegistered(definition.name)
        self.check_definition(definition)
        self._definitions[definition.name] = definition

    def check_definition(self, definition: TaskDefinition) -> None:
        """Refuse a declaration that this backend cannot honour."""
        asked = {
            Feature.TIME_LIMIT: definition.timeout is not None,
            Feature.RETRY: definition.retry is not None and definition.retry.max_attempts > 1,
            Feature.NON_RETRYABLE: definition.retry is not None and bool(definition.retry.non_retryable),
            Feature.PRIORITY: definition.priority is not None,
        }
        for feature, wanted in asked.items():
            if wanted:
                self.require(feature, definition.name)

    def declare(self, name: str, *, queue: str | None = None) -> None:
        """Make a name known whose function is not importable here."""
        self._declared[name] = queue

    def definition(self, name: str) -> TaskDefinition | None:
        """The definition of a task, if this process has its function."""
        return self._definitions.get(name) or TASK_REGISTRY.find(name)

    def definitions(self) -> dict[str, TaskDefinition]:
        """Every task whose function this process has, by name."""
        shared = {task.name: task.definition for task in TASK_REGISTRY}
        return dict(sorted({**shared, **self._definitions}.items()))

    def is_known(self, name: str) -> bool:
        """Whether a submit of this name is allowed: function, declaration, rendered route, or task of TASK_MODULES."""
        if self.definition(name) is not None or name in self._declared or self.plan.knows(name):
            return True
        return self._import_once() and self.definition(name) is not None

    def _import_once(self) -> bool:
        # A producer that has imported nothing itself; the modules need not be importable where it runs.
        if self._imported:
            return False
        self._imported = True
        try:
            import_tasks(read_setting("modules") or self.plan.modules)
        except ConfigurationError as error:
            log.warning("names of TASK_MODULES are not known here: %s", error)
        return True

    def capability_of(self, feature: Feature) -> Capability | None:
        """The record that says how this backend, with this broker and pool, gives a feature; None: nobody said."""
        return capability(self.backend_type, feature, self.facts(), self.capabilities)

    def supports(self, feature: Feature) -> Support:
        """How this backend, with this broker and pool, gives a feature."""
        record = self.capability_of(feature)
        return Support.REFUSED if record is None else record.support

    def require(self, feature: Feature, task_name: str) -> None:
        """Refuse what this backend cannot give; with TASK_UNSUPPORTED=warn say it once and go on.

        Raises:
            UnsupportedFeature: the capability table says refused.
        """
        record = self.capability_of(feature)
        if record is not None and record.support is not Support.REFUSED:
            return
        error = self._refusal(feature, task_name, record)
        if read_setting("unsupported") != "warn":
            raise error
        if (task_name, feature) not in self._warned:
            self._warned.add((task_name, feature))
            log.warning("%s", error)

    def _refusal(self, feature: Feature, task_name: str, record: Capability | None) -> UnsupportedFeature:
        reason = record.mechanism if record else "the backend does not declare it"
        hint = record.hint if record else "Use another backend"
        return UnsupportedFeature(self.backend_type, feature, task_name, reason=reason, hint=hint)

    def check_options(self, name: str, options: SubmitOptions) -> None:
        """Refuse submit options that this backend cannot honour."""
        for feature in options.features():
            self.require(feature, name)

    def queue_for(self, name: str, override: str | None = None) -> str:
        """Queue of a task: override > declaration > rendered route > TASK_DEFAULT_QUEUE > first of TASK_QUEUES."""
        definition = self.definition(name)
        declared = definition.queue if definition is not None else None
        return (
            override
            or declared
            or self._declared.get(name)
            or self.plan.route_of(name)
            or read_setting("default_queue")
            or self.plan.default_queue
            or next(iter(read_setting("queues")), None)
            or DEFAULT_QUEUE
        )

    def policy_for(self, name: str, queue: str | None = None) -> TaskPolicy:
        """The effective policy of a task, in the tier that serves its queue."""
        place, definition = (name, queue or self.queue_for(name)), self.definition(name)
        kept = self._policies.get(place)
        if kept is None or kept[0] is not definition:  # a name may get its function later
            tiers = self.plan.tiers_of_queue(place[1], self.backend_type)
            kept = definition, effective_policy(name, definition, self.plan, tiers[0] if tiers else None)
            self._policies[place] = kept
        return kept[1]
