"""What an application that is not ours is given, without a broker."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest
from celery import Celery
from celery.concurrency.gevent import TaskPool as Green
from celery.concurrency.prefork import TaskPool
from celery.concurrency.solo import TaskPool as Solo
from celery.concurrency.thread import TaskPool as Threads
from celery.worker.request import Request
from kombu import Exchange, Queue

from task_abstraction.backends.celery.planned import Planned
from task_abstraction.backends.celery.queues import ServedQueues
from task_abstraction.backends.celery.request import MeteredRequest
from task_abstraction.backends.celery.running import compare
from task_abstraction.config import QueuePlan, SchedulePlan, TierSettings, WorkerPlan
from task_abstraction.errors import ConfigurationError
from task_abstraction.integrations.celery_beat import PlanScheduler
from task_abstraction.integrations.celery_routes import compare_application, routes_of
from task_abstraction.integrations.celery_settings import APPLIED, apply
from task_abstraction.integrations.celery_worker import metered, tier_of
from task_abstraction.policy import TaskPolicy
from taskgen.plan.celery import CONNECTION

TIER = TierSettings(
    name="orders",
    backend="celery",
    queues=("orders",),
    concurrency=2,
    prefetch=1,
    grace_s=75.0,
    task={"time_limit_s": 60, "acks_late": True},
)
PLAN = WorkerPlan(
    default_queue="orders",
    tiers={"orders": TIER},
    queues={"orders": QueuePlan(backend="celery", tiers=("orders",))},
    routes=(("orders.*", "orders"),),
)
POLICY = TaskPolicy(time_limit_s=60.0, acks_late=True)


@pytest.fixture
def app():
    """A Celery application with one task."""
    made = Celery("shop", broker="memory://", set_as_current=False)
    made.conf.update(task_default_queue="orders", task_acks_late=True)

    @made.task(name="orders.charge", shared=False)
    def charge():
        """Do nothing."""

    yield made
    made.close()


def test_render_and_library_know_the_same_settings():
    """What is rendered for the connection is what the integration applies."""
    assert CONNECTION == APPLIED


def test_settings_of_the_connection_are_put_over_those_of_the_application(app, caplog):
    """Mappings keep what the profile does not state; what is replaced is said; nothing else is touched."""
    caplog.set_level(logging.INFO)
    app.conf.broker_transport_options = {"visibility_timeout": 9, "own": 1}

    apply(app.conf, {"broker_transport_options": {"visibility_timeout": 180}, "task_acks_late": False})

    assert app.conf.broker_transport_options == {"visibility_timeout": 180, "own": 1}
    assert app.conf.task_acks_late is True
    assert caplog.messages == [
        "broker_transport_options['visibility_timeout']: the profile sets 180, over 9 of the application"
    ]


def test_the_prefix_of_keys_stays_that_of_the_application(app):
    """Its producers and its beat know no other: a worker with the profile's would wait where nobody sends."""
    app.conf.broker_transport_options = {"global_keyprefix": "own:"}

    apply(app.conf, {"broker_transport_options": {"global_keyprefix": "planned:", "visibility_timeout": 180}})
    apply(app.conf, {"result_backend_transport_options": {"global_keyprefix": "planned:"}})

    assert app.conf.broker_transport_options == {"global_keyprefix": "own:", "visibility_timeout": 180}
    assert "global_keyprefix" not in app.conf.result_backend_transport_options


def test_requests_of_the_application_stay_underneath():
    """A class of requests of its own still does what it does; a second worker start wraps nothing twice."""

    class Own(Request):
        pass

    counted = metered(Own)

    assert issubclass(counted, MeteredRequest)
    assert issubclass(counted, Own)
    assert metered(counted) is counted
    assert metered(Request) is MeteredRequest


def test_a_tier_that_the_plan_does_not_have_is_refused(monkeypatch):
    """A worker without its plan would be compared with nothing."""
    assert tier_of(WorkerPlan(), ("orders",)) is None
    assert tier_of(PLAN, ("orders",)) is TIER
    with pytest.raises(ConfigurationError, match="no tier of the plan serves other"):
        tier_of(PLAN, ("other",))
    monkeypatch.setenv("TASK_TIER", "oders")
    with pytest.raises(ConfigurationError, match="the plan has no tier 'oders', only orders"):
        tier_of(PLAN, ("orders",))


class TestApplication:
    """Routes and schedules that the application itself decides."""

    def test_as_planned(self, app):
        """Nothing is said."""
        assert compare_application(app, PLAN, routes_of(app)) == []

    def test_a_route_to_nowhere(self, app):
        """A task that the profile routes, and that the application sends where nobody serves, is unsafe."""
        app.conf.task_routes = {"orders.*": {"queue": "lost"}}

        (found,) = compare_application(app, PLAN, routes_of(app))

        assert found.unsafe
        assert str(found).startswith("queue of task orders.charge: planned orders, running lost: it waits for ever")

    def test_schedules_without_a_beat(self, app):
        """Schedules that nothing of the profile sends are said, unless its beat is deployed."""
        app.conf.beat_schedule = {"nightly": {"task": "orders.charge", "schedule": 60}}

        (found,) = compare_application(app, PLAN, routes_of(app))

        assert not found.unsafe
        assert "planned no beat, running nightly" in str(found)
        assert compare_application(app, replace(PLAN, beat=True), routes_of(app)) == []


class TestRunning:
    """A consumer that is connected, compared with the plan."""

    def consumer(self, app, *, pool=TaskPool, visibility=180, url="rediss://:**@h:6379//", options=(), **worker):
        """A consumer as Celery makes it, as far as it is looked at."""
        given = {"concurrency": 2, "time_limit": 60.0, "soft_time_limit": None, "autoscale": None, **worker}
        controller = SimpleNamespace(
            app=app, pool_cls=pool, max_tasks_per_child=None, max_memory_per_child=None, **given
        )
        queues = [Queue("orders", queue_arguments={})]
        channel = SimpleNamespace(visibility_timeout=visibility)
        return SimpleNamespace(
            app=app,
            controller=controller,
            connection=SimpleNamespace(
                as_uri=lambda: url, transport_options={"visibility_timeout": visibility, **dict(options)}
            ),
            task_consumer=SimpleNamespace(queues=queues, channel=channel),
            initial_prefetch_count=given["concurrency"],
        )

    def found(self, app, tier=TIER, plan=PLAN, prefix=(), **consumer):
        """Differences as text, the unsafe ones marked."""
        planned = Planned(
            tier=tier,
            plan=plan,
            settings={"broker_transport_options": {"visibility_timeout": 180, **dict(prefix)}},
            policies={"orders.charge": POLICY},
            broker_url="redis://h/0",
        )
        return [
            ("UNSAFE " if entry.unsafe else "") + str(entry)
            for entry in compare(self.consumer(app, **consumer), planned)
        ]

    def test_as_planned(self, app):
        """Nothing is said; an address may be spelled in several ways."""
        assert self.found(app) == []

    @pytest.mark.parametrize(
        ("consumer", "expected"),
        [
            ({"visibility": 60}, "UNSAFE visibility timeout of tier orders: planned 180 s, running 60 s"),
            ({"visibility": 360}, "visibility timeout of tier orders: planned 180 s, running 360 s"),
            ({"time_limit": 70.0}, "time limit of task orders.charge: planned 60 s, running 70 s"),
            ({"time_limit": 100.0}, "UNSAFE time limit of task orders.charge: planned 60 s, running 100 s: a stop"),
            (
                {"time_limit": 600.0},
                "UNSAFE time limit of task orders.charge: planned 60 s, running 600 s: after 180 s",
            ),
            ({"time_limit": None}, "UNSAFE time limit of task orders.charge: planned 60 s, running none"),
            ({"pool": Threads}, "UNSAFE pool of tier orders: planned prefork, running threads"),
            ({"concurrency": 8}, "concurrency of tier orders: planned 2, running 8"),
            ({"autoscale": (9, 3)}, "slots of tier orders: planned 2, running autoscale 3 to 9"),
            ({"url": "redis://other/0"}, "UNSAFE broker: planned redis://h:6379/0, running redis://other:6379/0"),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_difference(self, app, consumer, expected):
        """What runs is named beside what was planned."""
        found = self.found(app, **consumer)

        assert any(text.startswith(expected) for text in found), found

    @pytest.mark.parametrize(
        ("planned", "consumer", "expected"),
        [
            ("gevent", {"pool": Green}, []),
            ("gevent", {"pool": Green, "time_limit": None}, ["UNSAFE time limit of task orders.charge: planned 60 s"]),
            ("gevent", {"pool": Threads}, ["UNSAFE pool of tier orders: planned gevent, running threads"]),
            ("gevent", {}, ["pool of tier orders: planned gevent, running prefork"]),
            ("threads", {"pool": Threads, "time_limit": None}, []),
            ("solo", {"pool": Solo, "time_limit": None}, ["concurrency of tier orders: planned 2, running 1"]),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_other_pools(self, app, planned, consumer, expected):
        """Gevent keeps hard limits, so they are compared; solo is one slot whatever it was told."""
        found = self.found(app, tier=replace(TIER, pool=planned), **consumer)

        assert len(found) == len(expected), found
        assert all(text.startswith(begin) for text, begin in zip(found, expected, strict=True)), found

    @pytest.mark.parametrize(
        ("planned", "running", "expected"),
        [("p:", "p:", None), ("p:", None, "planned p:, running none"), (None, "o:", "planned none, running o:")],
        ids=str,
    )
    def test_another_prefix_of_keys(self, app, planned, running, expected):
        """Worker and producers on one side, exporter and scaler on the other would mean other queues."""
        given, has = ({} if value is None else {"global_keyprefix": value} for value in (planned, running))
        found = self.found(app, prefix=given, options=has)

        if expected is None:
            assert found == []
            return
        begin = f"UNSAFE broker_transport_options['global_keyprefix'] of tier orders: {expected}: "
        assert found[0].startswith(begin), found
        assert found[0].endswith("in the application's settings and in backends.celery.broker.key_prefix")

    def test_tasks_that_declare_other_acknowledgement(self, app):
        """The flag of the task itself counts, not the setting."""
        app.tasks["orders.charge"].acks_late = False

        assert self.found(app)[0].startswith(
            "UNSAFE acknowledgement of task orders.charge: planned late, running early"
        )

    def test_a_queue_of_another_type(self, app):
        """A classic queue where quorum is planned is lost with its node."""
        plan = replace(PLAN, queues={"orders": QueuePlan(tiers=("orders",), type="quorum")})

        (found,) = self.found(app, plan=plan)
        assert found.startswith("UNSAFE type of queue orders: planned quorum, running classic")

    @pytest.mark.parametrize(("mode", "remapped"), [("cut", None), ("drain", "SIGQUIT")])
    def test_a_stop_of_the_other_kind(self, app, monkeypatch, mode, remapped):
        """Celery cuts by a variable, and only then."""
        if remapped:
            monkeypatch.setenv("REMAP_SIGTERM", remapped)

        (found,) = self.found(app, tier=replace(TIER, shutdown=mode, soft_shutdown_s=5.0))
        assert found.startswith(f"UNSAFE shutdown of tier orders: planned {mode}, running")


class TestBeat:
    """The scheduler that adds the profile's schedules."""

    def scheduler(self, app, tmp_path, monkeypatch, **schedules):
        """The scheduler of an application with a schedule `own`."""
        app.conf.beat_schedule = {"own": {"task": "orders.charge", "schedule": 60.0}}
        plan = replace(PLAN, schedules=schedules)
        monkeypatch.setattr("task_abstraction.integrations.celery_beat.load_plan", lambda: plan)
        made = PlanScheduler(app=app, schedule_filename=str(tmp_path / "schedule"), lazy=True)
        made.setup_schedule()
        return made

    def test_both_are_sent(self, app, tmp_path, monkeypatch):
        """Schedules of the profile go to the queue that its routes say, beside those of the application."""
        planned = SchedulePlan(task="orders.sweep", every_s=300.0, expires_s=300.0)
        made = self.scheduler(app, tmp_path, monkeypatch, sweep=planned)

        assert {"own", "sweep"} <= set(made.schedule)
        assert made.schedule["sweep"].options["queue"] == "orders"
        made.close()

    def test_one_name_twice_is_refused(self, app, tmp_path, monkeypatch):
        """Neither may replace the other in silence."""
        with pytest.raises(ConfigurationError, match="the application has a schedule 'own' itself"):
            self.scheduler(app, tmp_path, monkeypatch, own=SchedulePlan(task="orders.sweep", every_s=300.0))


class TestServedQueues:
    """Queues of an application need not be named like its routing keys."""

    def served(self):
        """A consumer of two queues, one with a dead letter of the application's own."""
        exchange = Exchange("shop", type="topic")
        queues = [
            Queue("orders", exchange, routing_key="order.#", queue_arguments={"x-dead-letter-exchange": "graveyard"}),
            Queue("mails", exchange, routing_key="mail"),
        ]
        return ServedQueues(SimpleNamespace(queues=queues, _active_tags={"orders": "1", "mails": "2"}))

    @pytest.mark.parametrize(
        ("info", "name"),
        [
            ({"consumer_tag": "2", "exchange": "shop", "routing_key": "other"}, "mails"),
            ({"exchange": "shop", "routing_key": "mail"}, "mails"),
            ({"exchange": "", "routing_key": "mails"}, "mails"),
            ({"exchange": "shop", "routing_key": "order.new"}, "orders"),
        ],
        ids=["by the consumer", "by exchange and key", "by name", "else the first"],
    )
    def test_queue_of_a_message(self, info, name):
        """The queue is found, so that a letter goes to the dead letter of the right one."""
        assert self.served().name_of(SimpleNamespace(delivery_info=info)) == name

    def test_a_dead_letter_of_the_applications_own(self):
        """What the application rejects goes where it declared."""
        assert [self.served().dead_letters_elsewhere(name) for name in ("orders", "mails", "x")] == [True, False, False]
