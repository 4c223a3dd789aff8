"""What the tests of existing Celery applications share: the web shop, rendered with a broker of this machine."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from celery import Celery

from task_abstraction.backends.celery.results import close_idle, close_store
from tests.acceptance.celery_support import Broker
from tests.support.command import ROOT
from tests.support.rendered import Fleet
from tests.support.servers import wait_until

WEBSHOP = ROOT / "examples" / "webshop"
QUEUE = "orders"


@contextlib.contextmanager
def producer_of(broker: Broker) -> Iterator[Celery]:
    """A producer by plain Celery, whose own `close` leaves every connection open."""
    producer = Celery("producer", broker=broker.url, backend=broker.results, set_as_current=False)
    try:
        yield producer
    finally:
        close_store(producer.backend)
        close_idle(producer.pool)
        producer.close()


@dataclass(frozen=True)
class Shop:
    """The shop's own producer, a worker of its tier `orders`, and the broker between them."""

    broker: Broker
    fleet: Fleet
    database: str
    producer: Celery

    def submit(self, task, *args, queue=QUEUE):
        """Send a task as the application's own code does."""
        return self.producer.send_task(f"orders.tasks.{task}", args, queue=queue)

    def letter_of(self, task_id):
        """Wait for the dead letter of a task, asking the broker."""
        with_letters = self.broker.producer()
        try:
            store = with_letters.dead_letters()
            found = []

            def look():
                found[:] = [letter for letter in store.read(QUEUE) if letter.id == task_id]
                return found

            wait_until(look, timeout_s=60, what=f"the dead letter of {task_id}")
            return found[0]
        finally:
            with_letters.close()


def render(out, broker, *more):
    """`prod-existing` with a broker of this machine."""
    port = broker.url.rpartition(":")[2].partition("/")[0]
    overrides = [
        "backends.celery.broker.tls=false",
        f"backends.celery.broker.endpoint.ports=[{port}]",
        "waivers.S06=a broker on this machine",
        *more,
    ]
    if broker.kind == "rabbitmq":
        overrides += [
            "backends.celery.broker.kind=rabbitmq",
            "backends.celery.broker.management_url={secret: webshop-broker, key: management}",
            "backends.celery.results={kind: redis, url: {secret: webshop-results, key: url}}",
            "waivers.S12=servers on this machine",
            "waivers.Q02=the application declares classic queues",
        ]
    secrets = {"CELERY_BROKER_URL": broker.url, "CELERY_RESULT_BACKEND": broker.results}
    return Fleet.render("prod-existing", out, overrides=overrides, secrets=secrets, application=WEBSHOP, is_ours=False)
