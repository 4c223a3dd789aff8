"""Every metric in a rendered rule or scaler is one that a rendered worker or the exporter really serves (K18).

The rendered settings start a worker and the exporter; what both serve is compared with what the rules ask for.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import pytest
import yaml

from taskgen.verifying.metrics import OWN
from taskgen.verifying.promql import Selector, selectors
from tests.support.need import need
from tests.support.rendered import Fleet
from tests.support.servers import hatchet_environment, wait_until
from tests.support.workers import families, samples

pytestmark = pytest.mark.server
LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')
GROUPING = re.compile(r"(?:by|on|without)\s*\(([^)]*)\)")
FROM_SCRAPE = frozenset({"namespace", "job", "instance", "pod", "container", "service", "endpoint"})
"""Labels that Prometheus adds to each scrape, not the process."""
BACKENDS = ["celery", "temporal", "hatchet"]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A folder for rendered profiles and logs."""
    return tmp_path_factory.mktemp("metrics")


def celery_fleet(request, out) -> Fleet:
    """`prod-celery` on a real Redis; its address is a secret of the profile."""
    need("celery")
    url = request.getfixturevalue("redis").url(12)
    secrets = {"TASK_CELERY_BROKER_URL": url, "TASK_CELERY_RESULT_BACKEND": url}
    return Fleet.render("prod-celery", out, secrets=secrets)


def temporal_fleet(request, out) -> Fleet:
    """`prod-temporal` on a real development server."""
    address = request.getfixturevalue("temporal").address
    overrides = [
        f"backends.temporal.address={address}",
        f"backends.temporal.endpoint.ports=[{address.rpartition(':')[2]}]",
        "backends.temporal.namespace=default",
        "backends.temporal.tls=null",
        "waivers.S07=a development server on this machine",
    ]
    return Fleet.render("prod-temporal", out, overrides=overrides)


def hatchet_fleet(request, out) -> Fleet:
    """`prod-hatchet` on the engine that the test run was given."""
    del request
    need("hatchet", "hatchet-sdk")
    given = hatchet_environment()
    addresses = (given["HATCHET_CLIENT_HOST_PORT"], given["HATCHET_CLIENT_SERVER_URL"])
    ports = [address.rstrip("/").rpartition(":")[2] for address in addresses]
    overrides = [
        f"backends.hatchet.host_port={given['HATCHET_CLIENT_HOST_PORT']}",
        f"backends.hatchet.server_url={given['HATCHET_CLIENT_SERVER_URL']}",
        f"backends.hatchet.endpoint.ports=[{', '.join(ports)}]",
    ]
    strategy = given.get("HATCHET_CLIENT_TLS_STRATEGY", "none")
    secrets = {"TASK_HATCHET_TOKEN": given["HATCHET_CLIENT_TOKEN"], "TASK_HATCHET_TLS_STRATEGY": strategy}
    return Fleet.render("prod-hatchet", out, overrides=overrides, secrets=secrets)


FLEETS = {"celery": celery_fleet, "temporal": temporal_fleet, "hatchet": hatchet_fleet}


class Served:
    """What worker and exporter of a fleet served before any task ran."""

    def __init__(self, fleet: Fleet, tier: str, texts: list[str]) -> None:
        self.fleet = fleet
        self.tier = tier
        self.texts = texts
        self.series = [self._series(name) for text in texts for name in samples(text)]

    @staticmethod
    def _series(text: str) -> tuple[str, dict[str, str]]:
        name, _, labels = text.partition("{")
        return name, dict(LABEL.findall(labels))

    @property
    def names(self) -> set[str]:
        """Names of all series."""
        return {name for name, _ in self.series}

    def having(self, selector: Selector) -> list[dict[str, str]]:
        """Labels of the series that a selector finds, whatever the scrape adds."""
        wanted = {label: value for label, value in selector.equal if label not in FROM_SCRAPE}
        return [labels for name, labels in self.series if name == selector.name and wanted.items() <= labels.items()]

    @cached_property
    def asked(self) -> dict[str, list[Selector]]:
        """Selectors of each expression: those about this tier or about none, without what the rules record."""
        known = recorded(self.fleet.folder) | OWN
        found = {text: list(selectors(text)) for text in expressions(self.fleet.folder)}
        return {
            text: [one for one in some if one.name not in known and one.value("tier") in {None, self.tier}]
            for text, some in found.items()
        }

    @property
    def all_asked(self) -> list[Selector]:
        """Selectors of all expressions."""
        return [selector for some in self.asked.values() for selector in some]


@pytest.fixture(scope="module", params=BACKENDS)
def served(request, out) -> Served:
    """What a worker and the exporter serve, both started from rendered settings, for a tier with a goal."""
    folder = out / request.param
    folder.mkdir()
    fleet = FLEETS[request.param](request, folder)
    tier = "high"
    with fleet.worker(tier, folder) as worker, fleet.exporter(tier, folder) as exporter:
        wait_until(lambda: "task_queue_depth{" in exporter.get("/metrics")[1], what="queues of the exporter")
        wait_until(lambda: consumers(exporter.metrics(), tier) > 0, what="a consumer that the exporter sees")
        return Served(fleet, tier, [worker.get("/metrics")[1], exporter.get("/metrics")[1]])


def consumers(found: dict[str, float], tier: str) -> float:
    """Workers that the exporter sees on the queues of a tier."""
    return sum(v for k, v in found.items() if k.startswith("task_queue_consumers{") and f'tier="{tier}"' in k)


def expressions(folder: Path) -> Iterator[str]:
    """PromQL of the rendered rules and of every rendered trigger."""
    for path in sorted([folder / "prometheus" / "rules.yaml", *folder.glob("kubernetes/*/*.yaml")]):
        for document in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader):
            yield from texts_of(document, {"expr", "query"})


def recorded(folder: Path) -> set[str]:
    """Names that the rendered rules record."""
    return set(texts_of(yaml.load((folder / "prometheus" / "rules.yaml").read_text(), yaml.CSafeLoader), {"record"}))


def texts_of(node, keys) -> Iterator[str]:
    """Texts under certain keys, at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in keys and isinstance(value, str):
                yield value
            yield from texts_of(value, keys)
    elif isinstance(node, list):
        for value in node:
            yield from texts_of(value, keys)


def test_every_name_is_served(served):
    """Before the first task: a counter that came only with its first event would hide that event from `increase`."""
    names = {selector.name for selector in served.all_asked}

    assert names
    assert names - served.names == set()


def test_every_selector_finds_series(served):
    """Tier, reason and `le` have values that really occur: the bound of the goal is printed as the rules write it."""
    blind = [selector for selector in served.all_asked if not served.having(selector)]

    assert blind == []


def test_the_goal_is_a_bucket(served):
    """The worker prints the very `le` that the rules ask for."""
    bounds = {one.value("le") for one in served.all_asked if one.name == "task_queue_wait_seconds_bucket"}
    printed = {labels["le"] for name, labels in served.series if name == "task_queue_wait_seconds_bucket"}

    assert bounds
    assert bounds <= printed


def test_grouping_labels_exist(served):
    """A label that rules group or join by is on the series, else all series fall into one group."""
    for text, found in served.asked.items():
        labels = {label.strip() for match in GROUPING.findall(text) for label in match.split(",")} - {"", *FROM_SCRAPE}
        carried = {label for one in found for labels_of in served.having(one) for label in labels_of}
        if found:
            assert labels <= carried, text


def test_no_family_is_served_twice(served):
    """Worker and exporter serve different families: a sum over both would count twice."""
    worker, exporter = (families(text) for text in served.texts)

    assert worker & exporter == set()
