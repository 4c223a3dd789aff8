"""What the target kubernetes renders: the fields that decide whether work is lost."""

import pytest
import yaml
from celery.beat import PersistentScheduler

from task_abstraction.config.settings import SETTINGS
from taskgen.errors import TemplateError
from taskgen.rendering.render import render
from tests.support.in_memory import texts
from tests.support.manifests import (
    ON_KUBERNETES,
    PROJECT,
    ROOT,
    artifacts,
    env,
    loaded,
    main,
    objects,
    objects_in,
    plan_of,
    pod,
)

DIGEST = "sha256:65e437fff2a55948d5d6e41517c0c2eabf0ef4b39985dc3fc49fd7d2f86dee78"


def of_kind(found, kind):
    """The objects of one kind, by name."""
    return {key.partition("/")[2]: value for key, value in found.items() if key.partition("/")[0] == kind}


@pytest.mark.parametrize("profile", ON_KUBERNETES)
class TestEveryProfile:
    """What holds for every shipped profile."""

    def test_replicas_belong_to_one_owner(self, profile):
        """Replicas are written exactly where no autoscaler sets them (K01, K02)."""
        found = objects(profile)
        scaled = {entry["spec"]["scaleTargetRef"]["name"] for entry in of_kind(found, "ScaledObject").values()}

        for name, entry in of_kind(found, "Deployment").items():
            assert ("replicas" in entry["spec"]) == (name not in scaled)

    def test_grace_reaches_the_pod_and_the_worker(self, profile):
        """The kubelet waits as long as the plan says, and the worker knows it."""
        found = objects(profile)

        for tier in plan_of(profile).tiers:
            deployment = found[f"Deployment/worker-{tier.name}"]
            assert pod(deployment)["terminationGracePeriodSeconds"] == tier.grace.total_seconds()
            if plan_of(profile).profile.app.kind == "task_abstraction":
                assert env(deployment)["TASK_SHUTDOWN_GRACE_SECONDS"] == str(int(tier.grace.total_seconds()))

    def test_one_image_everywhere(self, profile):
        """Worker, beat and exporter run the same image (K20)."""
        deployments = of_kind(objects(profile), "Deployment").values()

        assert len({main(entry)["image"] for entry in deployments}) == 1

    def test_settings_are_those_of_the_settings_target(self, profile):
        """The ConfigMap holds the files of the target settings byte for byte, and nothing of a server."""
        base = loaded(profile)
        settings = render(
            plan_of(profile),
            base.specs,
            roots=PROJECT.template_roots(),
            trees={"library": ROOT / "library"},
            only="settings",
        )
        expected = {
            file.path.removeprefix("settings/"): file.content.decode()
            for file in settings
            if file.path.count("/") == 1 and file.path.endswith((".json", ".py"))
        }
        (config_map,) = of_kind(objects(profile), "ConfigMap").values()

        assert config_map["data"] == expected
        assert "plan.json" in expected

    def test_settings_reach_every_process(self, profile):
        """Each pod mounts the ConfigMap of this rendering where its variable points: the folder, or the plan in it."""
        found = objects(profile)
        (name,) = of_kind(found, "ConfigMap")

        for entry in of_kind(found, "Deployment").values():
            mounts = {mount["name"]: mount["mountPath"] for mount in main(entry)["volumeMounts"]}
            volumes = {volume["name"]: volume for volume in pod(entry)["volumes"]}
            assert volumes["settings"]["configMap"]["name"] == name
            told = env(entry)
            assert {told.get("TASK_SETTINGS_DIR"), told.get("TASK_PLAN_FILE")} <= {
                None,
                mounts["settings"],
                f"{mounts['settings']}/plan.json",
            }
            assert ("TASK_SETTINGS_DIR" in told) != ("TASK_PLAN_FILE" in told)

    def test_kustomization_lists_every_other_file(self, profile):
        """Nothing is rendered that nobody applies, in every cluster."""
        files = [file.path for file in artifacts(profile)]

        for file in artifacts(profile):
            folder, _, name = file.path.rpartition("/")
            if name == "kustomization.yaml":
                text = file.content.decode().partition("resources:\n")[2].splitlines()
                there = [path.rpartition("/")[2] for path in files if path.startswith(f"{folder}/")]
                assert [line.removeprefix("  - ") for line in text] == sorted(set(there) - {name})

    def test_alerts_are_those_that_promtool_checks(self, profile):
        """The PrometheusRule holds the groups of prometheus/rules.yaml, no more and no less."""
        base = loaded(profile)
        rules = render(plan_of(profile), base.specs, roots=PROJECT.template_roots(), trees={}, only="prometheus")
        (text,) = (file.content for file in rules if file.path == "prometheus/rules.yaml")
        (rule,) = of_kind(objects(profile), "PrometheusRule").values()

        assert rule["spec"] == yaml.load(text, yaml.CSafeLoader)

    def test_no_secret_is_rendered(self, profile):
        """Secrets are referred to, never written."""
        assert of_kind(objects(profile), "Secret") == {}

    def test_clusters_differ_in_their_folder_only(self, profile):
        """Each cluster gets the same objects."""
        by_cluster = {}
        for file in artifacts(profile):
            _, cluster, name = file.path.split("/")
            by_cluster.setdefault(cluster, {})[name] = file.content

        assert len({tuple(sorted(files.items())) for files in by_cluster.values()}) == 1

    def test_no_empty_line_and_no_null(self, profile):
        """A reviewer reads no gap left by a condition and no value that says nothing; settings keep their own lines."""
        for file in artifacts(profile):
            if not file.path.endswith("configmap.yaml"):
                lines = file.content.decode().splitlines()
                assert not any(line.strip() == "" or line.endswith((" null", " {}", " []", '""')) for line in lines), (
                    file.path
                )


class TestAutoscaling:
    """Design 4.1 of autoscaling.md."""

    def test_scaler_reads_the_exporter(self):
        """Both signals come from the exporter, with the targets of the plan, and a fallback that never shrinks."""
        spec = objects("prod-celery")["ScaledObject/worker-file"]["spec"]
        tier = plan_of("prod-celery").tier("file")

        assert [trigger["metadata"] for trigger in spec["triggers"]] == [
            {
                "url": "http://task-backend-exporter.docflow.svc:9808/scaling/file",
                "valueLocation": location,
                "targetValue": f"{target:g}",
            }
            for location, target in (("waiting", tier.backlog_target), ("in_flight", tier.in_flight_target))
        ]
        assert {trigger["metricType"] for trigger in spec["triggers"]} == {"AverageValue"}
        assert spec["fallback"] == {
            "failureThreshold": 3,
            "replicas": tier.fallback_replicas,
            "behavior": "currentReplicasIfHigher",
        }
        assert spec["pollingInterval"] == 10
        assert "cooldownPeriod" not in spec

    def test_behavior_is_explicit_in_both_directions(self):
        """Without it the controller runs another code path (K25)."""
        keda = objects("prod-celery")["ScaledObject/worker-file"]["spec"]["advanced"]["horizontalPodAutoscalerConfig"]
        hpa = objects("prod-celery", "targets.kubernetes.autoscaler=hpa")["HorizontalPodAutoscaler/worker-file"]

        assert keda["behavior"] == hpa["spec"]["behavior"]
        assert keda["behavior"]["scaleDown"] == {
            "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
            "selectPolicy": "Max",
            "stabilizationWindowSeconds": 300,
        }

    def test_stated_steps_replace_the_derived_ones(self):
        """`scale.behavior` wins, key by key."""
        spec = objects("prod-celery", "tiers.file.scale.behavior.down={pods: 2, period: 90s, window: 10m}")[
            "ScaledObject/worker-file"
        ]["spec"]
        down = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]

        assert down["policies"] == [{"type": "Pods", "value": 2, "periodSeconds": 90}]
        assert down["stabilizationWindowSeconds"] == 600

    def test_scale_to_zero_waits_for_running_work(self):
        """With min 0 the cooldown is there, longer than the longest task of the load (K11)."""
        spec = objects("prod-celery", "tiers.low.scale.min=0")["ScaledObject/worker-low"]["spec"]

        assert spec["minReplicaCount"] == 0
        assert spec["cooldownPeriod"] >= 300

    def test_schedules_are_cron_triggers(self):
        """A window of the week raises the floor."""
        schedule = '{start: "0 8 * * MON-FRI", end: "0 18 * * MON-FRI", timezone: Europe/Berlin, min: 4}'
        spec = objects("prod-celery", f"tiers.file.scale.schedules.office={schedule}")["ScaledObject/worker-file"][
            "spec"
        ]

        assert spec["triggers"][-1] == {
            "type": "cron",
            "name": "office",
            "metadata": {
                "timezone": "Europe/Berlin",
                "start": "0 8 * * MON-FRI",
                "end": "0 18 * * MON-FRI",
                "desiredReplicas": "4",
            },
        }

    def test_further_signals(self):
        """CPU, memory and queries of the user's own are triggers of their own kinds."""
        signals = "[backlog, {cpu: 70%}, {memory: 700Mi}, {prometheus: sum(x), target: 5}]"
        spec = objects("prod-celery", f"tiers.file.scale.signals={signals}")["ScaledObject/worker-file"]["spec"]

        assert [(entry["type"], entry["metricType"]) for entry in spec["triggers"]] == [
            ("metrics-api", "AverageValue"),
            ("cpu", "Utilization"),
            ("memory", "AverageValue"),
            ("prometheus", "AverageValue"),
        ]
        assert [entry["metadata"].get("value") for entry in spec["triggers"][1:3]] == ["70", "700Mi"]
        assert spec["triggers"][3]["metadata"]["ignoreNullValues"] == "false"

    def test_hpa_reads_external_metrics(self):
        """The HPA asks for the series of its own namespace and tier, as counts for each pod (K05)."""
        found = objects("prod-celery", "targets.kubernetes.autoscaler=hpa")
        metric = found["HorizontalPodAutoscaler/worker-file"]["spec"]["metrics"][1]["external"]

        assert of_kind(found, "ScaledObject") == {}
        assert metric == {
            "metric": {
                "name": "task_queue_in_flight",
                "selector": {"matchLabels": {"namespace": "docflow", "tier": "file"}},
            },
            "target": {"type": "AverageValue", "averageValue": "3200m"},
        }

    @pytest.mark.parametrize(
        ("autoscaler", "override", "said"),
        [
            (
                "keda",
                "tiers.file.scale.signals=[{sql: SELECT 1, secret: {secret: d, key: u}, target: 1}]",
                "signals: sql",
            ),
            ("hpa", "tiers.file.scale.signals=[backlog, {prometheus: sum(x), target: 5}]", "signals: prometheus"),
            (
                "hpa",
                'tiers.file.scale.schedules.day={start: "0 8 * * *", end: "0 9 * * *", min: 2}',
                "schedules: schedules",
            ),
        ],
        ids=["a database", "a query", "a window of the week"],
    )
    def test_what_an_autoscaler_cannot_read_is_refused(self, autoscaler, override, said):
        """A signal never vanishes in silence."""
        with pytest.raises(TemplateError, match=f"tiers.file.scale.{said} cannot be rendered for this autoscaler"):
            artifacts("prod-celery", f"targets.kubernetes.autoscaler={autoscaler}", override)

    def test_without_autoscaler(self):
        """`autoscaler: none` writes the fewest replicas and no scaler."""
        found = objects("prod-celery", "targets.kubernetes.autoscaler=none")

        assert of_kind(found, "ScaledObject") == {}
        assert found["Deployment/worker-file"]["spec"]["replicas"] == plan_of("prod-celery").tier("file").min_replicas

    def test_each_backend_has_its_own_exporter(self):
        """In a hybrid, scalers ask the exporter of their tier's backend."""
        found = objects("prod-hybrid")
        asked = {
            name: {trigger["metadata"]["url"].split("/")[2].split(".")[0] for trigger in entry["spec"]["triggers"]}
            for name, entry in of_kind(found, "ScaledObject").items()
        }

        for tier in plan_of("prod-hybrid").tiers:
            if tier.autoscaled:
                assert asked[f"worker-{tier.name}"] == {f"task-backend-exporter-{tier.backend}"}
        assert set(of_kind(found, "Service")) == {"task-backend-exporter-celery", "task-backend-exporter-temporal"}


class TestProcesses:
    """What runs exactly once."""

    @pytest.mark.parametrize(
        ("profile", "name"),
        [("prod-celery", "beat"), ("prod-celery", "task-backend-exporter")],
        ids=["beat", "exporter"],
    )
    def test_never_two(self, profile, name):
        """A rolling update would run two for a moment: Recreate, one replica, no budget (C12)."""
        found = objects(profile)
        spec = found[f"Deployment/{name}"]["spec"]

        assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
        assert f"PodDisruptionBudget/{name}" not in found

    def test_beat_writes_where_it_can(self):
        """Both files of beat lie on the writable volume of a read-only container (C13)."""
        beat = main(objects("prod-celery")["Deployment/beat"])

        assert beat["command"][:3] == ["celery", "--app=task_abstraction.backends.celery.app", "beat"]
        assert {"--schedule=/tmp/celerybeat-schedule", "--pidfile="} <= set(beat["command"])
        assert {"name": "tmp", "mountPath": "/tmp"} in beat["volumeMounts"]  # noqa: S108  # inside the container

    @pytest.mark.parametrize("profile", ["prod-celery", "prod-existing"])
    def test_the_probe_outlasts_the_longest_pause_of_a_beat_that_is_well(self, profile):
        """Beat looks at the end of each sleep whether 180 s have passed, and only then writes the probed file."""
        beat = main(objects(profile)["Deployment/beat"])
        (sleep,) = (int(word.removeprefix("--max-interval=")) for word in beat["command"] if "--max-interval=" in word)
        probe, fresh = beat["livenessProbe"], 2 * SETTINGS["health_interval_s"].default

        missed = (PersistentScheduler.sync_every + sleep - fresh) / probe["periodSeconds"]

        assert missed + 1 < probe["failureThreshold"]

    @pytest.mark.parametrize(
        "override",
        ["schedules.nightly-cleanup=null", "schedules.nightly-cleanup.enabled=false"],
        ids=["no schedule", "all disabled"],
    )
    def test_beat_needs_a_schedule(self, override):
        """Where nothing is to be sent there is no beat, also not in the policy."""
        found = objects("prod-celery", override)

        assert "Deployment/beat" not in found
        (expression,) = found["NetworkPolicy/docflow-worker"]["spec"]["podSelector"]["matchExpressions"]
        assert expression["values"] == ["worker"]

    def test_exactly_one_tier(self):
        """A tier that must not exist twice is recreated, unscaled and without a budget."""
        found = objects("prod-celery", "tiers.low.replicas=exactly_one")
        spec = found["Deployment/worker-low"]["spec"]

        assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
        assert not {"PodDisruptionBudget/worker-low", "ScaledObject/worker-low"} & found.keys()


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


class TestNetwork:
    """Who may talk to whom (S12)."""

    def test_the_scaler_may_ask_the_exporter(self):
        """A policy that closed KEDA out would freeze every tier."""
        policy = objects("prod-celery", "targets.kubernetes.keda_namespace=autoscaling")[
            "NetworkPolicy/task-backend-exporter"
        ]
        (rule,) = policy["spec"]["ingress"]

        assert [entry["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for entry in rule["from"]] == [
            "monitoring",
            "autoscaling",
        ]

    def test_egress_is_what_the_profile_states(self):
        """DNS, the broker, the collector, and what the profile lists; a destination without a place opens nothing."""
        spec = objects(
            "prod-celery",
            "monitoring.tracing.otlp=http://collector.tracing:4317",
            "egress.database={ports: [5432], namespace: data, pod_labels: {app: db}}",
            "egress.nowhere={ports: [1]}",
        )["NetworkPolicy/docflow-worker"]["spec"]

        assert [(rule["to"], [port["port"] for port in rule["ports"]]) for rule in spec["egress"][1:]] == [
            ([{"ipBlock": {"cidr": "192.0.2.0/24"}}], [6379]),
            ([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "tracing"}}}], [4317]),
            (
                [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "data"}},
                        "podSelector": {"matchLabels": {"app": "db"}},
                    }
                ],
                [5432],
            ),
        ]

    def test_policies_can_be_left_to_others(self):
        """Where the cluster has its own policies none is rendered."""
        assert of_kind(objects("prod-celery", "targets.kubernetes.network_policy=false"), "NetworkPolicy") == {}


class TestOptions:
    """Options of the target."""

    def test_namespace_of_somebody_else(self):
        """Two profiles in one namespace: only one renders it."""
        assert of_kind(objects("prod-celery", "targets.kubernetes.create_namespace=false"), "Namespace") == {}

    def test_monitors_carry_the_labels_that_prometheus_selects(self):
        """Prometheus of a kube-prometheus-stack sees only what carries its release."""
        found = objects("prod-celery", "targets.kubernetes.monitor_labels={release: stack}")

        assert found["PodMonitor/docflow-worker"]["metadata"]["labels"]["release"] == "stack"
        assert found["ServiceMonitor/docflow-exporter"]["metadata"]["labels"]["release"] == "stack"

    def test_without_the_operator(self):
        """No kinds are rendered whose definitions the cluster does not have."""
        found = objects("prod-celery", "monitoring.operator=false")

        assert not {"PodMonitor", "ServiceMonitor", "PrometheusRule"} & {key.partition("/")[0] for key in found}

    def test_a_priority_class_for_each_priority(self):
        """The order of priorities is the order of values, and none is the default of the cluster."""
        classes = of_kind(objects("prod-celery"), "PriorityClass")

        assert classes["docflow-high"]["value"] > classes["docflow-medium"]["value"] > classes["docflow-low"]["value"]
        assert not any("globalDefault" in entry for entry in classes.values())


def test_changed_settings_roll_the_pods():
    """The ConfigMap's name follows its data, and the old one is never changed."""
    one, other = (
        of_kind(objects(*arguments), "ConfigMap")
        for arguments in (("prod-celery",), ("prod-celery", "tiers.file.concurrency=5"))
    )

    assert one.keys().isdisjoint(other.keys())
    assert all(entry["immutable"] is True for entry in (*one.values(), *other.values()))


def test_rendering_is_a_function_of_its_input():
    """Twice the same bytes."""
    again = artifacts.__wrapped__("prod-hybrid")

    assert again == artifacts("prod-hybrid")


def test_selectors_of_objects_are_one_per_tier():
    """No two workloads share a selector (K19)."""
    found = of_kind(objects_in(artifacts("prod-hybrid")), "Deployment").values()
    selectors = [tuple(sorted(entry["spec"]["selector"]["matchLabels"].items())) for entry in found]

    assert len(set(selectors)) == len(selectors)


def test_a_target_that_takes_in_a_missing_one_says_so():
    """Without the target settings there is nothing to mount."""
    base = loaded("prod-celery")
    specs = {name: spec for name, spec in base.specs.items() if name != "settings"}

    with pytest.raises(TemplateError, match="there is no target settings"):
        render(plan_of("prod-celery"), specs, roots=PROJECT.template_roots(), trees={}, only="kubernetes")


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
