"""Planned against running, without a broker."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from task_abstraction.config import QueuePlan, TierSettings, WorkerPlan
from task_abstraction.differences import Difference, StartReport
from task_abstraction.runtime.health_state import HealthState
from task_abstraction.runtime.worker_metrics import WorkerMetrics
from task_abstraction.serving import compare_job

TIER = TierSettings(name="mail", backend="celery", queues=("mail",), concurrency=2, task={"time_limit_s": 60})
PLAN = WorkerPlan(
    default_queue="mail",
    tiers={"mail": TIER, "bulk": replace(TIER, name="bulk", queues=("bulk",))},
    queues={"mail": QueuePlan(), "bulk": QueuePlan()},
    routes=(("send_*", "mail"),),
)


def job(*, queues=("mail",), concurrency=2, queue=None, timeout=None, limit=60.0):
    """A job as flags and code make it."""
    definition = SimpleNamespace(queue=queue, timeout=timeout)
    return SimpleNamespace(
        queues=queues,
        concurrency=concurrency,
        tasks={"send_one": definition},
        policies={"send_one": SimpleNamespace(time_limit_s=limit)},
        queues_of_tasks={"send_one": queues},
    )


def metrics():
    """The metrics of a worker."""
    return WorkerMetrics(
        backend="celery", tier="mail", slots=2, pool="prefork", duration_buckets=(1.0,), wait_buckets=(1.0,)
    )


def test_what_runs_as_planned_is_silent():
    """No difference, no line."""
    assert compare_job(job(), TIER, PLAN) == []


@pytest.mark.parametrize(
    ("running", "unsafe", "text"),
    [
        pytest.param(
            {"concurrency": 9}, False, "concurrency of tier mail: planned 2, running 9", id="a flag gives more slots"
        ),
        pytest.param(
            {"queues": ("other",)}, True, "nobody serves mail: its tasks wait for ever", id="a queue is left out"
        ),
        pytest.param({"queues": ("mail", "bulk")}, False, "limits and alerts of another tier", id="one queue more"),
        pytest.param(
            {"queue": "bulk"}, False, "planned mail, running bulk (queue= in the code)", id="the code routes elsewhere"
        ),
        pytest.param({"queue": "lost"}, True, "no tier of the plan serves it", id="the code routes nowhere"),
        pytest.param(
            {"timeout": 30, "limit": 30.0}, False, "planned 60 s, running 30 s (timeout= in the code)", id="shorter"
        ),
        pytest.param({"timeout": 90, "limit": 90.0}, True, "delivered again while it runs", id="longer than any"),
    ],
)
def test_flags_and_code_that_beat_the_plan_are_said(running, unsafe, text):
    """Each difference names what was planned and what runs, and whether work is at stake."""
    (found,) = compare_job(job(**running), TIER, PLAN)

    assert text in str(found)
    assert found.unsafe is unsafe


def difference(what, *, unsafe):
    """A difference."""
    return Difference(what=what, planned=1, running=2.5, consequence="it may go wrong", remedy="mend it", unsafe=unsafe)


@pytest.mark.parametrize("production", [True, False])
def test_only_an_unsafe_difference_in_production_keeps_a_worker_from_being_ready(caplog, production):
    """Others are said and counted; once repaired, the worker is ready."""
    health, counted = HealthState(limit_s=60), metrics()
    health.consumer_ready()
    report = StartReport(health, counted, production=production)

    report.set("worker", [difference("a", unsafe=False)])
    assert health.status().ready
    report.set("worker", [difference("a", unsafe=False), difference("b", unsafe=True)])
    assert health.status().ready is not production
    assert 'task_worker_plan_differences{backend="celery",tier="mail",severity="unsafe"} 1' in counted.registry.render()
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"], "each is said once"
    assert caplog.messages[1] == "b: planned 1, running 2.5: it may go wrong; mend it"

    report.set("worker", [])
    assert health.status().ready


def test_what_two_comparisons_see_counts_once():
    """The flags and the broker's consumer tell the same story."""
    counted = metrics()
    report = StartReport(HealthState(limit_s=60), counted, production=False)
    report.set("job", [difference("a", unsafe=False)])
    report.set("celery", [difference("a", unsafe=False)])

    assert 'severity="said"} 1' in counted.registry.render()
