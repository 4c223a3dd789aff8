"""A worker of a backend: which tasks it registers, which further ones it takes, with the limits of their tiers."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hatchet_sdk import Hatchet
from hatchet_sdk.runnables.workflow import Standalone

from task_abstraction.backends.hatchet import listener, worker
from task_abstraction.backends.hatchet.connection import connection_of
from task_abstraction.backends.hatchet.interpreter import Runs, interpreter
from task_abstraction.backends.hatchet.labels import action, variant
from task_abstraction.backends.hatchet.options import task_options
from task_abstraction.backends.hatchet.sdk import client_config, new_client
from task_abstraction.backends.hatchet.worker import LibraryWorker, Tasks
from task_abstraction.backends.hatchet.wrapper import Wrapped, register
from task_abstraction.base import TaskBackend
from task_abstraction.config import load_settings_module
from task_abstraction.errors import ConfigurationError
from task_abstraction.worker_job import WorkerJob


def serve(backend: TaskBackend, job: WorkerJob, runs: Runs, *, started: Callable[[LibraryWorker | None], None]) -> None:
    """Run the worker of a job until it is told to stop."""
    settings = load_settings_module("hatchet_settings")
    rendered: Mapping[str, Any] = getattr(settings, "WORKER", {}).get(job.tier.name, {})
    hatchet = new_client(client_config(connection_of(backend.config), healthcheck=listener.healthcheck_config()))
    worker.run(
        hatchet,
        job,
        tasks_of(backend, hatchet, job, runs),
        rendered=rendered,
        address=backend.address(),
        started=started,
        stop=backend.stop,
    )


def tasks_of(backend: TaskBackend, hatchet: Hatchet, job: WorkerJob, runs: Runs) -> Tasks:
    """What a worker runs: the tasks of its queues, any other that is submitted to one of them, and workflows.

    Raises:
        ConfigurationError: there is none.
    """
    connection = connection_of(backend.config)
    made = {connection.short_name(task.name): task for task in _standalones(backend, hatchet, job)}
    taken = {
        action(connection.full_name(variant(name, queue=queue, once=False)), name): task.tasks[0]
        for name, task in made.items()
        for queue in job.queues
    }
    own = [task for name, task in made.items() if backend.queue_for(name) in job.queues]
    if not taken:
        raise ConfigurationError("no task to run. Set TASK_MODULES or --app to modules with tasks", source="--app")
    return Tasks(own=own, taken=taken, interpreter=interpreter(hatchet, runs, backend.sealer))


def _standalones(backend: TaskBackend, hatchet: Hatchet, job: WorkerJob) -> Iterator[Standalone[Any, Any]]:
    """Every task of the backend as one of the SDK, with the limits of its own tier."""
    settings = load_settings_module("hatchet_settings")
    for name, definition in job.tasks.items():
        queue = backend.queue_for(name)
        planned = backend.plan.queues.get(queue)
        if planned is not None and planned.backend not in ("", backend.backend_type):
            continue  # a task of another backend of a hybrid deployment
        tiers = backend.plan.tiers_of_queue(queue, backend.backend_type)
        policy = backend.policy_for(name, queue)
        options = task_options(definition, policy, tier=tiers[0].name if tiers else None, settings=settings)
        yield register(
            hatchet,
            Wrapped(
                definition=definition,
                policy=policy,
                queue=queue,
                options=options,
                metrics=job.metrics,
                sealer=backend.sealer,
            ),
        )
