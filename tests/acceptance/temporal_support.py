"""What the Temporal acceptance tests share: a namespace of their own, rendered settings, a producer."""

import contextlib
import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from task_abstraction.backends.temporal.backend import TemporalBackend
from task_abstraction.config import BackendConfig, load_plan
from tests.support import servers
from tests.support.command import ROOT
from tests.support.temporal_settings import tier_environment, write_settings
from tests.support.workers import Running, exporter, worker

DOCUMENT = {"name": "a.txt", "content": "SGVsbG8gd29ybGQu"}
FAULTY = {
    "TASK_MODULES": "tests.support.faulty",
    "PYTHONPATH": f"{ROOT / 'library'}{os.pathsep}{ROOT}",
    "TASK_HEALTH_CHECK_INTERVAL": "1",
    "ENVIRONMENT": "dev",  # production is not ready where tasks of the code have queues that the plan does not know
}
_namespaces = itertools.count(1)
# Tasks of the example application that no route of the profile names.
QUEUE_OF = {
    "process_document": "api_processing",
    "fetch_page": "api_processing",
    "export_report": "low_priority",
    "answer_question": "high_priority",
}


def new_namespace(address: str) -> str:
    """Create a namespace and wait until tasks can be started in it."""
    name = f"test-{next(_namespaces)}"
    program = str(servers.program("temporal"))
    made = subprocess.run(
        [program, "operator", "namespace", "create", "--namespace", name, "--address", address],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert made.returncode == 0, made.stderr

    def usable() -> bool:
        count = [program, "workflow", "count", "--namespace", name, "--address", address]
        return subprocess.run(count, check=False, capture_output=True, timeout=30).returncode == 0

    servers.wait_until(usable, timeout_s=30, what=f"namespace {name}")
    return name


@dataclass(frozen=True)
class Fleet:
    """Rendered settings of prod-temporal on a local server, and what is started from them."""

    address: str
    namespace: str
    folder: Path
    overrides: tuple[str, ...] = ()
    settings: Path = field(init=False)

    def __post_init__(self) -> None:
        given = (f"backends.temporal.address={self.address}", f"backends.temporal.namespace={self.namespace}")
        (self.folder / "settings").mkdir(parents=True, exist_ok=True)
        object.__setattr__(self, "settings", write_settings(self.folder / "settings", *given, *self.overrides))

    def beat(self, tier: str, heartbeat_s: float | None) -> "Fleet":
        """Give the tasks of a tier another heartbeat timeout than the derived one, which no test can wait for."""
        place = self.settings / "plan.json"
        plan = json.loads(place.read_text())
        plan["tiers"][tier]["task"]["heartbeat_s"] = heartbeat_s
        place.write_text(json.dumps(plan))
        return self

    def environment(self, tier: str, **extra: str) -> dict[str, str]:
        """The rendered environment of a tier, with ports that are free here."""
        ports = {"TASK_SDK_METRICS_PORT": str(servers.free_port())}
        place = {"TASK_SETTINGS_DIR": str(self.settings), "DOCFLOW_RESULTS": str(self.folder)}
        rendered = tier_environment(self.settings, tier)
        del rendered["TASK_HEALTH_PORT"]
        return {**rendered, **ports, **place, **extra}

    def worker(self, tier: str, **extra: str) -> contextlib.AbstractContextManager[Running]:
        """Run the worker of a tier by its rendered command."""
        flags = load_plan(self.settings).tiers[tier].command[1:]
        return worker(self.environment(tier, **extra), self.folder, *flags)

    def exporter(self) -> contextlib.AbstractContextManager[Running]:
        """Run the exporter of the profile."""
        return exporter(self.environment("low"), self.folder)

    def producer(self, mode: str = "auto") -> TemporalBackend:
        """A backend in this process that only submits and reads: the functions live in the worker."""
        host, _, port = self.address.partition(":")
        params = {"host": host, "port": int(port), "namespace": self.namespace, "task_queue": "default", "mode": mode}
        backend = TemporalBackend(BackendConfig("temporal", params), plan=load_plan(self.settings))
        for name, queue in QUEUE_OF.items():
            backend.declare(name, queue=queue)
        return backend


@contextlib.contextmanager
def producing(fleet: Fleet, mode: str = "auto") -> Iterator[TemporalBackend]:
    """A producer that is closed at the end."""
    backend = fleet.producer(mode)
    try:
        yield backend
    finally:
        backend.close()
