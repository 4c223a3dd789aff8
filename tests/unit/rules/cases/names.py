"""Names and values that cases of several families use."""

SETTINGS = "backends.celery.settings"
BROKER = "backends.celery.broker"
MAIN = "tiers.main"
SECOND_TIER = (
    "tiers.second={queues: [work], task: {duration: {p50: 1s, p99: 9s}, time_limit: 30s, soft_time_limit: 20s,"
    " idempotent: true}, load: {rate: 1/s, peak: 2/s}, slo: {wait: {p99: 2m}}, retry: {max_attempts: 2}}"
)
OTHER_TIER = SECOND_TIER.replace("[work]", "[other]")
CELERY_APP = ["app.kind=celery", "app.module=null", "app.celery=acme.app"]
COMMAND = ["app.kind=command", "app.module=null", "app.command=[run]"]
LONG_NAME = "tiers.a23456789012345678901234567890123456789"
WINDOW = '{start: "0 8 * * MON-FRI", end: "0 18 * * MON-FRI", min: 2}'
ROUTES = "{task_routes: {failed_tasks: {queue: dlq}}}"
