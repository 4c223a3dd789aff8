"""`task-backend-exporter`: queue metrics for Prometheus, and `GET /scaling/<tier>` for the autoscaler."""

import argparse
import logging
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from task_abstraction.base import TaskBackend
from task_abstraction.config import TierSettings, WorkerPlan, load_plan, read_setting, redact
from task_abstraction.config.settings import port_number, positive_seconds, split_names
from task_abstraction.errors import BackendNotConfigured, BackendUnavailable, ConfigurationError
from task_abstraction.factory import create_backend
from task_abstraction.models import QueueStats
from task_abstraction.runtime.command import run_command
from task_abstraction.runtime.health_server import METRICS_TYPE, Answer, HttpService, json_answer
from task_abstraction.runtime.metrics import Family, MetricsRegistry

DEFAULT_PORT = 9808
DEFAULT_INTERVAL_S = 10.0
# Polls in a row that may fail to move before the poller itself counts as stuck.
STUCK_AFTER_POLLS = 6
QUEUE_LABELS = ("backend", "queue", "tier")
log = logging.getLogger("task_abstraction.exporter")


@dataclass(frozen=True, slots=True)
class Poll:
    """The outcome of one look at a backend; `stats` is None while it is blind."""

    stats: Mapping[str, QueueStats] | None
    reason: str = "not polled yet"


class Gauges:
    """The families of the exporter."""

    def __init__(self) -> None:
        self.registry = registry = MetricsRegistry()
        gauge = registry.gauge
        self.depth = gauge("task_queue_depth", "Tasks that wait and are due.", QUEUE_LABELS)
        self.in_flight = gauge("task_queue_in_flight", "Tasks that were taken and are not finished.", QUEUE_LABELS)
        self.age = gauge("task_queue_oldest_age_seconds", "Age of the oldest waiting task, 0 when empty.", QUEUE_LABELS)
        self.consumers = gauge("task_queue_consumers", "Workers that consume the queue.", QUEUE_LABELS)
        self.dead = gauge("task_queue_dead_letter_depth", "Tasks in the dead letter of the queue.", QUEUE_LABELS)
        self.sent = gauge(
            "task_schedule_last_sent_timestamp_seconds", "Last send of a schedule, Unix time.", ("backend", "schedule")
        )
        self.up = gauge("task_backend_up", "1 while the broker or engine can be read.", ("backend",))
        self.took = gauge("task_backend_scrape_duration_seconds", "Duration of the last poll.", ("backend",))
        self.last = gauge("task_backend_last_success_timestamp_seconds", "Last good poll, Unix time.", ("backend",))
        self.errors = registry.counter("task_backend_errors_total", "Polls that failed.", ("backend", "operation"))
        self.expiry = gauge(
            "task_backend_token_expiry_timestamp_seconds", "When the credentials expire, Unix time.", ("backend",)
        )

    @property
    def of_queues(self) -> tuple[Family, ...]:
        """The families that are dropped while blind."""
        return (self.depth, self.in_flight, self.age, self.consumers, self.dead)


class Exporter:
    """Polls one backend in the background and answers from the last poll."""

    def __init__(self, backend: TaskBackend, queues: Sequence[str], *, plan: WorkerPlan, interval_s: float) -> None:
        self.backend = backend
        self.plan = plan
        self.queues = tuple(queues)
        self.interval_s = interval_s
        self.gauges = Gauges()
        self.poll = Poll(None)
        self.tiers = {name: tier for name, tier in plan.tiers.items() if tier.backend in ("", backend.backend_type)}
        self._moved = time.monotonic()
        self._stop = threading.Event()
        self.ended = threading.Event()
        """set when the exporter cannot go on: `failure` says why"""
        self.failure: ConfigurationError | None = None
        self._thread = threading.Thread(target=self._loop, name="task-exporter", daemon=True)
        self.gauges.up.set((backend.backend_type,), 0)
        self.gauges.errors.inc((backend.backend_type, "poll"), 0)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def stop(self) -> None:
        """Stop polling; a poll under way is not waited for longer than the interval."""
        self._stop.set()
        self._thread.join(self.interval_s)

    def _loop(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
            except ConfigurationError as error:  # waiting mends no setting: the platform is to see it
                self.failure = error
                self.ended.set()
                return
            except Exception as error:
                log.exception("blind")
                self._blind(f"unexpected {type(error).__name__}: {error}")
            self._moved = time.monotonic()
            self._stop.wait(self.interval_s)

    def look(self) -> None:
        """Poll once: set the gauges, or drop them when the backend cannot be read."""
        name, began = self.backend.backend_type, time.monotonic()
        try:
            stats = self.backend.queue_stats(self.queues)
        except BackendUnavailable as error:
            if self.poll.stats is not None or self.poll.reason == "not polled yet":
                log.error("blind: %s", error)  # noqa: TRY400 - an outage is no bug, its traceback says nothing
            self._blind(str(error))
        else:
            self._publish(stats)
            self.gauges.up.set((name,), 1)
            self.gauges.last.set((name,), time.time())
            for schedule, sent in self.backend.schedules_sent_at(tuple(self.plan.schedules)).items():
                self.gauges.sent.set((name, schedule), sent)
            self.poll = Poll(stats, "ok")  # the last: from here on the exporter calls itself ready
        self.gauges.took.set((name,), time.monotonic() - began)
        expiry = self.backend.credentials_expire_at()
        if expiry is not None:
            self.gauges.expiry.set((name,), expiry)

    def _blind(self, reason: str) -> None:
        name = self.backend.backend_type
        self.poll = Poll(None, redact(reason))
        self.gauges.errors.inc((name, "poll"))
        self.gauges.up.set((name,), 0)
        for family in self.gauges.of_queues:
            family.drop()

    def _publish(self, stats: Mapping[str, QueueStats]) -> None:
        for queue in self.queues:
            found = stats.get(queue, QueueStats(waiting=0))
            labels = (self.backend.backend_type, queue, self.tier_of(queue))
            pairs = (
                (self.gauges.depth, found.waiting),
                (self.gauges.in_flight, found.in_flight),
                (self.gauges.age, found.oldest_age_s),
                (self.gauges.consumers, found.consumers),
                (self.gauges.dead, found.dead_letter),
            )
            for family, value in pairs:
                if value is None:
                    family.remove(labels)
                else:
                    family.set(labels, value)

    def tier_of(self, queue: str) -> str:
        """The tier that scales on a queue: the first that serves it."""
        return next((name for name in sorted(self.tiers) if queue in self.tiers[name].queues), "default")

    def metrics(self, _: str) -> Answer:
        """Answer `/metrics` from the last poll."""
        return 200, METRICS_TYPE, self.gauges.registry.render()

    def livez(self, _: str) -> Answer:
        """Answer `/livez`: the poller moves; an outage of the broker is no reason to restart."""
        age = time.monotonic() - self._moved
        alive = age < STUCK_AFTER_POLLS * max(self.interval_s, DEFAULT_INTERVAL_S)
        return json_answer(200 if alive else 503, {"live": alive, "last_poll_s": round(age, 1)})

    def readyz(self, _: str) -> Answer:
        """Answer `/readyz`: the last poll was good."""
        return json_answer(503 if self.poll.stats is None else 200, {"backend": self.poll.reason})

    def scaling(self, path: str) -> Answer:
        """Answer `/scaling/<tier>`: 503 when blind, so that a scaler uses its fallback instead of seeing 0."""
        tier = self.tiers.get(path.removeprefix("/scaling/"))
        if tier is None:
            return json_answer(404, {"error": "unknown tier", "tiers": sorted(self.tiers)})
        if self.poll.stats is None:
            return json_answer(503, {"error": self.poll.reason})
        return json_answer(200, outstanding(tier, self.poll.stats, self.tiers))


def outstanding(
    tier: TierSettings, stats: Mapping[str, QueueStats], tiers: Mapping[str, TierSettings]
) -> dict[str, float]:
    """Work of one tier; a queue that several tiers serve is split by their slots.

    A figure that the backend cannot tell is left out: an absent key is an error for the scaler, a 0 would not be.
    """
    waiting = in_flight = 0.0
    told = True
    for queue in tier.queues:
        found = stats.get(queue, QueueStats(waiting=0, in_flight=0))
        slots = sum(other.concurrency for other in tiers.values() if queue in other.queues)
        share = tier.concurrency / slots if slots else 1.0
        waiting += share * found.waiting
        told = told and found.in_flight is not None
        in_flight += share * (found.in_flight or 0)
    answer = {"waiting": _rounded(waiting)}
    if told:
        answer |= {"in_flight": _rounded(in_flight), "outstanding": _rounded(waiting + in_flight)}
    return answer


def _rounded(value: float) -> float:
    return int(value) if value == int(value) else round(value, 3)


def parser() -> argparse.ArgumentParser:
    """The flags of the exporter."""
    made = argparse.ArgumentParser(prog="task-backend-exporter", description=__doc__)
    made.add_argument("--backend", metavar="NAME", help="default TASK_BACKEND_TYPE, else the plan's default backend")
    made.add_argument("--queues", metavar="A,B", help="default: every queue of the plan on this backend")
    made.add_argument("--port", type=port_number, default=DEFAULT_PORT, help="default 9808")
    made.add_argument("--interval", type=positive_seconds, default=DEFAULT_INTERVAL_S, help="seconds, default 10")
    made.add_argument("--log-level", type=str.upper, help="default INFO")
    made.add_argument("--log-format", choices=("structured", "console"))
    return made


def build(flags: argparse.Namespace) -> Exporter:
    """Make the exporter that the flags and the environment describe.

    Raises:
        ConfigurationError: there is no backend or no queue.
    """
    plan = load_plan()
    name = read_setting("backend", flag=flags.backend) or plan.default_backend
    if not name:
        raise BackendNotConfigured
    backend = create_backend(name)
    queues = split_names(flags.queues) if flags.queues else plan.queues_of_backend(name) or read_setting("queues")
    if not queues:
        raise ConfigurationError(
            "No queues to export. Use --queues, or TASK_SETTINGS_DIR with a plan", source="--queues"
        )
    return Exporter(backend, queues, plan=plan, interval_s=flags.interval)


def run(flags: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    from task_abstraction.runtime.logs import configure_logging

    configure_logging(
        read_setting("log_level", flag=flags.log_level), read_setting("log_format", flag=flags.log_format)
    )
    exporter = build(flags)
    routes = {
        "/metrics": exporter.metrics,
        "/livez": exporter.livez,
        "/readyz": exporter.readyz,
        "/scaling/": exporter.scaling,
    }
    done = exporter.ended

    def stop(_: int, __: FrameType | None) -> None:
        done.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server = HttpService(routes, port=flags.port).start()
    exporter.start()
    log.info(
        "exporter of %s: queues %s, port %d", exporter.backend.backend_type, ",".join(exporter.queues), server.port
    )
    done.wait()
    exporter.stop()
    server.close()
    exporter.backend.close()
    if exporter.failure is not None:
        raise exporter.failure
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point: exit code 0 clean stop, 1 failed start, 2 wrong usage."""
    return run_command("task-backend-exporter", lambda: run(parser().parse_args(arguments)))


if __name__ == "__main__":
    sys.exit(main())
