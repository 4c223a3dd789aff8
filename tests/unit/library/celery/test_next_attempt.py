"""The records of a task that is tried again."""

import uuid

import pytest
from celery import signals
from celery.app.task import Context
from celery.app.trace import build_tracer
from celery.exceptions import OperationalError

from task_abstraction.backends.celery.application import make_app
from task_abstraction.backends.celery.wrapper import register
from task_abstraction.config import BackendConfig, WorkerPlan
from task_abstraction.models import RetryPolicy
from task_abstraction.policy import TaskPolicy
from task_abstraction.tasks import define

POLICY = TaskPolicy(retry=RetryPolicy(max_attempts=2))


@pytest.fixture
def app():
    """An application without a server."""
    made = make_app(
        BackendConfig("celery", {"broker_url": "memory://", "result_backend": "cache+memory://"}), WorkerPlan()
    )
    yield made
    made.close()


def run_first_attempt(app, name):
    """Run an attempt that fails, as a worker does; its id."""

    def unlucky():
        raise OSError("no luck")

    register(app, define(unlucky, name), POLICY, pool="prefork")
    app.finalize()
    task_id = str(uuid.uuid4())
    request = {
        "id": task_id,
        "task": name,
        "retries": 0,
        "delivery_info": {"routing_key": "q"},
        "args": [],
        "kwargs": {},
    }
    build_tracer(name, app.tasks[name], app=app)(task_id, (), {}, request)
    return task_id


def test_the_last_attempt_has_the_last_word(app):
    """The next attempt may have failed for good before Celery files that there is one: the failure stays."""
    seen = []

    def other_worker(headers=None, **_):
        seen.append(app.backend.get_state(headers["id"]))
        app.backend.mark_as_failure(headers["id"], OSError("no luck again"), request=Context(headers, retries=1))

    with_signal = signals.after_task_publish
    with_signal.connect(other_worker)
    try:
        task_id = run_first_attempt(app, "unlucky_twice")
    finally:
        with_signal.disconnect(other_worker)

    assert seen == ["RETRY"]
    assert app.backend.get_state(task_id) == "FAILURE"


def test_an_attempt_that_cannot_be_sent_is_a_failure(app, monkeypatch):
    """A broker that does not take the next attempt leaves a failed task, not one that waits for ever."""

    def refuse(*_, **__):
        raise OperationalError("the broker is away")

    monkeypatch.setattr(app.amqp, "send_task_message", refuse)
    task_id = run_first_attempt(app, "unlucky_and_alone")

    assert app.backend.get_state(task_id) == "FAILURE"
    assert "no luck" in str(app.backend.get_result(task_id))
