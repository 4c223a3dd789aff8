"""The application for Celery's own commands: `celery -A task_abstraction.backends.celery.app beat`."""

from task_abstraction.backends.celery.backend import CeleryBackend
from task_abstraction.backends.celery.schedules import beat_schedule, record_sends
from task_abstraction.config import load_config_from_env

backend = CeleryBackend(load_config_from_env("celery"))
app = backend.app
app.conf.beat_schedule = dict(beat_schedule(backend.plan, backend.queue_for, backend=backend.backend_type))
record_sends(app)
