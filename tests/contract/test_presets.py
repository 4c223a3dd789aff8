"""Every shipped fragment of tiers and sizes makes a profile that the rules let through, on every backend."""

from itertools import product

import pytest

from taskgen import pipeline
from taskgen.profile.files import Project

TIERS = {"pipeline": "api_processing", "priority": "default", "workloads": "default", "pools": "default"}
"""Fragment, and where tasks go that no route names: the pipeline has no tier for them."""
BACKENDS = {
    "celery on redis": ["taskgen:broker/redis", "taskgen:backend/celery"],
    "celery on rabbitmq": ["taskgen:broker/rabbitmq", "taskgen:backend/celery"],
    "temporal": ["taskgen:backend/temporal"],
    "hatchet": ["taskgen:backend/hatchet"],
}
WHERE = {
    "celery on redis": "celery: {broker: {endpoint: {ports: [6379], cidr: 192.0.2.0/24}}}",
    "celery on rabbitmq": (
        "celery: {broker: {endpoint: {ports: [5671, 15671], cidr: 192.0.2.0/24}},"
        " results: {endpoint: {ports: [6379], cidr: 192.0.2.0/24}}}"
    ),
    "temporal": "temporal: {address: 'temporal.example.com:7233', endpoint: {ports: [7233], cidr: 192.0.2.0/24}}",
    "hatchet": (
        "hatchet: {host_port: 'hatchet.example.com:7070', server_url: 'https://hatchet.example.com',"
        " endpoint: {ports: [7070, 443], cidr: 192.0.2.0/24}}"
    ),
}
DIGEST = "sha256:" + 64 * "a"


def findings(folder, backend, *fragments, default_queue="default"):
    """What the rules say of a profile made of shipped fragments alone."""
    extends = [f"taskgen:{name}" for name in ("env/prod", *fragments)] + BACKENDS[backend]
    profile = f"""\
extends: [{", ".join(extends)}]
name: shop
default_queue: {default_queue}
app: {{name: shop, module: shop.tasks, image: {{repository: registry.example.com/shop, digest: "{DIGEST}"}}}}
backends: {{{WHERE[backend]}}}
targets: {{kubernetes: {{namespace: shop}}}}
"""
    (folder / "profiles").mkdir()
    (folder / "profiles" / "shop.yaml").write_text(profile)
    return pipeline.checked("shop", project=Project(folder)).findings


@pytest.mark.parametrize(("tiers", "backend"), [*product(TIERS, BACKENDS)])
def test_tiers_are_clean(tmp_path, tiers, backend):
    """No error and no warning, on any backend."""
    found = findings(tmp_path, backend, f"tiers/{tiers}", default_queue=TIERS[tiers])

    assert [str(finding) for finding in found if finding.severity != "note"] == []


@pytest.mark.parametrize("size", ["small", "medium", "large", "enterprise"])
def test_sizes_are_clean_but_for_what_a_broker_can_bear(tmp_path, size):
    """Each size fits its broker, or the rules about the broker's connections and memory say what does not."""
    found = findings(tmp_path, "celery on redis", "tiers/pipeline", "tiers/priority", f"size/{size}")

    allowed = {"R04", "R06"} if size in {"large", "enterprise"} else set()
    assert {finding.rule for finding in found if finding.severity != "note"} <= allowed
