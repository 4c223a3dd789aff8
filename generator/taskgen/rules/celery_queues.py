"""Rules of family C: queues, schedules and results."""

from collections.abc import Iterator

from taskgen.plan.model import Plan
from taskgen.plan.schedules import shortest_interval
from taskgen.profile.scalars import format_duration as text
from taskgen.rules.celery import own
from taskgen.rules.engine import Breach, rule
from taskgen.rules.names import close_name
from taskgen.rules.reading import literal_urls

NO_STORE = {"rpc", "amqp", "amqps"}
"""Result stores whose answers only the process that submitted can read (celery#7801)."""


@rule(
    "C14",
    "N/W/W",
    why="after an outage every missed run is executed, one after the other",
    reference="[Celery 12]",
    remedy="lower expires to the interval, or leave it out: it is derived",
)
def schedules_expire(plan: Plan) -> Iterator[Breach]:
    """A scheduled task expires before the next run."""
    for schedule in plan.schedules:
        interval = schedule.every or shortest_interval(schedule.cron or "")
        if schedule.expires > interval:
            what = f"{text(schedule.expires)} is longer than the interval of {text(interval)}"
            yield Breach(f"schedules.{schedule.name}.expires", what)


@rule(
    "C15",
    "E/E/E",
    why="its tasks wait for ever: no worker reads the queue; or a worker waits for tasks that never come",
    reference="[Celery 6]; seed 000 line 40, measured",
    remedy="add it to the queues of a tier, or route the tasks elsewhere",
)
def every_queue_is_served(plan: Plan) -> Iterator[Breach]:
    """Every queue that gets tasks is served by a tier, and every queue of a tier is known under queues."""
    for queue in plan.queues:
        if not queue.tiers:
            yield Breach(f"queues.{queue.name}", f"no tier serves queue {queue.name}")
    served = {queue.name for queue in plan.queues if queue.tiers}
    for schedule in plan.schedules:
        if schedule.queue not in served:
            yield Breach(
                f"schedules.{schedule.name}",
                f"its task {schedule.task} goes to queue {schedule.queue}, which no tier serves",
            )
    default = plan.profile.default_queue
    if default not in {*served, *plan.profile.queues} and not any(glob == "*" for glob, _ in plan.routes):
        what = f"tasks that no route names go to queue {default}, which no tier serves"
        yield Breach("default_queue", what, f"add {default} to the queues of a tier, or name another default_queue")
    known = {*plan.profile.queues, plan.profile.default_queue, *(schedule.queue for schedule in plan.schedules)}
    for queue in plan.queues:
        if queue.tiers and queue.name not in known:
            hint = close_name(queue.name, known)
            suffix = f", did you mean '{hint}'?" if hint else ""
            yield Breach(
                f"tiers.{queue.tiers[0]}.queues",
                f"nothing is routed to queue {queue.name}{suffix}",
                f"add queues.{queue.name} with its tasks ({{}} where producers name it), or correct the name",
            )


@rule(
    "C18",
    "W/E/E",
    why="the result is gone before it is read, or no other process can read it",
    reference="[Celery 10]; celery#7801",
    remedy="raise results.expires or leave it out: it is derived; or lower task.result_lookup",
)
def results_can_be_read(plan: Plan) -> Iterator[Breach]:
    """Results live as long as somebody asks for them, in a store that every process reads."""
    celery = plan.profile.backends.celery
    if celery is None or celery.results.kind == "none":
        return
    for tier in own(plan):
        if not tier.ignore_result and plan.result_expires < tier.result_lookup:
            what = f"{text(plan.result_expires)} is shorter than result_lookup {text(tier.result_lookup)}"
            yield Breach("backends.celery.results.expires", f"{what} of tier {tier.name}")
    for path, url in literal_urls(plan):
        if path.endswith("results.url") and url.scheme in NO_STORE:
            what = f"results of {url.scheme}:// are read by the process that submitted alone"
            yield Breach(path, what, "keep results in Redis or a database")
