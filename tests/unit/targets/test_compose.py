"""compose.yaml, as Compose itself reads it."""

import os
import re

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from taskgen.errors import TemplateError
from taskgen.profile.base import SecretKey
from taskgen.rendering.compose import compose_required
from taskgen.rendering.encoding import compose_text
from taskgen.rendering.stack import local_server
from tests.support.in_memory import SHIPPED, artifacts, plan_of, texts, write
from tests.support.need import need
from tests.support.reading import compose_config

PATH = "compose/compose.yaml"
COMPOSED = [name for name in SHIPPED if not name.startswith("prod-")]
REFERENCE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+):\?([^}]*)\}")
RABBITMQ = (
    "backends.celery.broker={kind: rabbitmq, url: 'amqp://broker:5672/work', memory: 512Mi}",
    "backends.celery.results={kind: redis, url: 'redis://results:6379/0'}",
)
THIRD_PARTY = {"broker", "results", "temporal", "hatchet", "hatchet-token", "hatchet-database", "prometheus"}


def document(name, *overrides, change=None):
    """The rendered file, parsed, with its references to variables."""
    return yaml.safe_load(texts(name, "compose", *overrides, change=change)[PATH])


def understood(folder, name, *overrides, change=None, **env):
    """The rendered file as Compose understands it, beside the settings that it mounts."""
    need("compose")
    write(folder / "out" / name, artifacts(name, ["compose", "settings"], *overrides, change=change))
    file = folder / "out" / name / PATH
    names = {found for found, _ in REFERENCE.findall(file.read_text())}
    return compose_config(file, **{found: f"value-of-{found}" for found in names}, **env)


@pytest.mark.parametrize("name", COMPOSED)
class TestEveryStack:
    """What holds for every profile with a Compose stack."""

    def test_compose_accepts_it(self, name, tmp_path):
        """Compose finds every file, network, volume and service that the file names."""
        assert understood(tmp_path, name)["name"] == name

    def test_one_service_for_each_tier(self, name):
        """Every tier has a service with its command, grace period and memory, and the exporter stands beside them."""
        services, plan = document(name)["services"], plan_of(name)

        for tier in plan.tiers:
            service = services[f"worker-{tier.name}"]
            assert service["command"] == list(tier.command)
            assert service["stop_grace_period"] == f"{int(tier.grace.total_seconds())}s"
            assert service["deploy"]["resources"]["limits"]["memory"] == f"{tier.memory_limit // 2**20}m"
            assert service["deploy"]["replicas"] >= 1
        assert "exporter" in services

    def test_our_containers_are_hardened(self, name):
        """Containers of the application run read-only, without capabilities, and cannot gain privileges."""
        for key, service in document(name)["services"].items():
            assert "no-new-privileges:true" in service["security_opt"], key
            if key not in THIRD_PARTY:
                assert service["read_only"], key
                assert (service["cap_drop"], service["tmpfs"]) == (["ALL"], ["/tmp"]), key  # noqa: S108  # of the container

    def test_nothing_forbids_replicas(self, name):
        """Workers have neither a fixed name nor a port of this machine."""
        workers = [service for key, service in document(name)["services"].items() if key.startswith("worker")]

        assert workers
        assert not [service for service in workers if {"container_name", "ports", "hostname"} & service.keys()]

    def test_ports_are_published_on_this_machine_alone(self, name):
        """What is published is bound to 127.0.0.1."""
        ports = [port for service in document(name)["services"].values() for port in service.get("ports", ())]

        assert all(port.startswith("127.0.0.1:") for port in ports)

    def test_logs_are_bounded(self, name):
        """No log of a container grows without an end."""
        assert all(service["logging"]["options"]["max-size"] for service in document(name)["services"].values())

    def test_a_secret_is_never_in_it(self, name):
        """Every variable from a secret is a reference that Compose requires, or made inside the stack."""
        plan, services = plan_of(name), document(name)["services"]

        for tier in plan.tiers:
            environment = services[f"worker-{tier.name}"]["environment"]
            for entry in tier.env:
                if entry.secret and entry.name in environment:
                    assert REFERENCE.fullmatch(environment[entry.name])

    @pytest.mark.parametrize("reference", ["build", "image"])
    def test_builds_and_runs_the_image_of_the_profile(self, name, reference):
        """The image is built from the project's root with the rendered Dockerfile, or taken as it is named."""
        worker = next(service for key, service in document(name)["services"].items() if key.startswith("worker"))
        expected = {
            "build": {"context": "../../..", "dockerfile": f"out/{name}/image/Dockerfile"},
            "image": plan_of(name).pod.image,
        }

        assert worker[reference] == expected[reference]


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
        assert {"maxmemory 268435456", "maxmemory-policy noeviction"} <= set(conf.splitlines())

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


class TestProcesses:
    """Beat, exporter and Prometheus."""

    def test_beat_is_one_with_its_files_on_a_tmpfs(self):
        """Exactly one beat, which writes where a read-only container can be written (C12, C13)."""
        beat = document("dev-celery")["services"]["beat"]

        assert beat["deploy"]["replicas"] == 1
        assert {"--schedule=/tmp/celerybeat-schedule", "--pidfile="} <= set(beat["command"])

    @pytest.mark.parametrize(
        ("name", "overrides"),
        [
            pytest.param("dev-temporal", (), id="Temporal keeps its schedules itself"),
            pytest.param("dev-celery", ("schedules.nightly-cleanup.enabled=false",), id="nothing to send"),
        ],
    )
    def test_no_beat_without_schedules(self, name, overrides):
        """Where Celery has nothing to send, nothing sends."""
        assert "beat" not in document(name, *overrides)["services"]

    def test_prometheus_only_when_asked_for(self):
        """Prometheus stands in a profile of its own, with the rendered rules."""
        prometheus = document("dev-celery")["services"]["prometheus"]

        assert prometheus["profiles"] == ["monitoring"]
        assert prometheus["volumes"][0]["source"] == "../prometheus"

    def test_ports_can_stay_closed(self):
        """Without `publish` nothing of the stack is reachable from this machine."""
        services = document("dev-celery", "targets.compose.publish=false")["services"]

        assert not [key for key, service in services.items() if "ports" in service]

    def test_digest_is_pulled_not_built(self):
        """An image by digest cannot be the name of a build."""
        digest = f"app.image.digest=sha256:{'1' * 64}"

        assert "build" not in document("staging-celery", digest)["services"]["exporter"]


class TestSecrets:
    """Values of secrets come from the caller's environment, under stable names."""

    def test_missing_value_stops_compose(self, tmp_path):
        """A stack without its secrets does not start: Compose names the variable and the secret."""
        need("compose")
        write(tmp_path, artifacts("staging-celery", ["compose", "settings"]))

        with pytest.raises(ValueError, match=r"DOCFLOW_BROKER_URL.*secret docflow-broker, key url"):
            compose_config(tmp_path / PATH)

    def test_value_reaches_the_worker(self, tmp_path):
        """The worker gets the value under the name that the library reads, and it stays out of the file."""
        stack = understood(tmp_path, "staging-celery")

        assert (
            stack["services"]["worker-high"]["environment"]["TASK_CELERY_BROKER_URL"] == "value-of-DOCFLOW_BROKER_URL"
        )

    def test_file_says_what_it_needs(self):
        """The head of the file lists the variables."""
        assert "#   DOCFLOW_BROKER_URL\n" in texts("staging-celery", "compose")[PATH]

    def test_certificates_are_mounted_read_only(self):
        """Certificates are a folder of the caller, which must exist."""
        volume = document("staging-temporal")["services"]["worker-high"]["volumes"][0]

        assert (volume["type"], volume["target"], volume["read_only"]) == ("bind", "/etc/taskgen-tls", True)
        assert volume["bind"] == {"create_host_path": False}
        assert REFERENCE.fullmatch(volume["source"]).group(1) == "TEMPORAL_MTLS_DIR"

    def test_two_secrets_never_share_a_variable(self):
        """Names that would become one are refused: one of the values would be lost."""
        overrides = ("app.secret_env={A: {secret: docs-a, key: key}, B: {secret: docs, key: a-key}}",)

        with pytest.raises(TemplateError, match=r"docs/a-key and docs-a/key would both be read from DOCS_A_KEY"):
            document("staging-celery", *overrides)


class TestHostileValues:
    """No value of a profile becomes a variable, a key or another service."""

    @settings(max_examples=40)
    @given(st.lists(st.text(), min_size=1, max_size=20))
    def test_values_are_read_as_they_are(self, tmp_path_factory, values):
        """Compose reads any text back as it was, whatever dollars, quotes or breaks it holds."""
        need("compose")
        kept = {}
        for number, value in enumerate(values):
            try:
                kept[f"V{number}"] = (value, compose_text(value))
            except TemplateError:
                continue
        lines = "".join(f"      {name}: {text}\n" for name, (_, text) in kept.items())
        file = tmp_path_factory.mktemp("hostile") / "compose.yaml"
        file.write_text(f"name: x\nservices:\n  a:\n    image: x\n    environment:\n      HOME: x\n{lines}")

        read = compose_config(file, X="expanded")["services"]["a"]["environment"]

        assert {name: read[name] for name in kept} == {name: value for name, (value, _) in kept.items()}

    @given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
    def test_nested_values_keep_their_shape(self, value):
        """Every text below a collection is one scalar with its dollars doubled; keys stay as they are."""

        def doubled(entry):
            if isinstance(entry, dict):
                return {key: doubled(below) for key, below in entry.items()}
            return [doubled(below) for below in entry] if isinstance(entry, list) else entry.replace("$", "$$")

        try:
            text = compose_text(value)
        except TemplateError:
            return
        assert yaml.safe_load(text) == doubled(value)

    @pytest.mark.parametrize(
        "word", ["$HOME", "${HOME:-x}", "$$", '"; id', "a: b", "- a", "#", "{}", "\n  evil: {}", "!!x"]
    )
    def test_command_words_through_the_whole_way(self, tmp_path, word):
        """A word of a command reaches the container as the profile states it."""

        def change(profile):
            app = profile.app.model_copy(update={"kind": "command", "command": ("run", word)})
            return profile.model_copy(update={"app": app})

        stack = understood(tmp_path, "dev-celery", change=change)

        assert stack["services"]["worker-worker"]["command"] == ["run", word]
        assert set(stack["services"]) == {"broker", "worker-worker", "beat", "exporter", "prometheus"}

    @pytest.mark.parametrize(
        ("variable", "message"),
        [("A}", "x"), ("a", "x"), ("A", "}"), ("A", "$B"), ("A", ""), ("A B", "x"), ("A", "a\nb")],
    )
    def test_reference_is_a_reference(self, variable, message):
        """A name or message that would end the reference early is refused."""
        with pytest.raises(TemplateError, match="is no reference that Compose reads"):
            compose_required(variable, message)


def test_paths_lead_to_the_root_from_any_output_folder(tmp_path):
    """The build context is the project's root, wherever the output folder is."""
    build = document("dev-celery", "output=deploy/rendered/out")["services"]["worker-worker"]["build"]

    here = os.path.normpath(tmp_path / "deploy/rendered/out/dev-celery/compose" / build["context"])
    assert here == str(tmp_path)
    assert build["dockerfile"] == "deploy/rendered/out/dev-celery/image/Dockerfile"
