"""Probe budgets, scaling steps, pods, processes and destinations of a plan."""

from datetime import timedelta as td

import pytest

from taskgen.plan import probes, steps
from taskgen.plan.pod import label_value
from taskgen.profile.scaling import ScaleStep
from tests.support.manifests import plan_of

MIB = 2**20


@pytest.mark.parametrize(
    ("start", "budget", "failures", "deadline"),
    [
        pytest.param(td(seconds=20), td(minutes=2), 24, td(minutes=10), id="an ordinary start"),
        pytest.param(td(seconds=41), td(seconds=125), 25, td(minutes=10), id="rounded up to a probe"),
        pytest.param(td(minutes=5), td(minutes=15), 180, td(minutes=25), id="a model is loaded"),
    ],
)
def test_start_budgets(start, budget, failures, deadline):
    """Three times the start, at least two minutes; the rollout waits for start, budget and image pull (K07)."""
    assert probes.startup_budget(pod_start=start) == budget
    assert probes.startup_failures(startup_budget=budget) == failures
    assert probes.progress_deadline(pod_start=start, startup_budget=budget) == deadline


@pytest.mark.parametrize(("backend", "failures"), [("celery", 12), ("temporal", 12), ("hatchet", 30)])
def test_liveness(backend, failures):
    """A tight liveness would restart a Hatchet fleet at each engine upgrade (kubernetes.md 5)."""
    budget = probes.liveness_budget(backend=backend, pool="threads", time_limit=td(hours=1))
    assert probes.liveness_failures(liveness_budget=budget) == failures


@pytest.mark.parametrize(("limit", "failures"), [(td(seconds=30), 12), (td(minutes=30), 186), (td(seconds=61), 13)])
def test_liveness_of_a_solo_pool(limit, failures):
    """A task of a solo pool holds up the loop, and with it the heartbeat: no worker is restarted for running one."""
    budget = probes.liveness_budget(backend="celery", pool="solo", time_limit=limit)
    assert probes.liveness_failures(liveness_budget=budget) == failures


def test_grace_in_whole_seconds():
    """A fraction is rounded up: less than planned would cut a task."""
    assert probes.grace_seconds(grace=td(seconds=14.2)) == 15


@pytest.mark.parametrize(
    ("disk", "temporary"), [(512 * MIB, 448 * MIB), (96 * MIB, 48 * MIB)], ids=["room for logs", "never less than half"]
)
def test_disk(disk, temporary):
    """Temporary files and logs share the disk."""
    assert probes.temporary_storage(ephemeral_storage=disk) == temporary


@pytest.mark.parametrize(
    ("step", "slowly", "expected"),
    [
        pytest.param(ScaleStep(), False, (("Percent", 50, td(seconds=60)),), id="half its size a minute"),
        pytest.param(ScaleStep(), True, (("Pods", 1, td(seconds=60)),), id="long tasks: one pod a minute"),
        pytest.param(
            ScaleStep(period=td(minutes=5)), True, (("Pods", 1, td(minutes=5)),), id="only the period is stated"
        ),
        pytest.param(
            ScaleStep(percent=10, pods=2, period=td(minutes=5)),
            False,
            (("Percent", 10, td(minutes=5)), ("Pods", 2, td(minutes=5))),
            id="both are stated",
        ),
    ],
)
def test_down_policies(step, slowly, expected):
    """What the profile states replaces what is derived (K06)."""
    assert steps.scale_down_policies(down_step=step, scale_down_slowly=slowly) == expected


def test_up_policies():
    """Doubling or four pods, whichever is more."""
    assert steps.scale_up_policies(up_step=ScaleStep()) == (
        ("Percent", 100, td(seconds=30)),
        ("Pods", 4, td(seconds=30)),
    )


@pytest.mark.parametrize(("backend", "seconds"), [("celery", 10), ("hatchet", 15)])
def test_polling(backend, seconds):
    """The engine of Hatchet limits requests."""
    assert steps.polling_interval(backend=backend) == td(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.3.0", "2.3.0"),
        ("v" * 63, "v" * 63),
        ("v" * 64, None),
        ("1.0-", None),
        ("_x", None),
        ("", None),
        (None, None),
    ],
)
def test_label_values(text, expected):
    """A tag that no label can hold is no label."""
    assert label_value(text) == expected


def test_scheduler_of_the_users_own():
    """Another scheduler has no schedule file, and then no file whose age could tell that it lives."""
    beat = plan_of("prod-celery", "backends.celery.scheduler=redbeat").beat

    assert "--scheduler=redbeat.RedBeatScheduler" in beat.command
    assert not any(word.startswith("--schedule=") for word in beat.command)
    assert beat.file is None


@pytest.mark.parametrize(
    ("endpoint", "namespace", "port"),
    [
        ("http://collector.tracing:4318", "tracing", 4318),
        ("http://collector.tracing.svc.cluster.local:4317", "tracing", 4317),
        ("http://collector", "monitoring", 4317),
    ],
    ids=["service and namespace", "the whole name", "a service beside Prometheus"],
)
def test_collector(endpoint, namespace, port):
    """The namespace of the collector stands in its address."""
    (entry,) = (e for e in plan_of("prod-celery", f"monitoring.tracing.otlp={endpoint}").egress if e.name == "tracing")

    assert (entry.namespace, entry.ports) == (namespace, (port,))


def test_exporters_reach_their_own_backend():
    """Each exporter of a hybrid has the connection of one backend."""
    found = {
        exporter.backends: {variable.name for variable in exporter.env} for exporter in plan_of("prod-hybrid").exporters
    }

    assert "TASK_CELERY_BROKER_URL" in found[("celery",)]
    assert not any(name.startswith("TASK_CELERY") for name in found[("temporal",)])
