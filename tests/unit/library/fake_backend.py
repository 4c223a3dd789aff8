"""The smallest backend: what `base` promises is tested on it, without a server."""

from task_abstraction.base import TaskBackend
from task_abstraction.config import BackendConfig
from task_abstraction.errors import TaskNotFound
from task_abstraction.models import QueueStats, TaskResult, TaskStatus


class FakeBackend(TaskBackend):
    """Keeps submissions in a list and finishes a task at its third look."""

    backend_type = "celery"  # a column of the capability table

    def __init__(self, config=None, *, plan=None):
        super().__init__(config or BackendConfig("celery", {"broker_url": "redis://h/0"}), plan=plan)
        self.sent = []
        self.looks = 0

    def facts(self):
        """Redis and prefork."""
        return {"broker": "redis", "pool": "prefork"}

    def _send(self, submission):
        self.sent.append(submission)
        return submission.task_id

    def _look(self, task_id):
        if task_id not in {submission.task_id for submission in self.sent}:
            raise TaskNotFound(task_id)
        self.looks += 1
        status = TaskStatus.COMPLETED if self.looks > 2 else TaskStatus.PENDING
        return TaskResult(task_id=task_id, task_name="add", status=status, result=3)

    def _cancel(self, task_id):
        raise TaskNotFound(task_id)

    def _serve(self, job):
        job.health.consumer_ready()

    def _ping(self, timeout_s):
        """Answer."""

    def queue_stats(self, queues):
        """Nothing waits anywhere."""
        return dict.fromkeys(queues, QueueStats(waiting=0))
