"""The Celery backend where no broker is needed."""

import json
import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from task_abstraction.config import BackendConfig, load_config_from_env, parse_plan
from task_abstraction.errors import ConfigurationError, TaskNotFound, UnsupportedFeature
from task_abstraction.models import Feature, RetryPolicy, Support, TaskStatus
from task_abstraction.policy import TaskPolicy
from tests.support.need import need

need("celery")

from task_abstraction.backends.celery.application import DEFAULTS, REQUIRED, known_settings, make_app  # noqa: E402
from task_abstraction.backends.celery.backend import CeleryBackend  # noqa: E402
from task_abstraction.backends.celery.probe import _age_of_envelope  # noqa: E402
from task_abstraction.backends.celery.results import to_result  # noqa: E402
from task_abstraction.backends.celery.schedules import ZonedCrontab, beat_schedule  # noqa: E402
from task_abstraction.backends.celery.wrapper import task_options  # noqa: E402


def celery_backend(url="redis://127.0.0.1:1/0", plan=None):
    """A backend that connects to nothing in these tests."""
    return CeleryBackend(
        BackendConfig("celery", {"broker_url": url, "result_backend": "redis://127.0.0.1:1/1"}), plan=plan
    )


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("SUBMITTED", TaskStatus.PENDING),
        ("RETRY", TaskStatus.PENDING),
        ("STARTED", TaskStatus.RUNNING),
        ("PROGRESS", TaskStatus.RUNNING),
        ("SUCCESS", TaskStatus.COMPLETED),
        ("FAILURE", TaskStatus.FAILED),
        ("REVOKED", TaskStatus.CANCELLED),
    ],
)
def test_states_have_one_meaning(state, status):
    """States that are not listed mean that the task runs."""
    assert to_result("i", {"status": state, "name": "t"}, lambda _, value: value).status is status


def test_no_record_is_an_unknown_id():
    """Every submit stores a record first, so PENDING without one was never submitted."""
    with pytest.raises(TaskNotFound):
        to_result("i", {"status": "PENDING", "result": None}, lambda _, value: value)


def test_every_setting_of_ours_exists():
    """Celery ignores unknown names in silence."""
    assert {*DEFAULTS, *REQUIRED} <= known_settings()


def test_the_callers_broker_wins_over_the_environment(monkeypatch):
    """A configuration object means what it says, whatever CELERY_BROKER_URL is."""
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere/9")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "redis://elsewhere/8")
    app = make_app(
        BackendConfig("celery", {"broker_url": "redis://here:1/0", "result_backend": "redis://here:1/1"}),
        parse_plan({}),
    )
    assert app.backend.connparams["host"] == "here"
    assert app.connection_for_write().hostname == "here"
    assert app.connection_for_read().hostname == "here"


def test_a_rendered_module_is_used_and_cannot_allow_pickle(monkeypatch, tmp_path):
    """Rendered settings reach Celery; what the library is built on stays."""
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / "celeryconfig.py").write_text(
        "worker_prefetch_multiplier = 7\naccept_content = ['pickle']\nnot_a_setting = 1\n"
    )
    monkeypatch.setenv("TASK_SETTINGS_DIR", str(tmp_path))
    app = celery_backend().app
    assert app.conf.worker_prefetch_multiplier == 7
    assert app.conf.accept_content == ["json"]
    assert "not_a_setting" not in app.conf


@pytest.mark.parametrize(
    ("url", "kind", "priority"),
    [
        ("redis://h/0", "redis", Support.EMULATED),
        ("rediss://h/0", "redis", Support.EMULATED),
        ("amqp://h//", "amqp", Support.NATIVE),
        ("sqs://", "sqs", Support.REFUSED),
    ],
)
def test_support_depends_on_the_broker(url, kind, priority):
    """The table is asked with the broker at hand."""
    backend = celery_backend(url)
    assert backend.broker_kind == kind
    assert backend.supports(Feature.PRIORITY) is priority


def test_a_delay_beyond_the_visibility_timeout_is_refused_on_redis():
    """Redis would deliver it again and again; RabbitMQ keeps it."""
    with pytest.raises(UnsupportedFeature, match=r"7200 s is beyond the visibility timeout of 3600 s.*Use a schedule"):
        celery_backend().using(delay=timedelta(hours=2))
    with pytest.raises(UnsupportedFeature, match="'eta'"):
        celery_backend().using(eta=datetime.now(UTC) + timedelta(hours=2))
    celery_backend().using(delay=timedelta(minutes=10))
    celery_backend("amqp://h//").using(delay=timedelta(hours=2))


def test_retries_beyond_the_visibility_timeout_are_refused_on_redis():
    """A task that waits for its next attempt is a delayed message as well."""
    growing = RetryPolicy(max_attempts=5, initial_delay=timedelta(minutes=20), max_delay=timedelta(days=1))

    def patient():
        """Is never run."""

    with pytest.raises(
        UnsupportedFeature, match=r"'retry' on task 'patient' \(9600 s is beyond the visibility timeout"
    ):
        celery_backend().register_task(patient, retry=growing)
    celery_backend("amqp://h//").register_task(patient, retry=growing)
    celery_backend().register_task(patient, retry=replace(growing, max_attempts=2))


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (
            "prefork",
            {
                "time_limit": 9,
                "soft_time_limit": 8,
                "acks_late": True,
                "retry_on_worker_lost": True,
                "max_retries": 3,
                "default_retry_delay": 1,
            },
        ),
        ("gevent", {"time_limit": 9, "acks_late": True}),
        ("threads", {"acks_late": True}),
    ],
)
def test_limits_go_only_to_pools_that_keep_them(pool, expected):
    """A limit on threads would be ignored in silence."""
    assert task_options(TaskPolicy(time_limit_s=9, soft_time_limit_s=8, acks_late=True), pool) == expected


def test_a_task_that_must_run_once_is_not_repeated_for_a_lost_child():
    """Other tiers of the broker may repeat theirs: the settings module speaks for all, the policy for this task."""
    assert task_options(TaskPolicy(acks_late=False), "prefork") == {"acks_late": False, "retry_on_worker_lost": False}


def test_lost_children_are_capped_by_the_declared_attempts():
    """A task that kills its child stops after its attempts; one attempt still survives an unlucky child."""
    many = TaskPolicy(acks_late=True, retry=RetryPolicy(max_attempts=8, initial_delay=timedelta(seconds=20)))
    expected = {"acks_late": True, "retry_on_worker_lost": True, "max_retries": 7, "default_retry_delay": 20}
    assert task_options(many, "prefork") == expected
    assert task_options(TaskPolicy(retry=RetryPolicy(max_attempts=8)), "prefork") == {}


@pytest.fixture
def rendered(monkeypatch, tmp_path):
    """A settings folder; gives the file of Celery's settings."""
    (tmp_path / "plan.json").write_text("{}")
    monkeypatch.setenv("TASK_SETTINGS_DIR", str(tmp_path))
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("ENVIRONMENT", "prod")
    return tmp_path / "celeryconfig.py"


def test_a_profile_without_results_needs_no_store(rendered):
    """Nothing is stored; asking for a result is refused instead of answered with a for-ever pending."""
    rendered.write_text("task_ignore_result = True\n")
    backend = CeleryBackend(load_config_from_env("celery"))
    with pytest.raises(UnsupportedFeature, match=r"no result store is configured\). Set CELERY_RESULT_BACKEND"):
        backend.get_result("i")
    assert backend.supports(Feature.RESULTS) is Support.REFUSED


def test_results_that_are_kept_need_a_store(rendered):
    """A profile that keeps results and a deployment that gives no store: said at start."""
    rendered.write_text("task_ignore_result = False\n")
    with pytest.raises(ConfigurationError, match="Set CELERY_RESULT_BACKEND: tasks keep results"):
        _ = CeleryBackend(load_config_from_env("celery")).app


def test_the_age_of_a_message_is_in_its_header():
    """What is no envelope has no age and breaks nothing."""
    assert _age_of_envelope(b"garbage") is None
    assert _age_of_envelope(b"[]") is None
    assert _age_of_envelope(json.dumps({"headers": {"x-taskgen-enqueued-at": "1"}}).encode()) > 1e9


class TestSchedules:
    """The plan's clock in Celery's words."""

    plan = parse_plan(
        {
            "default_backend": "celery",
            "queues": {"q": {"backend": "celery"}, "t": {"backend": "temporal"}},
            "schedules": {
                "nightly": {
                    "task": "clean",
                    "cron": "30 3 * * 1",
                    "timezone": "Europe/Berlin",
                    "queue": "q",
                    "expires_s": 60,
                },
                "often": {"task": "poll", "every_s": 5, "queue": "q", "args": [1]},
                "off": {"task": "poll", "every_s": 5, "enabled": False},
                "theirs": {"task": "poll", "every_s": 5, "queue": "t"},
            },
        }
    )

    def test_entries_of_this_backend(self):
        """Enabled schedules whose queue lives on Celery."""
        entries = beat_schedule(self.plan, lambda _: "q", backend="celery")
        assert sorted(entries) == ["nightly", "often"]
        assert entries["nightly"]["options"]["queue"] == "q"
        assert entries["nightly"]["options"]["expires"] == 60
        assert entries["often"]["args"] == [1]
        assert entries["often"]["schedule"].run_every == timedelta(seconds=5)

    def test_cron_is_read_in_its_own_zone(self):
        """03:30 in Berlin is 01:30 UTC in summer: one minute before it is not due, one minute after it is."""
        entry = beat_schedule(self.plan, lambda _: "q", backend="celery")["nightly"]["schedule"]
        app = make_app(BackendConfig("celery", {"broker_url": "memory://"}), self.plan)
        last = datetime(2026, 7, 5, 0, 0, tzinfo=UTC)
        before = datetime(2026, 7, 6, 1, 29, tzinfo=UTC)  # a Monday
        after = datetime(2026, 7, 6, 1, 31, tzinfo=UTC)
        for now, due in ((before, False), (after, True)):
            entry.nowfun = lambda now=now: now
            entry.app = app
            assert entry.is_due(last).is_due is due

    def test_the_zone_survives_beats_file(self):
        """Beat keeps its entries pickled."""
        entry = ZonedCrontab("30", "3", "1", "*", "*", zone="Asia/Tokyo")
        copy = pickle.loads(pickle.dumps(entry))  # noqa: S301 - our own bytes
        assert copy.zone == "Asia/Tokyo"
        assert copy == entry
        assert copy != ZonedCrontab("30", "3", "1", "*", "*", zone="UTC")

    def test_a_broken_cron_is_refused(self):
        """Five fields or nothing."""
        plan = parse_plan({"schedules": {"x": {"task": "t", "cron": "* *"}}})
        with pytest.raises(ConfigurationError, match=r"schedule 'x': cron '\* \*' needs 5 fields"):
            beat_schedule(plan, lambda _: "q", backend="celery")
