"""The bodies as a plain Celery application, with the settings that the profile renders for ours: the same file."""

import os
from typing import Any

from celery import Celery

from tests.bench.bodies import BODIES

QUEUE = "native"
app = Celery("tests.bench.native_celery", set_as_current=False)
app.config_from_object("celeryconfig")  # found on PYTHONPATH, in the rendered settings folder
# Databases of its own: kombu's pools are shared between applications that go to the same place.
app.conf.update(broker_url=os.environ["BENCH_BROKER_URL"], result_backend=os.environ["BENCH_RESULT_BACKEND"])
TASKS: dict[str, Any] = {body.__name__: app.task(body, name=f"native_{body.__name__}") for body in BODIES}


class Client:
    """What an application of plain Celery writes."""

    def submit(self, name: str, *args: object) -> Any:
        """Submit a task."""
        return TASKS[name].apply_async(args, queue=QUEUE)

    def value(self, handle: Any) -> object:
        """Wait for its value."""
        return handle.get(timeout=60)

    def close(self) -> None:
        """Close the connections."""
        app.close()


def worker_command(concurrency: int) -> list[str]:
    """The worker of this application."""
    command = ["celery", "-A", __name__, "worker", "--queues", QUEUE, "--concurrency", str(concurrency)]
    return [*command, "-O", "fair", "--loglevel", os.environ.get("BENCH_LOG", "INFO"), *PLAIN]


PLAIN = ["--without-gossip", "--without-mingle", "--prefetch-multiplier", "1"]
