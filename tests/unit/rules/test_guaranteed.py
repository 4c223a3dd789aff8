"""What holds by construction: each entry names a test that exists; those without another one are here."""

import re
from types import SimpleNamespace

import pytest
import yaml

from taskgen.errors import ProfileError
from taskgen.plan.redelivery import SECOND
from taskgen.plan.sizing import MIB, SAFETY
from taskgen.plan.temporal import CACHED_WORKFLOWS
from taskgen.rules.guaranteed import GUARANTEED
from tests.support.in_memory import ROOT, SHIPPED, plan_of, texts
from tests.support.need import need

ON_KUBERNETES = [name for name in SHIPPED if not name.startswith("dev-")]


def objects(name):
    """Kubernetes objects of a shipped profile, of all clusters."""
    return [document for text in texts(name, "kubernetes").values() for document in yaml.safe_load_all(text)]


def services(name):
    """Services of the Compose stack of a shipped profile."""
    return yaml.safe_load(texts(name, "compose")["compose/compose.yaml"])["services"]


@pytest.mark.parametrize("name", GUARANTEED)
def test_proof_exists(name):
    """The test that an entry names is there."""
    path, _, test = GUARANTEED[name].proof.partition("::")

    assert re.search(rf"^ *(async )?def {test}\(", (ROOT / "tests" / path).read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ON_KUBERNETES)
def test_scalers_ask_the_exporter_alone(name):
    """A direct trigger sees only its own broker, in one of its lists, and falls back to nothing."""
    scalers = [entry for entry in objects(name) if entry["kind"] == "ScaledObject"]

    triggers = [(entry, trigger) for entry in scalers for trigger in entry["spec"]["triggers"]]
    assert {trigger["type"] for _, trigger in triggers} <= {"metrics-api"}
    assert all("/scaling/" in trigger["metadata"]["url"] and "fallback" in entry["spec"] for entry, trigger in triggers)


@pytest.mark.parametrize("name", ON_KUBERNETES)
def test_no_service_links(name):
    """Variables of services such as REDIS_PORT=tcp://... are not read as settings."""
    pods = [entry["spec"]["template"]["spec"] for entry in objects(name) if entry["kind"] == "Deployment"]

    assert {pod["enableServiceLinks"] for pod in pods} == {False}


@pytest.mark.parametrize("name", ON_KUBERNETES)
def test_nothing_is_exposed(name):
    """Metrics and health are reached inside the cluster alone."""
    found = objects(name)

    assert not {"Ingress", "HTTPRoute", "Gateway"} & {entry["kind"] for entry in found}
    assert {entry["spec"].get("type", "ClusterIP") for entry in found if entry["kind"] == "Service"} == {"ClusterIP"}


@pytest.mark.parametrize("name", ["dev-celery", "dev-temporal", "dev-hatchet", "staging-hatchet"])
def test_restarts_are_unconditional(name):
    """A Hatchet worker that lost its listener ends with code 0, which on-failure would take for done."""
    workers = [service for key, service in services(name).items() if key.startswith("worker-")]

    assert {service["restart"] for service in workers} == {"unless-stopped"}


def test_engine_in_utc():
    """The engine refuses a database of another time zone."""
    assert "timezone=UTC" in services("dev-hatchet")["hatchet-database"]["command"]


@pytest.mark.parametrize("name", [name for name in SHIPPED if "celery" in name])
def test_events_are_sent(name):
    """Tools that read events see every task."""
    settings = plan_of(name).celery

    assert settings["worker_send_task_events"] is settings["task_send_sent_event"] is True


def test_node_names_are_unique():
    """RabbitMQ ends the second worker of a name."""
    need("celery")
    from task_abstraction.backends.celery.worker import node_name

    names = {node_name(SimpleNamespace(tier=SimpleNamespace(name=tier))) for tier in ("a", "b")}

    assert len(names) == 2
    assert all("@" in name and not name.endswith("@") for name in names)


def test_no_worker_is_silenced():
    """Neither the rendered command nor the library switches heartbeats off."""
    source = (ROOT / "library" / "task_abstraction" / "backends" / "celery" / "worker.py").read_text()
    commands = [word for name in SHIPPED for tier in plan_of(name).tiers for word in tier.command]

    assert "without_heartbeat" not in source
    assert not [word for word in commands if "heartbeat" in word]


@pytest.mark.parametrize("name", [name for name in SHIPPED if "temporal" in name or "hybrid" in name])
def test_cached_workflows_fit(name):
    """The cache of the generic workflow fits into the safety factor of the memory limit: 0.12 MiB each."""
    for tier in plan_of(name).tiers_of("temporal"):
        assert (SAFETY - 1) * tier.memory_base >= CACHED_WORKFLOWS * 0.12 * MIB


@pytest.mark.parametrize("cpu", ["400m", "1", "4"])
def test_workflow_slots_follow_the_cpu(cpu):
    """Above the two that the SDK needs, there are at most five for each core."""
    plan = plan_of("prod-temporal", f"tiers.file.pod.resources.cpu={cpu}")

    assert 2 <= plan.tier("file").workflow_slots <= max(2, 5 * plan.tier("file").cpu_request / 1000)


def test_sticky_queues_keep_their_default():
    """No rendered setting of Temporal speaks of sticky queues."""
    assert "sticky" not in texts("prod-temporal", "settings")["settings/temporal_settings.py"]


def test_no_slot_is_no_concurrency():
    """The SDK of Temporal takes 0 for its default of 100."""
    with pytest.raises(ProfileError, match="concurrency"):
        plan_of("prod-temporal", "tiers.file.concurrency=0")


@pytest.mark.parametrize("name", [name for name in SHIPPED if "hatchet" in name])
def test_hatchet_waits_longer_than_scaling_takes(name):
    """A task that waits for a new replica is not dropped before."""
    for tier in plan_of(name).tiers_of("hatchet"):
        assert tier.schedule_timeout >= tier.reaction_latency + tier.wait_goal + SECOND


def test_hatchet_tiers_are_labelled():
    """Sums over slots select the workers of one tier."""
    scope = {}
    exec(texts("prod-hatchet", "settings")["settings/hatchet_settings.py"], scope)  # noqa: S102  # the module itself

    assert {tier: options["labels"]["pool"] for tier, options in scope["WORKER"].items()} == {
        tier: tier for tier in scope["WORKER"]
    }
