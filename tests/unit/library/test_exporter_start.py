"""The exporter as a process: what it does with settings that can never work."""

import subprocess
import sys

from tests.support.servers import free_port
from tests.support.workers import clean_environment


def test_settings_that_cannot_work_end_it():
    """A missing setting ends the exporter with 1 and names it: waiting would mend nothing."""
    environment = clean_environment(
        {
            "TASK_BACKEND_TYPE": "celery",
            "TASK_CELERY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0",
            "ENVIRONMENT": "prod",
        }
    )
    arguments = ["--port", str(free_port()), "--queues", "q", "--interval", "0.5"]
    done = subprocess.run(
        [sys.executable, "-m", "task_abstraction.exporter", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert "CELERY_RESULT_BACKEND" in done.stderr
    assert "Traceback" not in done.stderr
