"""The project: importing it makes the Celery application the current one, as Django projects do."""

from proj.celery_app import app as celery_app

__all__ = ["celery_app"]
