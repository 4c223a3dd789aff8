"""What the target kubernetes renders for processes that must not exist twice, and for who may talk to whom."""

import pytest
from celery.beat import PersistentScheduler

from task_abstraction.config.settings import SETTINGS
from tests.support.manifests import (
    main,
    objects,
    of_kind,
)


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
