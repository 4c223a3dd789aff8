"""What the fleet takes at its largest."""

from pathlib import Path

import pytest

from taskgen import pipeline
from taskgen.profile.files import Project

PROJECT = Project(Path(__file__).parents[2] / "fixtures" / "rules")
MIB = 2**20


def values(base="redis", *overrides):
    """Values of a plan: the base has one tier of 6 replicas and 2 of surge, with 4 slots, and an exporter."""
    return pipeline.checked(base, project=PROJECT, overrides=list(overrides)).plan.values


def test_sidecars_are_requested_with_every_replica():
    """What stands beside the worker counts as often as the worker; what ends before it starts does not."""
    resources = "resources: {requests: {cpu: 100m, memory: 64Mi}}"
    alone, beside, before = (
        values(),
        values("redis", f"tiers.main.pod.sidecars.proxy={{image: 'p:1', {resources}}}"),
        values("redis", f"tiers.main.pod.init_containers.wait={{image: 'p:1', {resources}}}"),
    )

    assert beside["fleet_cpu"] - alone["fleet_cpu"] == 8 * 100
    assert beside["fleet_memory"] - alone["fleet_memory"] == 8 * 64 * MIB
    assert before["fleet_cpu"] == alone["fleet_cpu"]


def test_beat_is_a_pod_too():
    """A schedule brings the process that sends it."""
    with_beat = values("redis", "schedules.s={task: do_it, every: 5m}")

    assert with_beat["fleet_pods"] == values()["fleet_pods"] + 1
    assert with_beat["fleet_cpu"] == values()["fleet_cpu"] + 50


@pytest.mark.parametrize(
    ("base", "overrides", "expected"),
    [
        pytest.param("redis", [], 8 * 4 * 3, id="a pool in each child of prefork"),
        pytest.param("redis", ["tiers.main.autoscale={min: 1, max: 9}"], 8 * 9 * 3, id="the largest pool of children"),
        pytest.param("temporal", [], 8 * 3, id="threads share one pool"),
    ],
)
def test_connections_to_the_database(base, overrides, expected):
    """Every process of every replica has a pool of its own."""
    found = values(base, "app.database={max_connections: 1000, pool_per_process: 3}", *overrides)

    assert found["database_connections_used"] == expected
