"""The one list of verifiers: the names that a target.yaml may use, and how each is made for a plan."""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Final

from taskgen.errors import TemplateError
from taskgen.plan.model import Plan
from taskgen.verifying.base import Verifier
from taskgen.verifying.brokers import RabbitmqConfig, RedisConfig
from taskgen.verifying.compose import Compose, EnvironmentFiles
from taskgen.verifying.custom_resources import CustomResources
from taskgen.verifying.image import IgnoreFile, LibraryCopy
from taskgen.verifying.kubernetes import KubernetesSchemas
from taskgen.verifying.kustomize import Kustomize
from taskgen.verifying.metrics import Metrics, absent_series, bucket_bounds
from taskgen.verifying.objects.references import external_objects
from taskgen.verifying.objects.verifier import KubernetesObjects
from taskgen.verifying.programs import hadolint, shellcheck, yamllint
from taskgen.verifying.prometheus import Promtool
from taskgen.verifying.secrets import Secrets
from taskgen.verifying.settings import (
    PlanFile,
    PythonModules,
    celery_command,
    celery_settings,
    hatchet_settings,
    temporal_settings,
)

GROUP: Final = "taskgen.verifiers"
"""Entry points of third parties: a function of the plan that returns a verifier."""
GENERAL: Final = frozenset({"secrets", "yaml"})
"""Verifiers that look at any text: they do not tell whether the one who reads the file would take it."""
TESTED: Final[Mapping[str, tuple[str, ...]]] = {
    "celery-command": ("5.7",),
    "celery-settings": ("5.7",),
    "compose": ("5.",),
    "dockerfile": ("2.",),
    "dockerignore": ("7.",),
    "environment": ("5.",),
    "hatchet-settings": ("1.",),
    "kubernetes": ("1.",),
    "kustomize": ("v5.",),
    "library": ("1.",),
    "promtool": ("2.",),
    "rabbitmq": ("3.",),
    "redis": ("7.", "9."),
    "secrets": ("1.",),
    "shell": ("0.11",),
    "temporal-settings": ("1.",),
    "yaml": ("1.",),
}
"""How the versions of consumers begin that these verifiers were tested with; others are asked too, with a note."""
VERIFIERS: Final[Mapping[str, Callable[[Plan], Verifier]]] = {
    "celery-command": lambda plan: celery_command(plan.profile.app.kind),
    "celery-settings": lambda _: celery_settings(),
    "compose": lambda _: Compose(),
    "dockerfile": lambda _: hadolint(),
    "dockerignore": lambda _: IgnoreFile(),
    "environment": lambda _: EnvironmentFiles(),
    "hatchet-settings": lambda _: hatchet_settings(),
    "kubernetes": lambda _: KubernetesSchemas(),
    "kubernetes-crd": lambda _: CustomResources(),
    "kubernetes-objects": lambda plan: KubernetesObjects(external_objects(plan)),
    "kustomize": lambda _: Kustomize(),
    "library": lambda _: LibraryCopy(),
    "metrics": lambda plan: Metrics(bucket_bounds(plan), absent_series(plan)),
    "plan": lambda _: PlanFile(),
    "promtool": lambda _: Promtool(),
    "python": lambda _: PythonModules(),
    "rabbitmq": lambda _: RabbitmqConfig(),
    "redis": lambda _: RedisConfig(),
    "secrets": lambda _: Secrets(),
    "shell": lambda _: shellcheck(),
    "temporal-settings": lambda _: temporal_settings(),
    "yaml": lambda _: yamllint(),
}


def make(name: str, plan: Plan, *, target: str) -> Verifier:
    """Return a verifier for a plan.

    Raises:
        TemplateError: a target names a verifier that nobody brings.
    """
    if name in VERIFIERS:
        return VERIFIERS[name](plan)
    for entry in entry_points(group=GROUP, name=name):
        made: Verifier = entry.load()(plan)
        return made
    raise TemplateError(
        f"templates/{target}/target.yaml: verifiers names {name!r}, which nobody brings; "
        f"known are {', '.join(sorted(VERIFIERS))}"
    )
