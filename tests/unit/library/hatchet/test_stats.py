"""Queue statistics from one request."""

from collections.abc import Callable

import pytest

from task_abstraction import BackendUnavailable
from task_abstraction.backends.hatchet.backend import HatchetBackend
from task_abstraction.config import parse_plan
from tests.support.hatchet_token import TENANT
from tests.unit.library.hatchet.conftest import Api

PLAN = parse_plan({"default_queue": "rest", "routes": [["extract_*", "files"]]})
TENANT_PATH = f"/api/v1/tenants/{TENANT}"


@pytest.fixture
def backend(api: Api, make_backend: Callable[..., HatchetBackend]) -> HatchetBackend:
    """A backend of an engine with four tasks and two workers."""
    rows = [
        {"name": "extract_text", "description": "Text. [queue files]"},
        {"name": "extract_text.once", "description": "Submits of extract_text with further options."},
        {"name": "moved", "description": "[queue files]"},
        {"name": "extract_old", "description": ""},
        {"name": "foreign", "description": "of another team"},
    ]
    api.answers[f"{TENANT_PATH}/workflows"] = (200, {"rows": rows})
    api.answers[f"{TENANT_PATH}/task-stats"] = (
        200,
        {
            "extract_text": {
                "queued": {
                    "total": 5,
                    "queues": {"extract_text:extract_text": 3, "extract_text.on.rest:extract_text": 2},
                    "oldest": "2020-01-01T00:00:00Z",
                },
                "running": {"total": 2},
            },
            "moved": {"queued": {"total": 4}, "running": {"total": 0}},
            "extract_old": {"queued": {"total": 1}, "running": {"total": 0}},
        },
    )
    label = {"key": "queue:files", "value": "1"}
    workers = [{"status": "ACTIVE", "labels": [label]}, {"status": "INACTIVE", "labels": [label]}]
    api.answers[f"{TENANT_PATH}/worker"] = (200, {"rows": workers})
    return make_backend(api.url, PLAN)


def test_a_queue_is_the_sum_of_its_tasks(backend):
    """Tasks belong to the queue that their worker wrote down, else to that of their route."""
    found = backend.queue_stats(["files", "rest"])["files"]

    assert (found.waiting, found.in_flight) == (8, 2)
    assert found.oldest_age_s > 1e8


def test_a_task_that_was_sent_elsewhere_counts_there(backend):
    """The engine tells the action of each waiting task, and the action names the queue."""
    assert backend.queue_stats(["files", "rest"])["rest"].waiting == 2


def test_only_active_workers_of_the_queue_are_consumers(backend):
    """They carry its label."""
    stats = backend.queue_stats(["files", "rest"])

    assert (stats["files"].consumers, stats["rest"].consumers) == (1, 0)


def test_a_workflow_of_somebody_else_is_not_counted(api, backend):
    """Neither a description of ours nor a route of the plan names it."""
    backend.queue_stats(["files", "rest"])

    (asked,) = [path for path in api.asked if "/task-stats" in path]
    assert asked.partition("taskNames=")[2] == "extract_old%2Cextract_text%2Cmoved"


def test_the_engine_is_asked_once_in_ten_seconds(api, backend):
    """It refuses more than ten such requests; all tasks go into one."""
    first = backend.queue_stats(["files", "rest"])

    assert backend.queue_stats(["files", "rest"]) == first
    assert sum("/task-stats" in path for path in api.asked) == 1


def test_blindness_is_an_error_and_not_a_zero(api, backend):
    """A scaler must not take an outage for an empty queue."""
    api.answers[f"{TENANT_PATH}/task-stats"] = (429, {})

    with pytest.raises(BackendUnavailable):
        backend.queue_stats(["files", "rest"])


def test_the_end_of_the_token_is_known(backend):
    """The exporter shows it, an alert warns before it."""
    assert backend.credentials_expire_at() == 1900000000
