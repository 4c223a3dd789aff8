"""What is asked of the server about a queue."""

from datetime import UTC, datetime

from temporalio.api.taskqueue.v1 import PollerInfo
from temporalio.api.workflowservice.v1 import DescribeTaskQueueResponse

from task_abstraction.backends.temporal.statistics import pollers_of, unfinished_query

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_query_counts_what_is_due_and_not_finished():
    """Delayed tasks are work of later."""
    assert unfinished_query("low", NOW) == (
        "TaskQueue='low' AND ExecutionStatus='Running' AND ExecutionTime <= '2026-01-01T00:00:00Z'"
    )
    assert unfinished_query("low", NOW, "GenericTask").endswith(" AND WorkflowType='GenericTask'")


def test_a_queue_name_cannot_break_out_of_the_query():
    """Names are quoted and escaped."""
    assert unfinished_query("a' OR 1=1 --\\", NOW).startswith(r"TaskQueue='a\' OR 1=1 --\\' AND")


def test_a_poller_that_is_gone_is_no_consumer():
    """The server lists pollers for five minutes after their last poll."""
    answer = DescribeTaskQueueResponse()
    for identity, age in (("fresh", 30), ("gone", 120)):
        poller = PollerInfo(identity=identity)
        poller.last_access_time.FromSeconds(int(NOW.timestamp()) - age)
        answer.pollers.append(poller)

    assert pollers_of(answer, NOW.timestamp()) == {"fresh"}
