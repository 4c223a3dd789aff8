"""Rendered settings of Temporal against the installed SDK."""

import inspect
import runpy
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.runtime import PrometheusConfig
from temporalio.worker import Worker

from task_abstraction.backends.temporal import worker
from task_abstraction.backends.temporal.modes import parse_mode
from task_abstraction.config import BackendConfig, load_plan
from task_abstraction.errors import ConfigurationError
from task_abstraction.registry import backend_class
from task_abstraction.serving import build_job
from tests.support.temporal_settings import write_settings


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """The rendered settings, in place for this process."""
    folder = write_settings(tmp_path)
    monkeypatch.setenv("TASK_SETTINGS_DIR", str(folder))
    return folder


def job_of(settings, tier):
    """The job of a worker of a tier."""
    plan = load_plan(settings)
    backend = backend_class("temporal")(BackendConfig("temporal", {}), plan=plan)
    return build_job(backend, queues=plan.tiers[tier].queues)


def test_every_keyword_exists(settings):
    """Keywords of Worker, PrometheusConfig and modes are those of the installed temporalio."""
    module = runpy.run_path(str(settings / "temporal_settings.py"))
    known = set(inspect.signature(Worker).parameters)

    assert set(module["WORKER"]) == set(load_plan(settings).tiers)
    assert all(set(options) <= known for options in module["WORKER"].values())
    assert set(module["PROMETHEUS"]) <= set(inspect.signature(PrometheusConfig).parameters)
    assert parse_mode(module["SUBMIT"]["mode"]) == "auto"


def test_the_tier_decides_the_workers_options(settings):
    """Slots and time to stop are those of the plan."""
    options = worker.worker_options(job_of(settings, "file"))

    assert options["max_concurrent_activities"] == 4
    assert options["graceful_shutdown_timeout"] == timedelta(minutes=5)


def test_a_workflow_of_another_version_waits_instead_of_failing():
    """The SDK fails a workflow that does not fit its history where the error of it is among the worker's own."""
    assert not issubclass(workflow.NondeterminismError, worker.WORKFLOW_FAILURES)
    assert all(issubclass(error, worker.WORKFLOW_FAILURES) for error in (KeyError, TypeError, RuntimeError))


def test_every_threshold_is_a_bucket(settings, monkeypatch):
    """A limit or goal between two buckets could not be seen."""
    monkeypatch.setenv("TASK_SDK_METRICS_PORT", "9000")
    metrics = worker.sdk_metrics(job_of(settings, "file"))

    assert metrics["bind_address"] == "0.0.0.0:9000"
    assert 300 in metrics["histogram_bucket_overrides"]["activity_execution_latency"], "time limit"
    assert 60 in metrics["histogram_bucket_overrides"]["activity_schedule_to_start_latency"], "wait goal"
    assert metrics["durations_as_seconds"]


def test_without_a_port_the_sdk_serves_nothing(settings):
    """Producers and the exporter read the same settings."""
    assert worker.sdk_metrics(job_of(settings, "file")) is None


def test_a_keyword_that_the_sdk_does_not_have_is_named(settings):
    """Settings of another version stop the worker with a remedy."""
    place = settings / "temporal_settings.py"
    place.write_text(place.read_text().replace("max_cached_workflows", "max_cached_things"))
    with pytest.raises(ConfigurationError, match=r"WORKER\['file'\]: temporalio has no 'max_cached_things'"):
        worker.worker_options(job_of(settings, "file"))


def test_two_lost_beats_are_no_lost_worker(settings):
    """The SDK sends a beat every third of the heartbeat timeout; its own throttle of 80 % leaves no second chance."""
    assert worker.worker_options(job_of(settings, "file"))["max_heartbeat_throttle_interval"] == timedelta(seconds=10)


def test_without_settings_a_stop_fits_into_the_grace(monkeypatch):
    """The SDK's own default of 0 would cut running tasks at once."""
    monkeypatch.setenv("TASK_SHUTDOWN_GRACE_SECONDS", "60")
    backend = backend_class("temporal")(BackendConfig("temporal", {}))
    options = worker.worker_options(build_job(backend, queues=["q"], concurrency=3))

    assert options["graceful_shutdown_timeout"] == timedelta(seconds=55)
    assert options["max_concurrent_activities"] == 3


def test_an_unknown_mode_is_refused():
    """A word that means nothing must not become the default."""
    with pytest.raises(ConfigurationError, match="Temporal mode 'actvity' is not auto, activity or workflow"):
        parse_mode("actvity")
