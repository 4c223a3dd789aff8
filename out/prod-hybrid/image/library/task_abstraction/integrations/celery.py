"""Health, metrics, logs, dead letters and the comparison with the plan, for a Celery application as it is.

Its worker gets one more flag: `celery -A proj.celery_app worker ... -I task_abstraction.integrations.celery`.
Nothing happens at the import but waiting for that worker; the code of the application needs no change and no import.
"""

from typing import Any

from celery import signals

from task_abstraction.errors import TaskBackendError
from task_abstraction.integrations.celery_worker import adopt


@signals.worker_init.connect  # type: ignore[untyped-decorator, unused-ignore]
def _begin(sender: Any = None, **_: object) -> None:  # noqa: ANN401 - Celery's WorkController
    try:
        adopt(sender)
    except Exception as error:
        # Celery only logs what a receiver raises, and would go on without health and dead letters.
        text = str(error) if isinstance(error, TaskBackendError) else f"{type(error).__name__}: {error}"
        raise SystemExit(f"{__name__}: {text}") from error
