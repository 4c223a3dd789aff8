"""Celery's own scheduler with the schedules of the profile beside those of an application that has its own."""

from typing import Any

from celery.beat import PersistentScheduler

from task_abstraction.backends.celery.schedules import beat_schedule, record_sends
from task_abstraction.config import load_plan
from task_abstraction.errors import ConfigurationError


class PlanScheduler(PersistentScheduler):
    """Sends the schedules of the application and those of the plan; a name that both have is refused."""

    def setup_schedule(self) -> None:
        """Put the plan's schedules beside the application's, then begin as Celery does.

        Raises:
            ConfigurationError: a schedule of the profile has the name of one of the application.
        """
        app: Any = self.app
        plan = load_plan()
        planned = beat_schedule(plan, lambda task: _queue_of(plan.route_of(task), plan.default_queue), backend="celery")
        own = dict(app.conf.beat_schedule or {})
        both = sorted(set(planned) & set(own))
        if both:
            raise ConfigurationError(
                f"the application has a schedule '{both[0]}' itself. Rename schedules.{both[0]} of the profile",
                source="beat_schedule",
            )
        app.conf.beat_schedule = {**own, **planned}
        record_sends(app)
        super().setup_schedule()


def _queue_of(routed: str | None, default: str | None) -> str:
    return routed or default or "celery"
