"""The recording backend, and the pytest plugin."""

import subprocess
import sys
from datetime import timedelta

from task_abstraction.models import SubmitOptions, TaskStatus
from task_abstraction.testing import RecordedCall, RecordingBackend

SESSION = """
from task_abstraction import TASK_REGISTRY, get_backend, task


def test_recorded(recorded_tasks):
    @task
    def local_task(a: int) -> int:
        return a

    local_task.submit(1)
    assert [(call.name, call.args) for call in recorded_tasks.calls] == [("local_task", (1,))]


def test_restored(memory_backend):
    assert [one.name for one in TASK_REGISTRY] == []
    assert get_backend() is memory_backend
"""


def test_nothing_runs_and_everything_is_listed():
    """Name, arguments after JSON, and options; the task stays pending."""
    backend = RecordingBackend()
    backend.register_task(lambda *items: items, "note")
    minute = timedelta(minutes=1)
    task_id = backend.using(delay=minute).submit("note", (1, 2))

    assert backend.calls == [RecordedCall("note", ([1, 2],), {}, SubmitOptions(delay=minute), "default")]
    assert backend.get_result(task_id).status is TaskStatus.PENDING


def test_the_plugin_gives_a_backend_and_cleans_up(tmp_path):
    """The fixtures are the backend of the process, and tasks of a test are gone in the next."""
    (tmp_path / "test_session.py").write_text(SESSION)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:cloudcoil"]
    command += ["-p", "task_abstraction.testing.plugin"]
    ran = subprocess.run([*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr
