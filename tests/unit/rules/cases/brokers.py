"""Cases of the rules on Redis and RabbitMQ."""

from tests.unit.rules.cases.names import BROKER, MAIN, SETTINGS

# rule, base profile that keeps it, what breaks it, path of the finding
BREAKING = [
    ("R01", "redis", [f"{BROKER}.visibility_timeout=2m"], f"{BROKER}.visibility_timeout"),
    ("R01", "redis", [f"{MAIN}.task.longest_delay=2h"], f"{MAIN}.task.longest_delay"),
    (
        "R01",
        "redis",
        [f"{MAIN}.retry={{max_attempts: 3, initial_delay: 2h, max_delay: 3h}}"],
        f"{MAIN}.retry.max_delay",
    ),
    ("R01", "redis", ["tasks.do_x.retry={max_attempts: 3, initial_delay: 2h, max_delay: 3h}"], "tasks.do_x.retry"),
    ("R02", "redis", [f"{SETTINGS}.result_backend_transport_options.visibility_timeout=43200"], None),
    ("R02", "redis", [f"{SETTINGS}.broker_transport_options.visibility_timeout=60"], None),
    ("R03", "redis", [f"{MAIN}.recovery_goal=1m"], f"{MAIN}.recovery_goal"),
    ("R04", "redis", [f"{BROKER}.memory=null"], f"{BROKER}.memory"),
    ("R04", "redis", [f"{MAIN}.task.result=8Ki"], f"{BROKER}.memory"),
    ("R06", "redis", [f"{BROKER}.max_connections=50"], f"{BROKER}.max_connections"),
    ("R06", "redis", [f"{SETTINGS}.redis_max_connections=13"], f"{SETTINGS}.redis_max_connections"),
    ("R07", "redis", [f"{SETTINGS}.broker_transport_options.global_keyprefix=x"], None),
    ("R08", "redis", ["tasks.do_it.priority=3"], f"{BROKER}.priorities"),
    ("R08", "redis", [f"{SETTINGS}.broker_transport_options.priority_steps=[0, 5]"], None),
    ("R11", "redis", [f"{BROKER}.url=rediss://broker.example.com:6379/0?ssl_cert_reqs=required"], f"{BROKER}.url"),
    ("R12", "redis", [f"{BROKER}.url=valkey://broker:6379/0"], f"{BROKER}.url"),
    ("R12", "redis", [f"{BROKER}.url=redis://redis-cluster:6379/0"], f"{BROKER}.url"),
    ("R12", "redis", [f"{BROKER}.url=redis://broker.example.com:6379/work"], f"{BROKER}.url"),
    ("R12", "redis", [f"{BROKER}.kind=redis-sentinel"], f"{BROKER}.master_name"),
    ("R13", "redis", [f"{BROKER}.url=redis://redis-replica.eu.example.com:6379/0"], f"{BROKER}.url"),
    ("Q01", "rabbitmq", [f"{BROKER}.consumer_timeout=1m"], f"{BROKER}.consumer_timeout"),
    ("Q02", "rabbitmq", [f"{BROKER}.priorities=4"], f"{BROKER}.priorities"),
    ("Q02", "rabbitmq", [f"{BROKER}.queue_type=classic"], f"{BROKER}.queue_type"),
    ("Q02", "rabbitmq", [f"{MAIN}.autoscale={{min: 1, max: 4}}"], f"{MAIN}.autoscale"),
    ("Q02", "rabbitmq", [f"{SETTINGS}.broker_transport_options.confirm_publish=false"], None),
    ("Q02", "rabbitmq", [f"{SETTINGS}.task_default_exchange_type=direct"], f"{SETTINGS}.task_default_exchange_type"),
    ("Q04", "rabbitmq", [f"{SETTINGS}.worker_detect_quorum_queues=false"], f"{SETTINGS}.worker_detect_quorum_queues"),
    ("Q05", "rabbitmq", ["dead_letter.enabled=false"], "dead_letter.enabled"),
    ("Q05", "rabbitmq", ["queues.work.dead_letter=false"], "queues.work.dead_letter"),
    ("Q06", "rabbitmq", [f"{BROKER}.nodes=2"], f"{BROKER}.nodes"),
    ("Q07", "rabbitmq", [f"{BROKER}.management_url=null"], f"{BROKER}.management_url"),
    ("Q09", "rabbitmq", [f"{BROKER}.max_connections=50"], f"{BROKER}.max_connections"),
    ("Q10", "rabbitmq", [f"{BROKER}.heartbeat=500ms"], f"{BROKER}.heartbeat"),
    ("Q10", "rabbitmq", [f"{BROKER}.heartbeat=1500ms"], f"{BROKER}.heartbeat"),
    ("Q10", "rabbitmq", [f"{BROKER}.heartbeat=121s"], f"{BROKER}.heartbeat"),
    ("Q11", "rabbitmq", [f"{MAIN}.recovery_goal=1m"], f"{MAIN}.recovery_goal"),
    ("Q12", "rabbitmq", [f"{MAIN}.pool=solo"], f"{MAIN}.pool"),
]

# rule, base profile, what comes close to breaking it
KEEPING = [
    ("R01", "redis", [f"{BROKER}.visibility_timeout=161s", f"{MAIN}.retry.max_attempts=2"]),
    ("R04", "redis", [f"{MAIN}.task.result=2Ki"]),
    ("R06", "redis", [f"{SETTINGS}.redis_max_connections=14"]),
    ("R08", "redis", [f"{BROKER}.priorities=4", "tasks.do_it.priority=3"]),
    ("R12", "redis", [f"{BROKER}.url=redis://redis.work.svc.cluster.local:6379/3"]),
    ("R13", "redis", [f"{BROKER}.url=redis://replicated.example.com:6379/0"]),
    ("Q10", "rabbitmq", [f"{BROKER}.heartbeat=60s"]),
    ("Q11", "rabbitmq", [f"{MAIN}.recovery_goal=1m", f"{BROKER}.heartbeat=19s"]),
    ("Q12", "rabbitmq", [f"{MAIN}.pool=solo", f"{BROKER}.heartbeat=30s"]),
]
