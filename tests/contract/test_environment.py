"""Every variable that a worker gets is read by somebody, and every one has its value from one place."""

import re
from pathlib import Path

import pytest

from taskgen import pipeline
from taskgen.profile.files import Project
from taskgen.profile.loading import profile_names
from tests.support.command import ROOT

# Read by the backends' own code, not by ours; celery.md 3, temporal.md 6, hatchet.md 2, OpenTelemetry specification.
READ_BY_OTHERS = re.compile(r"REMAP_SIGTERM|TEMPORAL_(TLS|API_KEY)\w*|HATCHET_CLIENT_\w+|OTEL_EXPORTER_OTLP_ENDPOINT")
LIBRARY = "\n".join(path.read_text() for path in Path(ROOT, "library").rglob("*.py"))
PROFILES = [source.name for source in profile_names(Project(ROOT))]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_variable_is_read(profile):
    """No variable is rendered that nothing reads."""
    plan = pipeline.checked(profile, project=Project(ROOT)).plan
    everybody = [*plan.tiers, *plan.exporters, plan.exporter, *([plan.beat] if plan.beat else [])]
    names = {variable.name for process in everybody for variable in process.env}

    unread = {name for name in names if f'"{name}"' not in LIBRARY and not READ_BY_OTHERS.fullmatch(name)}
    assert unread == set()


@pytest.mark.parametrize("profile", PROFILES)
def test_no_value_is_flag_and_variable(profile):
    """What the command line says is not said again by a variable."""
    plan = pipeline.checked(profile, project=Project(ROOT)).plan
    for tier in plan.tiers:
        flags = {word.partition("=")[0] for word in tier.command}
        names = {variable.name for variable in tier.env}

        assert not ("--queues" in flags and "TASK_QUEUES" in names)
        assert not ("--concurrency" in flags and "TASK_WORKER_CONCURRENCY" in names)
