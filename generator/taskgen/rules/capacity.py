"""Rules of family K on what is finite beside the fleet: the quota of a namespace, the connections of a database."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from taskgen.plan.model import Plan
from taskgen.rules.engine import Breach, rule
from taskgen.rules.reading import options

QUOTA: Final[Mapping[str, Callable[[int], str]]] = {
    "cpu": lambda value: f"{value}m",
    "memory": lambda value: f"{value // 2**20}Mi",
    "pods": str,
}
"""What a namespace bounds, and how it is written."""


@rule(
    "K13",
    "N/W/E",
    why="pods stay pending when the load is highest, and no rollout ends; a full database refuses every task",
    reference="[Kubernetes 2]; rolling_replicas: the largest fleet with the surge of a rollout",
    remedy="lower scale.max, concurrency or the connection pool, or raise the limit and then the field",
)
def fleet_fits(plan: Plan) -> Iterator[Breach]:
    """The fleet at its largest fits into the quota of its namespace and the connections of its database."""
    kubernetes = options(plan, "kubernetes")
    for name, shown in QUOTA.items():
        limit = getattr(kubernetes, f"quota_{name}", None)
        need = plan.values[f"fleet_{name}"]
        if limit is not None and need > limit:
            what = f"the fleet at its largest needs {shown(need)}, {shown(limit)} are allowed"
            yield Breach(f"targets.kubernetes.quota_{name}", f"{what}: taskgen explain fleet_{name}")
    database, used = plan.profile.app.database, plan.database_connections_used
    if database and used > database.max_connections - database.reserve:
        what = f"{used} connections are opened at most, {database.max_connections} less {database.reserve} are there"
        yield Breach("app.database.max_connections", f"{what}: taskgen explain database_connections_used")
