"""What the target kubernetes renders into the pods of workers, also of those with a command of their own."""

import pytest

from tests.support.in_memory import texts
from tests.support.manifests import (
    env,
    main,
    objects,
    of_kind,
    pod,
)

DIGEST = "sha256:65e437fff2a55948d5d6e41517c0c2eabf0ef4b39985dc3fc49fd7d2f86dee78"


class TestPod:
    """What a profile adds to its pods."""

    def test_everything_of_the_pod_is_rendered(self):
        """Node selector, tolerations, annotations, labels, volumes, containers and node fields arrive as stated."""
        deployment = objects(
            "prod-celery",
            "pod.node_selector={pool: workers}",
            "pod.tolerations.spot={key: spot, operator: Exists}",
            "tiers.file.pod.annotations={example.com/owner: team a}",
            "tiers.file.pod.labels={team: docs, tier: other}",
            "tiers.file.pod.volumes.models={mount_path: /m, read_only: true, persistentVolumeClaim: {claimName: m}}",
            "tiers.file.pod.init_containers.wait={image: 'busybox:1.37', command: [sleep, '1']}",
            "tiers.file.pod.sidecars.proxy={image: 'proxy:2', args: [run]}",
            "tiers.file.pod.env_from_node={NODE: spec.nodeName}",
        )["Deployment/worker-file"]
        spec = pod(deployment)
        metadata = deployment["spec"]["template"]["metadata"]

        assert spec["nodeSelector"] == {"pool": "workers"}
        assert spec["tolerations"] == [{"key": "spot", "operator": "Exists"}]
        assert metadata["annotations"] == {"example.com/owner": "team a"}
        assert (metadata["labels"]["team"], metadata["labels"]["tier"]) == ("docs", "file")
        assert {"name": "models", "persistentVolumeClaim": {"claimName": "m"}} in spec["volumes"]
        assert {"name": "models", "mountPath": "/m", "readOnly": True} in main(deployment)["volumeMounts"]
        assert [(entry["name"], entry.get("restartPolicy")) for entry in spec["initContainers"]] == [
            ("wait", None),
            ("proxy", "Always"),
        ]
        assert env(deployment)["NODE"] == {"fieldRef": {"fieldPath": "spec.nodeName"}}

    def test_added_containers_are_as_hardened_as_the_worker(self):
        """A namespace that enforces `restricted` would refuse the pod for one loose sidecar (S11)."""
        deployment = objects("prod-celery", "tiers.file.pod.sidecars.proxy={image: 'proxy:2'}")[
            "Deployment/worker-file"
        ]

        assert pod(deployment)["initContainers"][0]["securityContext"] == main(deployment)["securityContext"]
        assert main(deployment)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }

    def test_deviations_of_security_go_where_they_belong(self):
        """Fields of the pod and fields of the container are told apart."""
        deployment = objects("prod-celery", "pod.security={runAsUser: 20000, readOnlyRootFilesystem: false}")[
            "Deployment/worker-file"
        ]

        assert pod(deployment)["securityContext"]["runAsUser"] == 20000
        assert main(deployment)["securityContext"]["readOnlyRootFilesystem"] is False

    def test_account_of_a_tier(self):
        """A tier with a cloud role of its own has an account of its own."""
        found = objects("prod-celery", "tiers.file.pod.service_account_annotations={example.com/role: reader}")

        assert pod(found["Deployment/worker-file"])["serviceAccountName"] == "worker-file"
        assert found["ServiceAccount/worker-file"]["metadata"]["annotations"] == {"example.com/role": "reader"}
        assert pod(found["Deployment/worker-api"])["serviceAccountName"] == "docflow-worker"

    def test_resources_for_every_tier(self):
        """Resources set by hand on the profile reach the tiers that state none themselves."""
        found = objects(
            "prod-celery",
            "pod.resources={ephemeral_storage: 2Gi, cpu_limit: '2'}",
            "tiers.api.pod.resources.ephemeral_storage=1Gi",
        )

        for tier, disk in (("file", "2Gi"), ("api", "1Gi")):
            limits = main(found[f"Deployment/worker-{tier}"])["resources"]["limits"]
            assert (limits["ephemeral-storage"], limits["cpu"]) == (disk, "2")

    def test_no_cpu_limit_by_default(self):
        """A limit throttles heartbeats and probes (kubernetes.md 9); memory is never overcommitted."""
        resources = main(objects("prod-celery")["Deployment/worker-file"])["resources"]

        assert "cpu" not in resources["limits"]
        assert resources["limits"]["memory"] == resources["requests"]["memory"]

    def test_image_by_digest_else_by_tag(self):
        """The digest wins, because a tag can move between two pods of one rollout."""
        by_tag = objects("prod-celery", "app.image.digest=null")

        assert main(objects("prod-celery")["Deployment/worker-file"])["image"].endswith(f"@{DIGEST}")
        assert main(by_tag["Deployment/worker-file"])["image"] == "registry.example.com/docflow-worker:2.3.0"

    def test_a_tag_that_no_label_can_hold_is_no_label(self):
        """Tags may be longer than labels and end in characters that labels refuse."""
        found = objects("prod-celery", "app.image.tag=" + "v" * 70)

        assert (
            "app.kubernetes.io/version" not in found["Deployment/worker-file"]["spec"]["template"]["metadata"]["labels"]
        )

    def test_rollout_as_numbers(self):
        """Kubernetes takes `3` as a number and `30%` as text."""
        found = objects("prod-celery", "tiers.file.rollout={surge: '3', unavailable: 10%}")

        assert found["Deployment/worker-file"]["spec"]["strategy"]["rollingUpdate"] == {
            "maxSurge": 3,
            "maxUnavailable": "10%",
        }

    def test_a_slow_start_is_no_failure(self):
        """An application that starts in two minutes gets a longer startup probe and rollout (K07)."""
        deployment = objects("prod-celery", "app.start=2m")["Deployment/worker-file"]
        probe = main(deployment)["startupProbe"]

        assert probe["periodSeconds"] * probe["failureThreshold"] == 360
        assert deployment["spec"]["progressDeadlineSeconds"] > 360 + 120

    def test_certificates_are_mounted(self):
        """Secrets that a worker reads as files come from references."""
        deployment = objects("prod-temporal")["Deployment/worker-file"]

        assert {"name": "temporal-tls", "secret": {"secretName": "temporal-mtls"}} in pod(deployment)["volumes"]

    def test_secrets_come_by_reference(self):
        """An address with credentials is a reference in the environment."""
        found = env(objects("prod-celery")["Deployment/worker-file"])

        assert found["TASK_CELERY_BROKER_URL"] == {"secretKeyRef": {"name": "docflow-broker", "key": "url"}}


class TestForeignCommand:
    """Workers with a command line of the user's own."""

    SETS = ("app.kind=command", "app.command=[python, -m, app.worker]")

    def test_declared_health_is_probed(self):
        """Probes and monitor use the declared ports and paths."""
        found = objects(
            "prod-temporal", *self.SETS, "app.health={port: 9000, path: /up, metrics_port: 9001, metrics_path: /m}"
        )
        container = main(found["Deployment/worker-file"])

        assert container["command"] == ["python", "-m", "app.worker"]
        assert container["livenessProbe"]["httpGet"] == {"path": "/up", "port": "health"}
        assert container["ports"] == [
            {"name": "health", "containerPort": 9000},
            {"name": "metrics", "containerPort": 9001},
        ]
        (endpoint,) = found["PodMonitor/docflow-worker"]["spec"]["podMetricsEndpoints"]
        assert (endpoint["port"], endpoint["path"]) == ("metrics", "/m")

    def test_nothing_declared_is_nothing_probed(self):
        """Without declared health there is no probe that could fail, and no monitor."""
        found = objects("prod-temporal", *self.SETS)

        assert "livenessProbe" not in main(found["Deployment/worker-file"])
        assert "PodMonitor/docflow-worker" not in found


@pytest.mark.parametrize("profile", ["prod-celery", "prod-temporal", "prod-hatchet"])
def test_every_process_gets_the_keys_of_the_payload_codec(profile):
    """Workers, exporter and beat refer to one secret; the image brings the codec's package (S08)."""
    backend = profile.removeprefix("prod-")
    override = f"backends.{backend}.encryption={{secret: payload, key: keys}}"
    deployments = of_kind(objects(profile, override), "Deployment")

    assert {"task-backend-exporter"} < set(deployments)
    for deployment in deployments.values():
        reference = {"secretKeyRef": {"name": "payload", "key": "keys"}}
        assert env(deployment)["TASK_ENCRYPTION_KEYS"] == reference
    assert f"./library[{backend},encryption]" in texts(profile, "image", override)["image/Dockerfile"]
