"""The profile as a whole."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, SerializeAsAny, model_validator

from taskgen.profile.application import Application
from taskgen.profile.backends import Backends
from taskgen.profile.base import (
    Boolean,
    Free,
    KeyedError,
    Matching,
    Model,
    Name,
    ObjectName,
    QueueName,
    RelativePath,
    TaskGlob,
    Text,
    TierName,
)
from taskgen.profile.operations import BootstrapStep, DeadLetter, Egress, Monitoring, Prices, Queue, Region, Schedule
from taskgen.profile.paths import join
from taskgen.profile.pod import Pod
from taskgen.profile.tier import Family, Tier
from taskgen.profile.workload import TaskPolicy

Environment = Literal["dev", "staging", "prod"]


def _reason(value: str) -> str:
    # Ten characters: long enough that "ok" and "n/a" do not pass for a reason.
    if len(value.strip()) < 10:  # noqa: PLR2004
        raise ValueError("a waiver needs a reason that a reviewer understands: write a sentence")
    return value


Reason = Annotated[Text, AfterValidator(_reason)]
"""Why a rule does not hold, in words."""


class TargetOptions(Model):
    """Options of one target; the fields come from its target.yaml."""


class Targets(Model):
    """The targets of a profile; the fields come from the discovered target.yaml files, None means not rendered."""


class Profile(Model):
    """One deployable description. A name appears in the file, in object names and in the output folder."""

    extends: tuple[str, ...] = ()
    """fragments that this profile builds on, merged left to right; the profile itself comes last"""
    name: Annotated[str, ObjectName(50)]
    """name of the profile: its file name without suffix"""
    environment: Environment
    """decides which rules are errors"""
    app: Application
    """the application whose tasks the workers run"""
    backends: Backends
    """Celery, Temporal, Hatchet: one, or several for a hybrid deployment"""
    default_queue: QueueName = "default"
    """queue of tasks that no route names"""
    queues: dict[QueueName, Queue | None] = {}
    """queues and the tasks that are routed to them"""
    tasks: dict[TaskGlob, TaskPolicy | None] = {}
    """what holds for some tasks among many; the most specific name wins"""
    tiers: dict[TierName, Tier] = {}
    """pools of workers"""
    families: dict[Name, Family | None] = {}
    """tiers that differ in one dimension"""
    collapse_tiers: Boolean = False
    """one worker that serves all queues (development)"""
    schedules: dict[Name, Schedule | None] = {}
    """tasks that are submitted again and again"""
    dead_letter: DeadLetter = DeadLetter()
    """what happens to tasks that failed for good"""
    monitoring: Monitoring = Monitoring()
    """metrics, alerts, dashboards, traces, logs"""
    bootstrap: dict[Name, BootstrapStep | None] = {}
    """what must have happened before the workers start, in order"""
    pod: Pod = Pod()
    """the rest of the pod, for every tier"""
    egress: dict[Name, Egress | None] = {}
    """further destinations that tasks may reach"""
    patches: dict[
        Annotated[str, Matching(r"[A-Za-z]+/[a-z0-9.\-]+", "Kind/name such as Deployment/high")], dict[str, Free]
    ] = {}
    """last changes by kind and name, merged by meaning; rules and verifiers run after them"""
    targets: SerializeAsAny[Targets] = Targets()
    """what is rendered, and its options"""
    prices: Prices = Prices()
    """what a worker costs, for the derived cost of each tier and for simulate"""
    regions: dict[Name, Region | None] = {}
    """cells of a deployment over several regions"""
    waivers: dict[Annotated[str, Matching(r"[A-Z]\d{2}", "the id of a rule such as K08")], Reason] = {}
    """rules that do not hold here, each with a written reason"""
    output: RelativePath = "out"
    """folder of rendered profiles below the project root; the image build copies the library from there"""

    @model_validator(mode="after")
    def _has_a_tier(self) -> Self:
        if not self.tiers:
            raise KeyedError("tiers", "no tier: add at least one under tiers or families")
        return self

    @model_validator(mode="after")
    def _tiers_name_their_backend(self) -> Self:
        configured = self.backends.names()
        for name, tier in self.tiers.items():
            if tier.backend is None and len(configured) > 1:
                raise KeyedError(
                    join(("tiers", name)), f"there are several backends: add backend: {' or '.join(configured)}"
                )
            if tier.backend is not None and tier.backend not in configured:
                raise KeyedError(
                    join(("tiers", name, "backend")),
                    f"{tier.backend} is not configured: add backends.{tier.backend}, or name {' or '.join(configured)}",
                )
        return self
