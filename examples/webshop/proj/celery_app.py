"""The Celery application."""

from celery import Celery

from proj import settings

app = Celery("proj")
app.config_from_object("proj.settings", namespace="CELERY")
app.autodiscover_tasks(lambda: settings.INSTALLED_APPS)
