"""Cases of the rules on Temporal and Hatchet."""

from tests.unit.rules.cases.names import MAIN

# rule, base profile that keeps it, what breaks it, path of the finding
BREAKING = [
    ("T01", "temporal", [f"{MAIN}.shutdown.grace=30s"], f"{MAIN}.shutdown.grace"),
    ("T03", "temporal", [f"{MAIN}.shutdown=cut", f"{MAIN}.retry.max_attempts=1"], f"{MAIN}.shutdown.mode"),
    ("T06", "temporal", [f"{MAIN}.recovery_goal=10s"], f"{MAIN}.recovery_goal"),
    ("T12", "temporal", ["backends.temporal.calls_per_second=30"], "backends.temporal.calls_per_second"),
    ("T23", "temporal", ["backends.temporal.retention=1h"], "backends.temporal.retention"),
    ("T24", "temporal", [f"{MAIN}.task.payload=3Mi"], f"{MAIN}.task.payload"),
    ("T27", "temporal", ["app.env.TEMPORAL_HOST=temporal.example.com"], "app.env.TEMPORAL_HOST"),
    ("T27", "temporal", [f"{MAIN}.env.TEMPORAL_TLS_CERT_PATH=/tls/a"], f"{MAIN}.env.TEMPORAL_TLS_CERT_PATH"),
    ("T28", "temporal", ["backends.temporal.mode=activity"], "backends.temporal.mode"),
    ("H02", "hatchet", [f"{MAIN}.shutdown.grace=1m"], f"{MAIN}.shutdown.grace"),
    ("H11", "hatchet", ["backends.hatchet.tls_strategy=none"], "backends.hatchet.tls_strategy"),
    ("H12", "hatchet", ['queues.work.tasks=["Do.it"]'], "queues.work.tasks"),
    ("H12", "hatchet", ["schedules.s={task: do.it, every: 5m, queue: work}"], "schedules.s.task"),
    ("H14", "hatchet", ["backends.hatchet.endpoint.ports=[7070]"], "backends.hatchet.endpoint.ports"),
    ("H14", "hatchet", ["app.env.HATCHET_SERVER_URL=https://h.example.com"], "app.env.HATCHET_SERVER_URL"),
    ("H16", "hatchet", [f"{MAIN}.retry.initial_delay=0s"], f"{MAIN}.retry.initial_delay"),
    ("H16", "hatchet", ["tasks.do_x.retry={max_attempts: 2, max_delay: 2d}"], "tasks.do_x.retry.max_delay"),
    ("H17", "hatchet", ["backends.hatchet.namespace=staging"], "backends.hatchet.namespace"),
    ("H18", "hatchet", [f"{MAIN}.task.result=5Mi"], f"{MAIN}.task.result"),
    ("H22", "hatchet", [f"{MAIN}.slo.wait={{p99: 30s}}"], f"{MAIN}.slo.wait"),
    ("H23", "hatchet", [f"{MAIN}.task.idempotent=false"], f"{MAIN}.task.idempotent"),
    ("H24", "hatchet", [f"{MAIN}.shutdown=cut"], f"{MAIN}.shutdown.mode"),
]

# rule, base profile, what comes close to breaking it
KEEPING = [
    ("T12", "temporal", ["backends.temporal.calls_per_second=60"]),
    ("T24", "temporal", [f"{MAIN}.task.payload=2Mi"]),
    ("H14", "hatchet", ["backends.hatchet.endpoint.ports=[7070]", "egress.api={ports: [443], cidr: 192.0.2.0/24}"]),
    ("H16", "hatchet", [f"{MAIN}.retry={{max_attempts: 3, initial_delay: 1s, max_delay: 1d}}"]),
]
