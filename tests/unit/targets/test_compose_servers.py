"""Servers of a Compose stack: those that only the stack can mean, and nothing else."""

import pytest

from taskgen.profile.base import SecretKey
from taskgen.rendering.stack import local_server
from tests.support.composing import COMPOSED, document, understood
from tests.support.in_memory import plan_of, texts

RABBITMQ = (
    "backends.celery.broker={kind: rabbitmq, url: 'amqp://broker:5672/work', memory: 512Mi}",
    "backends.celery.results={kind: redis, url: 'redis://results:6379/0'}",
)


class TestServers:
    """Servers that only the stack can mean are part of it; all others are not."""

    @pytest.mark.parametrize(
        ("address", "expected"),
        [
            pytest.param("redis://broker:6379/0", ("broker", 6379), id="a name without a dot"),
            pytest.param("redis://broker/0", ("broker", 1), id="default port"),
            pytest.param("temporal:7233", ("temporal", 7233), id="without a scheme"),
            pytest.param("redis://redis.example.com:6379/0", None, id="a name of the network"),
            pytest.param("redis://localhost:6379/0", None, id="this machine"),
            pytest.param("127.0.0.1:7233", None, id="an address"),
            pytest.param("[::1]:7233", None, id="an address of IPv6"),
            pytest.param(SecretKey(secret="a", key="url"), None, id="a secret"),  # noqa: S106  # its name
            pytest.param(None, None, id="none"),
        ],
    )
    def test_which_address_is_local(self, address, expected):
        """Only a plain name can be a service."""
        assert local_server(address, 1) == expected

    @pytest.mark.parametrize("name", [name for name in COMPOSED if name.startswith("staging-")])
    def test_servers_elsewhere_are_not_rendered(self, name):
        """A stack against servers of its environment holds our processes alone."""
        plan = plan_of(name)
        ours = {f"worker-{tier.name}" for tier in plan.tiers} | {"exporter", "beat", "prometheus"}

        assert document(name)["services"].keys() <= ours

    def test_redis_has_the_rendered_settings(self):
        """The broker starts with the settings of the profile, keeps its data, and is waited for."""
        stack = document("dev-celery")
        broker = stack["services"]["broker"]

        assert broker["command"][:2] == ["redis-server", "/etc/taskgen/redis.conf"]
        assert {"type": "volume", "source": "broker", "target": "/data"} in broker["volumes"]
        assert stack["services"]["worker-worker"]["depends_on"] == {"broker": {"condition": "service_healthy"}}
        conf = texts("dev-celery", "settings")["settings/redis.conf"]
        assert {"maxmemory 805306368", "maxmemory-policy noeviction"} <= set(conf.splitlines())

    def test_rabbitmq_with_results_beside_it(self, tmp_path):
        """RabbitMQ reads the rendered consumer timeout; results have a Redis of their own."""
        stack = understood(tmp_path, "dev-celery", *RABBITMQ)

        mounted = {volume["target"] for volume in stack["services"]["broker"]["volumes"]}
        assert "/etc/rabbitmq/conf.d/90-taskgen.conf" in mounted
        assert stack["services"]["broker"]["environment"] == {"RABBITMQ_DEFAULT_VHOST": "work"}
        assert stack["services"]["results"]["command"][0] == "redis-server"
        assert set(stack["services"]["worker-worker"]["depends_on"]) == {"broker", "results"}
        assert "consumer_timeout = 1800000" in texts("dev-celery", "settings", *RABBITMQ)["settings/rabbitmq.conf"]

    def test_results_in_the_database_beside_the_broker(self):
        """Results on the broker's own server need no second one."""
        overrides = "backends.celery.results={kind: redis, url: 'redis://broker:6379/1'}"

        assert set(document("dev-celery", overrides)["services"]) == {
            "broker",
            "worker-worker",
            "beat",
            "exporter",
            "prometheus",
        }

    def test_temporal_development_server(self):
        """The development server listens for the stack, in the namespace of the profile."""
        command = document("dev-temporal")["services"]["temporal"]["command"]

        assert command[:6] == ["server", "start-dev", "--ip", "0.0.0.0", "--port", "7233"]  # noqa: S104  # in its container
        assert command[-2:] == ["--namespace", "default"]

    def test_hatchet_makes_its_own_token(self):
        """The engine's addresses are those of the profile; workers read the token that the stack made, as process 1."""
        services = document("dev-hatchet")["services"]
        engine, worker = services["hatchet"]["environment"], services["worker-worker"]

        assert (engine["SERVER_GRPC_BROADCAST_ADDRESS"], engine["SERVER_URL"]) == (
            "hatchet:7077",
            "http://hatchet:8888",
        )
        assert worker["depends_on"]["hatchet-token"] == {"condition": "service_completed_successfully"}
        assert worker["entrypoint"][2].endswith('&& exec "$$@"')
        assert "TASK_HATCHET_TOKEN" not in worker["environment"]

    def test_hatchet_database_is_out_of_reach(self):
        """The database without a password is in a network that only the engine and its helper share."""
        stack = document("dev-hatchet")
        members = [
            key for key, service in stack["services"].items() if "hatchet-database" in service.get("networks", ())
        ]

        assert members == ["hatchet", "hatchet-token", "hatchet-database"]
        assert "default" not in stack["services"]["hatchet-database"]["networks"]
        assert stack["networks"] == {"hatchet-database": {"internal": True}}
