"""Workflows on their way to a Temporal server, without one."""

import pytest

from task_abstraction import Parallel, WorkflowDefinition
from task_abstraction.backends.temporal.backend import TemporalBackend
from task_abstraction.config import BackendConfig, WorkerPlan


def test_more_steps_at_once_than_the_server_takes_are_refused():
    """The server accepts such a workflow, and never begins it."""
    backend = TemporalBackend(BackendConfig("temporal", {"host": "127.0.0.1", "port": 1}), plan=WorkerPlan())
    backend.declare("add")
    backend.register_workflow(WorkflowDefinition.mixed([Parallel(["add"] * 2001)], "wide"))

    with pytest.raises(
        ValueError, match=r"^Workflow 'wide': 2001 parallel steps, and Temporal runs at most 2000 at once"
    ):
        backend.submit_workflow("wide", 1)
