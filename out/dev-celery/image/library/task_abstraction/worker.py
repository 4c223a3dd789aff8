"""`task-backend-worker`: flags, checks and messages around `run_worker`."""

import argparse
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module

from task_abstraction.config import is_production, load_plan, read_setting, resolve_queues
from task_abstraction.config.settings import SETTINGS
from task_abstraction.discovery import import_tasks, look_in_working_directory
from task_abstraction.errors import BackendNotConfigured, ConfigurationError
from task_abstraction.output import say
from task_abstraction.registry import get_available_backends
from task_abstraction.runtime.command import FAILED, run_command

OK, WRONG_USAGE = 0, 2
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
DEFAULT_BACKEND = "celery"
DEAD_LETTER_COMMAND = "dead-letter"
log = logging.getLogger("task_abstraction.worker")


def parser() -> argparse.ArgumentParser:
    """The flags of the worker."""
    made = argparse.ArgumentParser(
        prog="task-backend-worker",
        description="Run a worker of a task backend. Settings come from flags, then TASK_* variables, then defaults.",
        epilog=f"`task-backend-worker {DEAD_LETTER_COMMAND} -h`: see, send again or remove what failed for good.",
    )
    made.add_argument("--backend", metavar="NAME", help=f"one of {', '.join(get_available_backends())}")
    made.add_argument("--queues", metavar="A,B", help="queues to serve; required in production")
    made.add_argument("--concurrency", metavar="N", help="tasks at once")
    made.add_argument("--worker-name", metavar="NAME", help="default: worker-<host>-<queues>")
    made.add_argument(
        "--app", metavar="MODULE", action="append", help="module with tasks; repeatable; `package.*` walks"
    )
    made.add_argument("--log-level", choices=LEVELS, type=str.upper, help="default INFO")
    made.add_argument(
        "--log-format", choices=("structured", "console"), help="default: JSON lines, console on a terminal"
    )
    mode = made.add_mutually_exclusive_group()
    mode.add_argument("--list-tasks", action="store_true", help="print name, queue, retry and timeout of each task")
    mode.add_argument("--check", action="store_true", help="connect once, print each check, exit 0 or 1")
    mode.add_argument("--dry-run", action="store_true", help="check settings, tasks and queues; connect to nothing")
    mode.add_argument("--reload", action="store_true", help="start anew when the application changes; development only")
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What the flags and the environment say."""

    backend: str
    concurrency: int | None
    worker_name: str | None
    modules: tuple[str, ...]
    log_level: str
    log_format: str | None


def settings_from(flags: argparse.Namespace) -> WorkerSettings:
    """Resolve flags and environment.

    Raises:
        ConfigurationError: a value has no meaning.
    """
    level = read_setting("log_level", flag=flags.log_level)
    if level not in LEVELS:
        raise ConfigurationError(f"log level '{level}' is not one of {', '.join(LEVELS)}", source="TASK_LOG_LEVEL")
    backend = read_setting("backend", flag=flags.backend)
    if not backend and is_production():
        raise BackendNotConfigured
    return WorkerSettings(
        backend=backend or DEFAULT_BACKEND,
        concurrency=read_setting("concurrency", flag=flags.concurrency),
        worker_name=read_setting("worker_name", flag=flags.worker_name),
        modules=tuple(flags.app or ()) or read_setting("modules") or load_plan().modules,
        log_level=level,
        log_format=read_setting("log_format", flag=flags.log_format),
    )


def prepare_environment(backend: str, queues: Sequence[str], environ: dict[str, str] | None = None) -> None:
    """Do what has to be done before the SDK of the backend is imported (the mode of the shutdown, the pool)."""
    target = os.environ if environ is None else environ
    tier = load_plan().tier_for(queues, read_setting("tier"), backend)
    if tier is None:
        return
    try:
        folder = import_module(f"task_abstraction.backends.{backend}")
    except ImportError:
        return  # a backend from elsewhere prepares itself
    patch: Callable[[str], None] | None = getattr(folder, "patch_for", None)
    if patch is not None:
        patch(tier.pool)
    wanted: Mapping[str, str] = getattr(folder, "CUT_ENVIRONMENT", {}) if tier.shutdown == "cut" else {}
    for name, value in wanted.items():
        target.setdefault(name, value)


def list_tasks(settings: WorkerSettings) -> str:
    """Table of the tasks: name, queue, attempts, timeout."""
    from task_abstraction.factory import get_backend

    backend = get_backend(settings.backend)
    rows = [("NAME", "QUEUE", "ATTEMPTS", "TIMEOUT")]
    for name in backend.definitions():
        policy = backend.policy_for(name)
        limit = "-" if policy.time_limit_s is None else f"{policy.time_limit_s:g}s"
        rows.append((name, backend.queue_for(name), str(policy.retry.max_attempts), limit))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def check(settings: WorkerSettings) -> int:
    """Connect once and print each check."""
    from task_abstraction.factory import get_backend

    health = get_backend(settings.backend).check_health()
    for name, answer in health.checks.items():
        say(f"{name}: {answer}")
    return OK if health.ready else FAILED


def dry_run(settings: WorkerSettings, queues: Sequence[str]) -> int:
    """Check settings, tasks and queues without a connection."""
    from task_abstraction.factory import get_backend
    from task_abstraction.serving import build_job, warn_unserved

    backend = get_backend(settings.backend)
    backend.check_settings()
    job = build_job(backend, queues=queues, concurrency=settings.concurrency, worker_name=settings.worker_name)
    for definition in job.tasks.values():
        backend.check_definition(definition)
    unserved = warn_unserved(backend, queues)
    say(f"{backend.config}")
    if backend.sealer.codec is not None:
        say(f"payloads are encrypted with key {backend.sealer.codec.key_id}")
    say(f"worker {job.name}: tier {job.tier.name}, queues {','.join(queues)}, {job.concurrency} slots")
    say(f"{len(job.tasks)} tasks, {len(unserved)} without a queue that is served")
    return FAILED if unserved else OK


def reload(words: Sequence[str], settings: WorkerSettings) -> int:
    """Run the same command without `--reload` in a child process, anew after each change of the application.

    Raises:
        ConfigurationError: this is production, or there is nothing to watch.
    """
    from task_abstraction.reloading import Reloader

    if is_production():
        raise ConfigurationError(
            "--reload is for development, and ENVIRONMENT says production. Leave it out", source="--reload"
        )
    if not settings.modules:
        raise ConfigurationError("--reload has no module to watch. Use --app or TASK_MODULES", source="--reload")
    look_in_working_directory()
    command = [sys.executable, "-m", "task_abstraction.worker"]
    return Reloader([*command, *(word for word in words if word != "--reload")], settings.modules).run()


def run(flags: argparse.Namespace, words: Sequence[str] = ()) -> int:
    """Do what the flags ask and return the exit code."""
    from task_abstraction.runtime.logs import configure_logging

    settings = settings_from(flags)
    configure_logging(settings.log_level, settings.log_format)
    if not read_setting("backend", flag=flags.backend):
        log.warning("TASK_BACKEND_TYPE is not set: using %s. Set it, or use --backend", DEFAULT_BACKEND)
    if flags.reload:
        return reload(words, settings)
    if flags.check:
        return check(settings)
    if flags.list_tasks:
        import_tasks(settings.modules)
        say(list_tasks(settings))
        return OK
    queues = resolve_queues(flags.queues, warn=log.warning)
    prepare_environment(settings.backend, queues)
    # The application's module may call get_backend() itself: it must mean this worker's backend.
    os.environ[SETTINGS["backend"].names[0]] = settings.backend
    import_tasks(settings.modules)
    if flags.dry_run:
        return dry_run(settings, queues)
    from task_abstraction.factory import get_backend

    backend = get_backend(settings.backend)
    try:
        backend.run_worker(queues=queues, concurrency=settings.concurrency, worker_name=settings.worker_name)
    finally:
        backend.close()
    return OK


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: exit code 0 clean stop, 1 failed start or check, 2 wrong usage."""
    words = sys.argv[1:] if arguments is None else list(arguments)

    def command() -> int:
        if words[:1] == [DEAD_LETTER_COMMAND]:
            from task_abstraction import dead_letter_command

            return dead_letter_command.run(words[1:])
        return run(parser().parse_args(words), words)

    return run_command("task-backend-worker", command)


if __name__ == "__main__":
    sys.exit(main())
