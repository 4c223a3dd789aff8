"""From the plan of a profile to the model of its tiers."""

import pytest

from taskgen import pipeline
from taskgen.profile.files import Project
from taskgen.simulation import durations, hpa
from taskgen.simulation.model import Signal
from taskgen.simulation.planned import load_for, model_of
from tests.support.command import ROOT


def plan_of(name, *overrides):
    """The plan of a shipped profile."""
    return pipeline.checked(name, project=Project(ROOT), overrides=overrides).plan


def model(name, tier, *overrides, seconds=86_400.0):
    """The model of a tier of a shipped profile."""
    plan = plan_of(name, *overrides)
    return model_of(plan, plan.tier(tier), seconds=seconds)


def test_numbers_are_those_of_the_plan():
    """Sizes, targets, windows and policies are what is rendered."""
    tier = plan_of("prod-celery").tier("file")
    found = model("prod-celery", "file")

    assert (found.scaler.kind, found.scaler.least, found.scaler.most) == ("keda", tier.min_replicas, tier.max_replicas)
    assert found.scaler.signals == (Signal("waiting", tier.backlog_target), Signal("in_flight", tier.in_flight_target))
    assert found.scaler.behavior.up.policies == (hpa.Policy("Percent", 100, 30.0), hpa.Policy("Pods", 4, 30.0))
    assert found.scaler.behavior.down.window_s == tier.scale_down_window.total_seconds()
    assert found.worker.slots == tier.concurrency
    assert found.goal.wait_s == tier.wait_goal.total_seconds()
    assert durations.mean(found.table) == pytest.approx(tier.mean_duration.total_seconds(), rel=0.01)


@pytest.mark.parametrize(
    ("profile", "recovery", "from_start", "in_flight"),
    [
        pytest.param("prod-celery", 850, True, "unacknowledged", id="redis: a visibility timeout"),
        pytest.param("prod-temporal", 51, False, "running", id="temporal: a heartbeat and a retry delay"),
        pytest.param("prod-hatchet", 60, False, "running", id="hatchet: the engine's own"),
    ],
)
def test_recovery_of_each_backend(profile, recovery, from_start, in_flight):
    """A killed worker's tasks return as the plan predicts."""
    found = model(profile, "file")

    assert (found.ending.recovery_s, found.ending.from_start) == (recovery, from_start)
    assert found.metric.in_flight == in_flight


def test_early_acknowledgement_loses_the_tasks_of_a_killed_worker():
    """Tasks that are not idempotent are acknowledged early."""
    found = model("prod-celery", "file", "tiers.file.task.idempotent=false")

    assert found.ending.recovery_s is None
    assert not found.worker.late
    assert not found.worker.hoards  # --disable-prefetch is rendered


def test_a_cut_gives_tasks_the_soft_time():
    """shutdown: cut breaks tasks off after its soft time and hands them back."""
    found = model("prod-celery", "file", "tiers.file.shutdown=cut")

    assert (found.ending.mode, found.ending.tasks_get_s, found.ending.cut_returns) == ("cut", 10.0, True)


def test_without_kubernetes_nothing_scales():
    """The model says so instead of pretending."""
    found = model("prod-celery", "file", "targets.kubernetes=null")

    assert found.scaler.kind == "fixed"
    assert found.not_modelled == ("no kubernetes target, so no autoscaler: the least number of replicas stays",)


def test_a_plain_autoscaler_sees_older_numbers():
    """Prometheus and its adapter lag behind."""
    found = model("prod-celery", "file", "targets.kubernetes.autoscaler=hpa")

    assert (found.scaler.kind, found.metric.refresh_s, found.metric.lag_s) == ("hpa", 30.0, 15.0)
    assert found.scaler.fallback is None


def test_other_signals_are_named():
    """What is not modelled is not silently left out."""
    found = model("prod-celery", "file", 'tiers.file.scale.signals=["backlog", {cpu: 70%}]')

    assert found.scaler.signals == (Signal("waiting", 12),)
    assert found.not_modelled == ("signal cpu: the others decide alone",)


def test_windows_of_the_week_become_floors():
    """scale.schedules are laid out over the simulated days."""
    window = '{start: "0 8 * * *", end: "0 18 * * *", min: 6}'
    found = model("prod-celery", "file", f"tiers.file.scale.schedules.day={window}", seconds=2 * 86_400.0)

    assert [(floor.start / 3600, floor.end / 3600, floor.replicas) for floor in found.scaler.floors] == [
        (8, 18, 6),
        (32, 42, 6),
    ]


def test_schedules_of_tasks_arrive():
    """Each firing of a schedule is a task of the tier that serves its queue."""
    plan = plan_of("prod-celery", 'schedules.sweep={task: cleanup_documents, cron: "0 */6 * * *"}')

    load = load_for(plan, plan.tier("low"), pattern="constant", seconds=86_400.0)

    assert {0, 6, 12, 18} <= {time / durations.SECOND / 3600 for time in load.fixed}
    assert load_for(plan, plan.tier("file"), pattern="constant", seconds=86_400.0).fixed == ()


@pytest.mark.parametrize(
    "profile", sorted(path.stem for path in (ROOT / "profiles").glob("*.yaml")), ids=lambda name: name
)
def test_every_tier_of_every_shipped_profile_has_a_model(profile):
    """No plan is outside of what can be simulated."""
    plan = plan_of(profile)

    for tier in plan.tiers:
        assert model_of(plan, tier, seconds=3600.0).worker.slots == tier.concurrency
