"""hatchet_settings.py against the installed SDK, and against what the library derives from plan.json by itself."""

import inspect
import json
from datetime import timedelta

import pytest

from task_abstraction.backends.hatchet.options import options_of
from task_abstraction.config import load_settings_module, parse_plan
from task_abstraction.policy import effective_policy
from taskgen import pipeline
from taskgen.profile.loading import Project
from tests.support.command import ROOT
from tests.support.need import need

PROFILES = ("dev-hatchet", "staging-hatchet", "prod-hatchet")
TASKS = (
    "tasks.analyse_text.time_limit=45s",
    "tasks.fetch_page.retry.max_attempts=4",
    "tasks.fetch_page.retry.initial_delay=3s",
    "tasks.cleanup_documents.priority=3",
)


def settings(folder, name, *overrides):
    """The rendered settings module and the plan of a profile."""
    project = Project(ROOT)
    checked = pipeline.checked(name, project=project, overrides=overrides)
    files = {file.path: file.content for file in pipeline.rendered(checked, project=project, target="settings")}
    (folder / "hatchet_settings.py").write_bytes(files["settings/hatchet_settings.py"])
    return load_settings_module("hatchet_settings", folder), parse_plan(json.loads(files["settings/plan.json"]))


@pytest.fixture(params=PROFILES)
def rendered(request, tmp_path):
    """The settings of each shipped profile of Hatchet."""
    return settings(tmp_path, request.param)


def test_every_keyword_exists_in_the_sdk(rendered):
    """A name that the SDK does not know would end the worker."""
    need("hatchet-sdk")
    from hatchet_sdk import Hatchet

    module, _ = rendered
    of_task, of_worker = (set(inspect.signature(call).parameters) for call in (Hatchet.task, Hatchet.worker))

    assert all(set(options) <= of_task for options in [*module.TASK.values(), *(pair[1] for pair in module.TASKS)])
    assert all(set(options) <= of_worker for options in module.WORKER.values())


def test_every_tier_states_every_limit(rendered):
    """What is absent would be the SDK's default."""
    module, plan = rendered

    assert set(module.WORKER) == set(module.TASK) == set(plan.tiers)
    assert all({"execution_timeout", "schedule_timeout", "retries"} <= set(options) for options in module.TASK.values())
    assert {tier: options["slots"] for tier, options in module.WORKER.items()} == {
        name: tier.concurrency for name, tier in plan.tiers.items()
    }


def test_settings_and_plan_say_the_same(rendered):
    """The generator's formula and the library's give one result for each tier."""
    module, plan = rendered

    for name, tier in plan.tiers.items():
        assert module.TASK[name] == options_of(effective_policy("x", None, plan, tier))


def test_a_line_of_the_profile_for_one_task_is_rendered(tmp_path):
    """With the engine's own keywords; a priority is none of them."""
    module, _ = settings(tmp_path, "prod-hatchet", *TASKS)

    assert [
        ("analyse_text", {"execution_timeout": timedelta(seconds=45)}),
        ("fetch_page", {"retries": 3, "backoff_factor": 3.0, "backoff_max_seconds": 600}),
    ] == module.TASKS
