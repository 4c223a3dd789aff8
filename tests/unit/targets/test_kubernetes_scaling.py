"""What the target kubernetes renders for the autoscalers: triggers, behavior, floors, and who answers them."""

import pytest

from taskgen.errors import TemplateError
from tests.support.manifests import (
    artifacts,
    objects,
    of_kind,
    plan_of,
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
