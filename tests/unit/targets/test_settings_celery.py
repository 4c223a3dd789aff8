"""celeryconfig.py, as the installed Celery reads it."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskgen.errors import TemplateError
from tests.support.in_memory import SHIPPED, plan_of, texts
from tests.support.need import need
from tests.support.reading import module_of

PATH = "settings/celeryconfig.py"
CELERY = [name for name in SHIPPED if "celery" in plan_of(name).backends]
RABBITMQ = (
    "backends.celery.broker={kind: rabbitmq, url: {secret: b, key: url}, queue_type: quorum, nodes: 3, memory: null}",
    "backends.celery.results={kind: redis, url: {secret: r, key: url}}",
)
PLAIN = {"os", "re", "translate", "Any"}


def rendered(name="prod-celery", *overrides, change=None):
    """The settings module of a profile."""
    return module_of(texts(name, "settings", *overrides, change=change)[PATH])


def settings_of(module):
    """The settings that a module states."""
    return {name: value for name, value in vars(module).items() if not name.startswith("_") and name not in PLAIN}


def app_with(module):
    """A plain Celery application with the rendered settings."""
    need("celery")
    from celery import Celery

    app = Celery("plain", set_as_current=False)
    app.config_from_object(module)
    return app


@pytest.mark.parametrize("overrides", [pytest.param((), id="redis"), pytest.param(RABBITMQ, id="rabbitmq")])
@pytest.mark.parametrize("name", CELERY)
class TestNames:
    """Celery stores a name that it does not know, and ignores it."""

    def test_every_name_exists(self, name, overrides):
        """Every setting is one of the installed Celery."""
        need("celery")
        from celery.app.defaults import NAMESPACES, flatten

        assert set(settings_of(rendered(name, *overrides))) <= dict(flatten(NAMESPACES)).keys()

    def test_no_name_is_deprecated(self, name, overrides):
        """No setting will go with the next major version."""
        need("celery")
        from celery.app.defaults import NAMESPACES, flatten

        known = dict(flatten(NAMESPACES))
        used = settings_of(rendered(name, *overrides))
        assert [key for key in used if known[key].deprecate_by or known[key].remove_by] == []


class TestAddresses:
    """Addresses come from the environment alone."""

    @pytest.mark.parametrize(
        ("given_names", "expected"),
        [
            pytest.param(
                ("TASK_CELERY_BROKER_URL", "CELERY_BROKER_URL"), "TASK_CELERY_BROKER_URL", id="our name first"
            ),
            pytest.param(("CELERY_BROKER_URL",), "CELERY_BROKER_URL", id="then Celery's own"),
            pytest.param((), None, id="else nothing, which the library reports"),
        ],
    )
    def test_broker(self, monkeypatch, given_names, expected):
        """The broker is read in the order of the runtime's table."""
        for name in ("TASK_CELERY_BROKER_URL", "CELERY_BROKER_URL"):
            monkeypatch.delenv(name, raising=False)
        for name in given_names:
            monkeypatch.setenv(name, f"redis://{name.lower().replace('_', '-')}:6379/0")

        assert rendered().broker_url == (expected and f"redis://{expected.lower().replace('_', '-')}:6379/0")

    def test_no_address_is_rendered(self):
        """Neither the address of a broker nor the name of its secret stands in the module."""
        text = texts("dev-celery", "settings")[PATH]

        assert "://" not in text
        assert "docflow-broker" not in text

    def test_no_results_no_store(self):
        """A fleet without results has no result store."""
        module = rendered("prod-celery", "backends.celery.results={kind: none}")

        assert not hasattr(module, "result_backend")
        assert module.task_ignore_result is True


class TestRedis:
    """What loses or repeats tasks on Redis."""

    def test_visibility_timeout_where_it_acts(self):
        """The visibility timeout exceeds every task and delay, in both places (R01, R02)."""
        module, plan = rendered(), plan_of("prod-celery")

        timeout = module.broker_transport_options["visibility_timeout"]
        assert timeout == module.result_backend_transport_options["visibility_timeout"]
        assert timeout >= max((tier.time_limit + tier.eta).total_seconds() for tier in plan.tiers) + 100

    def test_sweep_is_short(self):
        """Lost tasks are looked for every 10 s, not every 100 s (R03)."""
        options = rendered().broker_transport_options

        assert options["unacked_restore_interval"] * options["unacked_restore_throttle"] == 10
        assert options["unacked_mutex_expire"] == 10, "a worker that dies while it looks keeps the others from looking"

    def test_own_options_are_added_to_ours(self):
        """An option of the profile joins the derived ones: it does not take the visibility timeout away."""
        options = rendered(
            "prod-celery", "backends.celery.settings={broker_transport_options: {health_check_interval: 10}}"
        ).broker_transport_options

        assert options["health_check_interval"] == 10
        assert options["visibility_timeout"] > 0

    def test_prefix_holds_for_both(self):
        """A prefix of keys is the same for tasks and results (R07)."""
        module = rendered("prod-celery", "backends.celery.broker.key_prefix=docflow_")

        assert module.broker_transport_options["global_keyprefix"] == "docflow_"
        assert module.result_backend_transport_options["global_keyprefix"] == "docflow_"


class TestRabbitMQ:
    """What RabbitMQ needs besides."""

    def test_every_queue_is_a_quorum_queue(self):
        """The type reaches the default queue and those that Celery declares on the way (Q02)."""
        app = app_with(rendered("prod-celery", *RABBITMQ))

        queues = [app.amqp.queues[name] for name in ("default", "file_processing")]
        assert [queue.queue_arguments for queue in queues] == [{"x-queue-type": "quorum"}] * 2
        assert app.amqp.queues["file_processing"].exchange.type == "topic"

    def test_publishing_is_confirmed(self):
        """A message that the broker has not taken is an error of the producer."""
        assert rendered("prod-celery", *RABBITMQ).broker_transport_options == {"confirm_publish": True}

    def test_redis_settings_follow_the_results(self):
        """Results in Redis are read with keepalive, also beside another broker."""
        assert rendered("prod-celery", *RABBITMQ).redis_socket_keepalive is True


class TestTiersThatDiffer:
    """One module serves all tiers of a broker: what differs is not in it."""

    def test_soft_shutdown_is_not_global(self):
        """A soft shutdown acts only beside REMAP_SIGTERM, which only cut tiers have (C04)."""
        assert not hasattr(rendered("prod-celery", "tiers.file.shutdown=cut"), "worker_soft_shutdown_timeout")

    def test_late_acknowledgement_is_the_default_only_where_all_want_it(self):
        """One tier that must not repeat its tasks makes early acknowledgement the default (C02)."""

        def change(profile):
            tier = profile.tiers["high"]
            task = tier.task.model_copy(update={"idempotent": False})
            return profile.model_copy(
                update={"tiers": {**profile.tiers, "high": tier.model_copy(update={"task": task})}}
            )

        mixed = rendered("prod-celery", change=change)
        assert (mixed.task_acks_late, mixed.task_retry_on_worker_lost) == (False, False)
        assert (rendered().task_acks_late, rendered().task_retry_on_worker_lost) == (True, True)

    def test_limits_only_where_the_pool_keeps_them(self):
        """Threads ignore time limits, so a fleet with a threads tier has no global one (C06)."""
        threads = rendered("prod-celery", "tiers.file.pool=threads", "tiers.file.task.soft_time_limit=null")

        assert rendered().task_time_limit == 600
        assert not hasattr(threads, "task_time_limit")

    def test_only_tasks_of_celery_are_routed(self):
        """In a hybrid profile Celery's routes name its own queues alone."""
        queues = {route["queue"] for routes in rendered("prod-hybrid").task_routes for _, route in routes}

        assert queues == {"high_priority", "medium_priority", "low_priority"}


class TestRouting:
    """Plain Celery sends a task where the plan says."""

    @pytest.mark.parametrize(
        ("task", "queue"),
        [
            pytest.param("extract_text", "file_processing", id="a glob"),
            pytest.param("notify_callback", "callback_processing", id="another"),
            pytest.param("page_7", "high_priority", id="one character"),
            pytest.param("page_77", "default", id="not two characters"),
            pytest.param("extract_invoice", "low_priority", id="the exact name before the glob"),
            pytest.param("unknown", "default", id="nothing matches"),
        ],
    )
    def test_goes_to_its_queue(self, task, queue):
        """The most specific route wins; what no route names goes to the default queue."""
        overrides = (
            'queues.high_priority={tasks: ["page_?"]}',
            "queues.low_priority={tasks: [extract_invoice]}",
        )
        app = app_with(rendered("prod-celery", *overrides))

        assert app.amqp.router.route({}, task)["queue"].name == queue


class TestHostileValues:
    """No value of a profile becomes code."""

    @given(st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), st.text(), max_size=3), st.text())
    def test_values_stay_values(self, mapping, value):
        """Any text, as value or key, is read back as it was written."""

        def change(profile):
            celery = profile.backends.celery.model_copy(
                update={"settings": {"task_publish_retry_policy": mapping, "control_exchange": value}}
            )
            return profile.model_copy(update={"backends": profile.backends.model_copy(update={"celery": celery})})

        module = rendered("prod-celery", change=change)

        assert module.task_publish_retry_policy == mapping
        assert module.control_exchange == value

    @pytest.mark.parametrize("name", ["import", "a-b", "a b", "a\nb", "a=1;b", "ä"])
    def test_names_are_names(self, name):
        """A setting whose name would be something else in Python is refused."""

        def change(profile):
            celery = profile.backends.celery.model_copy(update={"settings": {name: 1}})
            return profile.model_copy(update={"backends": profile.backends.model_copy(update={"celery": celery})})

        with pytest.raises(TemplateError, match="is not a name in Python"):
            rendered("prod-celery", change=change)


def test_celery_reads_it_as_its_own(tmp_path):
    """`celery --config` takes the file, and reports its settings."""
    need("celery")
    (tmp_path / "celeryconfig.py").write_text(texts("prod-celery", "settings")[PATH])
    done = subprocess.run(
        [sys.executable, "-m", "celery", "--config=celeryconfig", "report"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "CELERY_BROKER_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert "task_retry_on_worker_lost: True" in done.stdout
