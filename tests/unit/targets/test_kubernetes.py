"""What the target kubernetes renders: the fields that decide whether work is lost."""

import pytest
import yaml

from taskgen.errors import TemplateError
from taskgen.rendering.render import render
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
    of_kind,
    plan_of,
    pod,
)


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
