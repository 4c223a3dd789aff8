"""Flags, environment, files and the plan: which one counts, and what is said when one has no meaning."""

import json

import pytest

from task_abstraction.config import (
    BackendConfig,
    get_default_config,
    load_config_from_env,
    load_config_from_file,
    load_plan,
    load_settings_module,
    parse_plan,
    read_setting,
    resolve_queues,
    split_address,
)
from task_abstraction.errors import ConfigurationError


class TestOrder:
    """Flag, TASK_ name, own name, older name, default."""

    @pytest.mark.parametrize(
        ("environ", "flag", "expected"),
        [
            ({"TASK_WORKER_CONCURRENCY": "2", "CELERY_CONCURRENCY": "3"}, "1", 1),
            ({"TASK_WORKER_CONCURRENCY": "2", "CELERY_CONCURRENCY": "3"}, None, 2),
            ({"CELERY_CONCURRENCY": "3", "WORKER_CONCURRENCY": "4"}, None, 3),
            ({"WORKER_CONCURRENCY": "4"}, None, 4),
            ({"TASK_WORKER_CONCURRENCY": ""}, None, None),
        ],
        ids=["flag", "task name", "older name", "oldest name", "empty is unset"],
    )
    def test_first_source_that_is_set_counts(self, environ, flag, expected):
        """Each source beats those after it."""
        assert read_setting("concurrency", environ, flag=flag) == expected

    @pytest.mark.parametrize(
        ("name", "environ", "message"),
        [
            (
                "concurrency",
                {"CELERY_CONCURRENCY": "many"},
                "CELERY_CONCURRENCY: 'many' is not valid, it must be positive int",
            ),
            ("concurrency", {"TASK_WORKER_CONCURRENCY": "0"}, "'0' is not valid, it must be at least 1"),
            ("health_port", {"TASK_HEALTH_PORT": "70000"}, "it must be a port from 0 to 65535"),
            ("grace_s", {"TASK_SHUTDOWN_GRACE_SECONDS": "-1"}, "it must be a number of seconds above 0"),
        ],
    )
    def test_a_value_without_meaning_names_its_source(self, name, environ, message):
        """The message says which variable, what is wrong and what it must be."""
        with pytest.raises(ConfigurationError) as caught:
            read_setting(name, environ)
        assert message in str(caught.value)


class TestQueues:
    """Which queues a worker serves, by ENVIRONMENT."""

    @pytest.mark.parametrize("environment", ["prod", "production", "PROD"])
    def test_production_ignores_the_variable(self, environment):
        """In production only the flag counts, and the warning says so."""
        said = []
        with pytest.raises(ConfigurationError) as caught:
            resolve_queues(None, {"ENVIRONMENT": environment, "TASK_QUEUES": "a"}, warn=said.append)
        assert str(caught.value) == (
            "No queues specified for production deployment.\n"
            "Use --queues argument: uv run task-backend-worker --queues file_processing"
        )
        assert said == ["TASK_QUEUES ignored in production environment. Use --queues argument."]
        assert resolve_queues("a, b,", {"ENVIRONMENT": environment}) == ("a", "b")

    def test_elsewhere_the_variable_counts(self):
        """Outside production TASK_QUEUES is enough."""
        assert resolve_queues(None, {"ENVIRONMENT": "dev", "TASK_QUEUES": "a,,b "}) == ("a", "b")

    def test_an_unset_environment_is_named(self):
        """Without ENVIRONMENT the variable counts, with a warning."""
        said = []
        assert resolve_queues(None, {"TASK_QUEUES": "a"}, warn=said.append) == ("a",)
        assert "ENVIRONMENT is not set" in said[0]

    def test_no_queue_at_all(self):
        """The kept messages, word for word."""
        with pytest.raises(ConfigurationError) as dev:
            resolve_queues(None, {"ENVIRONMENT": "dev"})
        assert str(dev.value) == (
            "No queues specified. Either:\n"
            "1. Use --queues argument: uv run task-backend-worker --queues file_processing\n"
            "2. Set TASK_QUEUES environment variable: TASK_QUEUES=file_processing,api_processing"
        )
        with pytest.raises(ConfigurationError, match=r"^No queues specified for production deployment"):
            resolve_queues(None, {})
        with pytest.raises(ConfigurationError, match="No queues specified via --queues after trimming empty entries"):
            resolve_queues(" , ", {})


class TestConnection:
    """Connection settings of each backend."""

    @pytest.mark.parametrize(
        ("backend", "environ", "expected"),
        [
            ("celery", {"CELERY_BROKER_URL": "redis://a/0"}, {"broker_url": "redis://a/0"}),
            (
                "celery",
                {"TASK_CELERY_BROKER_URL": "redis://b/0", "CELERY_BROKER_URL": "redis://a/0"},
                {"broker_url": "redis://b/0", "result_backend": "redis://localhost:6379/0"},
            ),
            ("temporal", {"TEMPORAL_HOST": "t.example"}, {"host": "t.example", "port": 7233, "namespace": "default"}),
            ("temporal", {"TEMPORAL_HOST": "t.example:17233"}, {"host": "t.example", "port": 17233}),
            ("temporal", {"TEMPORAL_ADDRESS": "a:1", "TEMPORAL_HOST": "b:2"}, {"host": "a", "port": 1}),
            ("temporal", {"TEMPORAL_TLS_CERT_PATH": "/c"}, {"tls_client_cert_path": "/c"}),
            ("hatchet", {"HATCHET_CLIENT_TOKEN": "ey1", "HATCHET_SERVER_URL": "http://h"}, {"server_url": "http://h"}),
        ],
    )
    def test_every_documented_variable_is_read(self, backend, environ, expected):
        """Our name, the backend's own, and the older one."""
        params = load_config_from_env(backend, environ).connection_params
        assert expected.items() <= params.items()

    @pytest.mark.parametrize(
        ("backend", "environ", "variable"),
        [
            ("celery", {}, "CELERY_BROKER_URL"),
            ("celery", {"CELERY_BROKER_URL": "redis://a/0", "ENVIRONMENT": "prod"}, "CELERY_RESULT_BACKEND"),
            ("hatchet", {}, "HATCHET_CLIENT_TOKEN"),
        ],
    )
    def test_what_is_missing_is_named(self, backend, environ, variable):
        """The kept first line, then the variable to set."""
        with pytest.raises(
            ConfigurationError, match=f"^Invalid environment configuration for backend: {backend}"
        ) as caught:
            load_config_from_env(backend, environ)
        assert caught.value.source == variable
        assert variable in str(caught.value)

    @pytest.mark.parametrize(
        ("text", "expected"), [("h", ("h", 7)), ("h:1", ("h", 1)), ("[::1]:2", ("::1", 2)), ("[::1]", ("::1", 7))]
    )
    def test_addresses_are_parsed_once(self, text, expected):
        """Host with or without port, also of IPv6."""
        assert split_address(text, 7) == expected

    def test_defaults_are_complete(self):
        """The default configuration of a local server validates, except where a token cannot be guessed."""
        assert get_default_config("celery").validate()
        assert get_default_config("temporal").validate()
        assert not get_default_config("hatchet").validate()
        with pytest.raises(ConfigurationError, match="Unsupported backend type: x"):
            get_default_config("x")


class TestFiles:
    """Configuration files."""

    def test_json_is_read(self, tmp_path):
        """`backend`, its section, and `worker`."""
        place = tmp_path / "c.json"
        place.write_text(json.dumps({"backend": "celery", "celery": {"broker_url": "redis://h/0"}, "worker": {"n": 1}}))
        config = load_config_from_file(place)
        assert config == BackendConfig("celery", {"broker_url": "redis://h/0"}, {"n": 1})

    def test_yaml_is_read_where_it_is_installed(self, tmp_path):
        """PyYAML is imported only for a YAML file."""
        pytest.importorskip("yaml")
        place = tmp_path / "c.yaml"
        place.write_text("backend: temporal\ntemporal: {address: 'h:1', namespace: n, task_queue: q}\n")
        assert load_config_from_file(place).connection_params["port"] == 1

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("{}", "Backend type must be specified in configuration"),
            ('{"backend": "celery"}', "Invalid configuration for backend type: celery"),
            ('{"backend": "celery", "celery": 3}', "Invalid configuration for backend type: celery"),
            ("{", "cannot be read as configuration"),
        ],
    )
    def test_a_bad_file_is_refused(self, tmp_path, text, message):
        """The kept messages."""
        place = tmp_path / "c.json"
        place.write_text(text)
        with pytest.raises(ConfigurationError, match=message):
            load_config_from_file(place)

    def test_an_absent_file_is_named(self, tmp_path):
        """The message carries the path."""
        with pytest.raises(ConfigurationError, match=r"Configuration file not found: .*nope\.json"):
            load_config_from_file(tmp_path / "nope.json")


class TestPlan:
    """The rendered plan."""

    raw = {  # noqa: RUF012 - read only
        "default_backend": "celery",
        "queues": {"a": {"backend": "celery", "tiers": ["x"]}, "b": {"backend": "temporal"}},
        "routes": [["extract_*", "a"]],
        "tasks": [["extract_big", {"time_limit_s": 7200}], ["extract_*", {"time_limit_s": 60}]],
        "tiers": {
            "x": {"backend": "celery", "queues": ["a", "c"], "concurrency": 2, "surprise": True},
            "y": {"backend": "celery", "queues": ["c"]},
        },
        "schedules": {"n": {"task": "clean", "cron": "0 3 * * *"}},
    }

    def test_tiers_are_found_by_name_and_by_queues(self):
        """TASK_TIER wins; without it the tier that serves all queues of the worker."""
        plan = parse_plan(self.raw)
        assert plan.tier_for(["a", "c"]).name == "x"
        assert plan.tier_for(["c"], "y").name == "y"
        assert plan.tier_for(["a", "nope"]) is None
        assert [tier.name for tier in plan.tiers_of_queue("c")] == ["x", "y"]
        assert plan.queues_of_backend("celery") == ["a", "c"]

    def test_the_most_specific_glob_comes_first(self):
        """The plan is in order; the first match counts."""
        plan = parse_plan(self.raw)
        assert plan.overrides_of("extract_big") == {"time_limit_s": 7200}
        assert plan.overrides_of("extract_text") == {"time_limit_s": 60}
        assert plan.overrides_of("other") == {}

    def test_scheduled_tasks_are_known(self):
        """A producer may submit what the profile schedules."""
        assert parse_plan(self.raw).knows("clean")

    @pytest.mark.parametrize("raw", [[], {"tiers": {"x": 1}}, {"routes": [["a"]]}, {"tiers": []}], ids=str)
    def test_what_is_no_plan_is_refused(self, raw):
        """A broken plan is an error with a remedy, not a traceback."""
        with pytest.raises(ConfigurationError, match="Render it again"):
            parse_plan(raw)

    def test_the_folder_decides(self, tmp_path, monkeypatch):
        """TASK_SETTINGS_DIR is read; without it the plan is empty."""
        assert load_plan().tiers == {}
        monkeypatch.setenv("TASK_SETTINGS_DIR", str(tmp_path))
        with pytest.raises(ConfigurationError, match=r"plan\.json: No such file"):
            load_plan()
        (tmp_path / "plan.json").write_text(json.dumps(self.raw))
        (tmp_path / "celeryconfig.py").write_text("answer = 42\n")
        assert set(load_plan().tiers) == {"x", "y"}
        assert load_settings_module("celeryconfig").answer == 42
        assert load_settings_module("temporal_settings") is None
