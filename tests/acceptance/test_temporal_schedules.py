"""Schedules of a profile on a real Temporal server."""

import json
import subprocess

import pytest

from tests.acceptance.temporal_support import Fleet, new_namespace
from tests.support import servers
from tests.support.servers import wait_until

pytestmark = pytest.mark.server
OFTEN = ("schedules.nightly-cleanup.cron=null", "schedules.nightly-cleanup.every=1s")


def schedules_of(fleet):
    """Ids and pauses of the schedules of a namespace."""
    command = [str(servers.program("temporal")), "schedule", "list", "--address", fleet.address, "-o", "json"]
    asked = subprocess.run(
        [*command, "--namespace", fleet.namespace], check=True, capture_output=True, text=True, timeout=30
    )
    return {found["scheduleId"]: found["info"].get("paused", False) for found in json.loads(asked.stdout or "[]")}


def test_a_schedule_runs_its_task_and_ends_with_the_profile(temporal, tmp_path):
    """The worker creates, pauses and removes what the profile says; the exporter tells the last run."""
    namespace = new_namespace(temporal.address)
    fleet = Fleet(temporal.address, namespace, tmp_path / "often", OFTEN)
    with fleet.worker("low") as running, fleet.exporter() as probe:
        wait_until(
            lambda: running.sum_of("task_succeeded_total", task="cleanup_documents") >= 2, timeout_s=20, what="two runs"
        )
        wait_until(
            lambda: probe.sum_of("task_schedule_last_sent_timestamp_seconds", schedule="nightly-cleanup") > 0,
            timeout_s=5,
            what="the time of the last run",
        )
    assert schedules_of(fleet) == {"prod-temporal:nightly-cleanup": False}

    paused = Fleet(
        temporal.address, namespace, tmp_path / "paused", (*OFTEN, "schedules.nightly-cleanup.enabled=false")
    )
    with paused.worker("low"):
        wait_until(lambda: all(schedules_of(fleet).values()), timeout_s=10, what="a pause")

    without = Fleet(temporal.address, namespace, tmp_path / "without", ("schedules.nightly-cleanup=null",))
    with without.worker("low"):
        wait_until(lambda: not schedules_of(fleet), timeout_s=10, what="its removal")
