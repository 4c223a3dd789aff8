"""A Celery backend in a process that was forked after its first use."""

import os
import threading
import time

from task_abstraction.backends.celery.application import LibraryCelery
from task_abstraction.backends.celery.backend import CeleryBackend
from task_abstraction.config import BackendConfig, WorkerPlan

THREADS = 8


class Slow(CeleryBackend):
    """A backend that takes its time, so that others come meanwhile."""

    def _make_app(self) -> LibraryCelery:
        time.sleep(0.1)
        return super()._make_app()


def test_threads_of_a_forked_process_share_one_application(monkeypatch):
    """Its first requests come at the same time: they get one application, none that another thread throws away."""
    backend = Slow(BackendConfig("celery", {"broker_url": "memory://"}), plan=WorkerPlan())
    inherited, child = backend.app, os.getpid() + 1
    monkeypatch.setattr("os.getpid", lambda: child)
    together, found = threading.Barrier(THREADS), []

    def use() -> None:
        together.wait()
        found.append(backend.app)

    users = [threading.Thread(target=use) for _ in range(THREADS)]
    for user in users:
        user.start()
    for user in users:
        user.join()

    assert len({id(app) for app in found}) == 1
    assert found[0] is not inherited
    backend.close()
