"""Encryption on RabbitMQ with quorum queues, whose settings only the application knows."""

import threading

from cryptography.fernet import Fernet

from task_abstraction.backends.celery.backend import CeleryBackend
from task_abstraction.config import BackendConfig, WorkerPlan


def test_making_the_application_does_not_wait_for_itself(monkeypatch):
    """The sealer is asked for while the application is made, and must not ask for the application."""
    monkeypatch.setenv("TASK_ENCRYPTION_KEYS", Fernet.generate_key().decode())
    backend = CeleryBackend(BackendConfig("celery", {"broker_url": "amqp://h//"}), plan=WorkerPlan())
    making = threading.Thread(target=lambda: backend.app, daemon=True)
    making.start()
    making.join(30)

    assert not making.is_alive()
    assert backend.app.sealer.seals
