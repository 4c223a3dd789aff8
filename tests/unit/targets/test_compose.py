"""compose.yaml: every stack, and the processes in it."""

import os

import pytest

from tests.support.composing import COMPOSED, REFERENCE, document, understood
from tests.support.in_memory import plan_of

THIRD_PARTY = {"broker", "results", "temporal", "hatchet", "hatchet-token", "hatchet-database", "prometheus"}


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


def test_paths_lead_to_the_root_from_any_output_folder(tmp_path):
    """The build context is the project's root, wherever the output folder is."""
    build = document("dev-celery", "output=deploy/rendered/out")["services"]["worker-worker"]["build"]

    here = os.path.normpath(tmp_path / "deploy/rendered/out/dev-celery/compose" / build["context"])
    assert here == str(tmp_path)
    assert build["dockerfile"] == "deploy/rendered/out/dev-celery/image/Dockerfile"
