"""A fleet that is started from rendered settings alone: the environment file of a tier and the command of its plan."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.command import ROOT, taskgen
from tests.support.servers import free_port
from tests.support.workers import STOP_TIMEOUT_S, Running

APPLICATION = ROOT / "examples" / "docflow"
SOURCE_AND_RUN = 'set -a; . "$0"; set +a; exec env "$@"'
"""What an operator would type: read the tier's variables, then run the command with a few of one's own on top."""
PRODUCER = """
import json, sys
from task_abstraction import get_backend
backend = get_backend()
name, args, kwargs, wait = json.load(sys.stdin)
task_id = backend.submit(name, *args, **kwargs)
answer = {"id": task_id}
if wait:
    result = backend.get_result(task_id, timeout=90)
    answer |= {"status": str(result.status), "result": result.result, "attempts": result.attempts}
print(json.dumps(answer))
backend.close()
"""
READER = """
import json, sys
from task_abstraction import get_backend
backend = get_backend()
result = backend.get_result(sys.argv[1], timeout=float(sys.argv[2]) or None)
print(json.dumps({"status": str(result.status), "result": result.result, "attempts": result.attempts}))
backend.close()
"""


@dataclass(frozen=True)
class Fleet:
    """A rendered profile and what its secrets hold."""

    folder: Path
    """out/<profile>"""
    secrets: Mapping[str, str] = field(default_factory=dict)
    application: Path = APPLICATION
    """folder of the code that the workers run"""
    is_ours: bool = True
    """whether the application is written with the library: else its workers are given the plan alone"""

    @classmethod
    def render(
        cls,
        profile: str,
        out: Path,
        *,
        overrides: Sequence[str] = (),
        secrets: Mapping[str, str] | None = None,
        **application: Any,
    ) -> "Fleet":
        """Render a shipped profile with the command line, into a folder of its own."""
        flags = [word for override in overrides for word in ("--set", override)]
        taskgen("render", "--profile", profile, "--out", str(out), *flags, check=True)
        return cls(out / profile, secrets or {}, **application)

    @property
    def plan(self) -> Any:
        """The rendered plan.json."""
        return json.loads((self.folder / "settings" / "plan.json").read_text())

    def arguments(self, tier: str, command: Sequence[str], **extra: str) -> list[str]:
        """The command with the tier's rendered variables, as a shell starts it."""
        settings = self.folder / "settings"
        plan = {"TASK_SETTINGS_DIR": settings} if self.is_ours else {"TASK_PLAN_FILE": settings / "plan.json"}
        variables = {**plan, **self.secrets, **extra}
        pairs = [f"{name}={value}" for name, value in variables.items()]
        return [
            "/bin/sh",
            "-c",
            SOURCE_AND_RUN,
            str(self.folder / "settings" / "env" / f"{tier}.env"),
            *pairs,
            *command,
        ]

    def environment(self) -> dict[str, str]:
        """What the machine itself adds: where the programs and the application are."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        path = os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])
        return {**kept, "PATH": path, "PYTHONPATH": str(self.application)}

    @contextlib.contextmanager
    def worker(self, tier: str, tmp: Path, *, ready: bool = True, **more: str) -> Iterator[Running]:
        """Run the worker of a tier by its rendered command until the block ends.

        Args:
            tier: its name.
            tmp: where it runs and logs.
            ready: it is ready when the block begins; else it has started.
            more: further variables.
        """
        port = free_port()
        extra = {
            "TASK_HEALTH_PORT": str(port),
            "TASK_SDK_METRICS_PORT": str(free_port()),
            "HATCHET_CLIENT_WORKER_HEALTHCHECK_PORT": str(free_port()),
            **more,
        }
        command = self.plan["tiers"][tier]["command"]
        with self._run(self.arguments(tier, command, **extra), tmp / f"{tier}-{port}.log", port) as running:
            yield running.wait_ready() if ready else running.wait_started()

    def container(self, name: str) -> Any:
        """The first container of a rendered Deployment: command, variables and probes as a cluster is given them."""
        (manifest,) = self.folder.glob(f"kubernetes/*/deployment-{name}.yaml")
        document = yaml.safe_load(manifest.read_text())
        return {**document["spec"]["template"]["spec"]["containers"][0], "deployment": document["spec"]}

    @contextlib.contextmanager
    def deployed(
        self, name: str, tmp: Path, *, port: int = 0, places: Mapping[str, str] | None = None, **more: str
    ) -> Iterator[Running]:
        """Run what a rendered Deployment runs until the block ends: its command with its variables, and no others.

        Args:
            name: of the Deployment.
            tmp: where it runs and logs; it stands for the container's `/tmp`.
            port: where it serves HTTP, where it does.
            places: what else this machine has elsewhere than the container.
            more: further variables.
        """
        container = self.container(name)
        given = {entry["name"]: entry.get("value") for entry in container["env"]}
        variables = {key: self.secrets[key] if value is None else value for key, value in given.items()}
        if "TASK_SETTINGS_DIR" in variables:
            variables["TASK_SETTINGS_DIR"] = str(self.folder / "settings")
        variables |= more
        pairs = [f"{key}={value}" for key, value in variables.items()]
        words = [*pairs, *self.in_container(container["command"], tmp)]
        for there, here in (places or {}).items():
            words = [word.replace(there, here) for word in words]
        with self._run(["/usr/bin/env", *words], tmp / f"{name}.log", port) as running:
            yield running

    def in_container(self, command: Sequence[str], tmp: Path) -> list[str]:
        """A rendered command with a folder of this machine in place of the container's `/tmp`."""
        return [word.replace("/tmp/", f"{tmp}/") for word in command]  # noqa: S108 - the container's

    def probe(self, command: Sequence[str], tmp: Path) -> subprocess.CompletedProcess[str]:
        """Run the command of a rendered probe as the kubelet does."""
        return subprocess.run(
            self.in_container(command, tmp),
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    @contextlib.contextmanager
    def exporter(self, tier: str, tmp: Path) -> Iterator[Running]:
        """Run the exporter with the variables of a tier until the block ends."""
        port = free_port()
        command = ["task-backend-exporter", "--port", str(port), "--interval", "0.5"]
        with self._run(self.arguments(tier, command), tmp / f"exporter-{port}.log", port) as running:
            yield running.wait_ready()

    @contextlib.contextmanager
    def _run(self, arguments: Sequence[str], log: Path, port: int) -> Iterator[Running]:
        with log.open("wb") as output:
            process = subprocess.Popen(
                arguments, cwd=log.parent, env=self.environment(), stdout=output, stderr=subprocess.STDOUT
            )
        try:
            yield Running(process, port, log)
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(STOP_TIMEOUT_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def submit(self, tier: str, name: str, *args: Any, wait: bool = True, **kwargs: Any) -> Any:
        """Submit a task by name from a process of its own, and wait for its result unless told not to."""
        return self._python(tier, PRODUCER, stdin=json.dumps([name, args, kwargs, wait]))

    def result(self, tier: str, task_id: str, *, timeout_s: float = 60) -> Any:
        """Read a result in a process of its own."""
        return self._python(tier, READER, task_id, str(timeout_s))

    def _python(self, tier: str, script: str, *words: str, stdin: str = "") -> Any:
        done = subprocess.run(
            self.arguments(tier, [sys.executable, "-c", script, *words]),
            env=self.environment(),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])
