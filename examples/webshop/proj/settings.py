"""Settings of the whole project; those of Celery begin with CELERY_."""

import os

INSTALLED_APPS = ["orders", "mails"]
DATABASE = os.environ.get("SHOP_DATABASE", "/tmp/webshop")  # noqa: S108 - a folder that stands for a database

CELERY_BROKER_URL = os.environ.get("SHOP_BROKER_URL", "redis://localhost:6379/0")
CELERY_RESULT_BACKEND = os.environ.get("SHOP_RESULTS_URL", "redis://localhost:6379/1")
CELERY_TASK_DEFAULT_QUEUE = "mails"
CELERY_TASK_ROUTES = {"orders.tasks.*": {"queue": "orders"}}
CELERY_TASK_ACKS_LATE = os.environ.get("SHOP_ACKS_LATE", "yes") == "yes"
CELERY_BEAT_SCHEDULE = {
    "remind": {"task": "mails.tasks.remind", "schedule": float(os.environ.get("SHOP_REMIND_SECONDS", "3600"))}
}
