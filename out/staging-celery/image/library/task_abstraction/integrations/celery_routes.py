"""Where the application itself sends its tasks, compared with the plan: its settings decide, not the profile."""

from collections.abc import Iterator, Mapping
from typing import Any

from task_abstraction.backends.celery.running import INTERNAL
from task_abstraction.config import WorkerPlan
from task_abstraction.differences import Difference


def routes_of(app: Any) -> dict[str, str]:  # noqa: ANN401 - a Celery application
    """Queue of each task of the application, as its own `.delay()` would choose it; a router of code may refuse."""
    return {name: queue for name, task in sorted(app.tasks.items()) if (queue := _queue_of(app, name, task))}


def _queue_of(app: Any, name: str, task: Any) -> str | None:  # noqa: ANN401
    declared = getattr(task, "queue", None)
    options = {} if declared is None else {"queue": declared}
    try:
        found = app.amqp.router.route(options, name, args=(), kwargs={}, task_type=task)
    except Exception:  # noqa: BLE001 - a function of the application, called without a real task
        return None
    queue = found.get("queue")
    return None if queue is None else str(getattr(queue, "name", queue))


def compare_application(app: Any, plan: WorkerPlan, routes: Mapping[str, str]) -> list[Difference]:  # noqa: ANN401
    """Compare routes and schedules of the application with the plan."""
    found = [difference for name, queue in routes.items() for difference in _route(name, queue, plan)]
    if app.conf.beat_schedule and not plan.beat:
        found.append(
            Difference(
                what="schedules of the application",
                planned="no beat",
                running=", ".join(sorted(app.conf.beat_schedule)),
                consequence="nothing that this profile deploys sends them",
                remedy="set app.beat: true, unless a beat of your own runs elsewhere",
            )
        )
    return found


def _route(name: str, queue: str, plan: WorkerPlan) -> Iterator[Difference]:
    if name.startswith(INTERNAL):
        return
    stated, served = plan.route_of(name), bool(plan.tiers_of_queue(queue))
    if queue == stated or (stated is None and served):
        return
    consequence = "it waits for ever: no tier of the profile serves that queue"
    if served:
        consequence = "sizes, limits and alerts of the profile count it in another tier"
    remedy = f"list {name} under queues.{queue}.tasks in the profile"
    if not served:
        remedy = f"send it to a queue of the profile by task_routes, or add {queue} to the queues of a tier"
    yield Difference(
        what=f"queue of task {name}",
        planned=stated or plan.default_queue,
        running=queue,
        consequence=consequence,
        remedy=remedy,
        unsafe=not served and stated is not None,
    )
