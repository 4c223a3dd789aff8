"""What the catalogue asks and no profile can break, because taskgen writes it: how, and the test.

A rule that could never fire would only look like a check. `verifier` in a reason means that `taskgen verify` asks the
rendered files again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Guarantee:
    """A statement of the catalogue, how it always holds, and the test of it."""

    statement: str
    how: str
    proof: str
    """file below tests/, and the name of the test"""


_OWN = "unit/rules/test_guaranteed.py::"
_KUBERNETES = "unit/targets/test_kubernetes.py::"
_PODS = "unit/targets/test_kubernetes_pods.py::"
_PROCESSES = "unit/targets/test_kubernetes_processes.py::"
_SCALING = "unit/targets/test_kubernetes_scaling.py::"
_COMPOSE = "unit/targets/test_compose.py::"
_SETTINGS = "unit/targets/test_settings_celery.py::"
_PLAN = "unit/targets/test_settings_plan.py::"
_OBJECTS = "unit/verifying/test_kubernetes_objects.py::test_deliberate_mistakes_fail"
_METRICS = "unit/verifying/test_metrics.py::test_not_served"
_TEMPORAL = "unit/library/temporal/"
_HATCHET = "unit/library/hatchet/"
_PINS = "unit/test_packaging.py::test_every_dependency_has_a_lower_bound"
_SCALERS = _OWN + "test_scalers_ask_the_exporter_alone"
_NO_TRIGGER = "no trigger of KEDA asks a broker or an engine: the exporter does"

ASKED_AGAIN: Final = frozenset({"K01", "K03", "K05", "K09", "K14", "K17", "K19", "K26", "K27", "S02"})
"""What a template of the user's own can break: asked again of the rendered objects, and waivable there."""
GUARANTEED: Final[Mapping[str, Guarantee]] = {
    # Celery
    "C07": Guarantee("Concurrency is explicit", "derivation concurrency", _PLAN + "test_library_reads_every_tier"),
    "C12": Guarantee("Beat is one", "template: one replica, Recreate, no autoscaler", _PROCESSES + "test_never_two"),
    "C13": Guarantee(
        "Beat writes where it can", "plan.processes: flags and a volume", _PROCESSES + "test_beat_writes_where_it_can"
    ),
    "C16": Guarantee(
        "One settings module for all tiers of a broker, one visibility timeout",
        "target settings; derivation visibility_timeout (R02: no second place)",
        _SETTINGS + "test_visibility_timeout_where_it_acts",
    ),
    "C19": Guarantee(
        "Workers, producers and exporter take JSON only",
        "the library refuses any other content (S03 tells of settings that ask for it)",
        "unit/library/test_celery_units.py::test_a_rendered_module_is_used_and_cannot_allow_pickle",
    ),
    "C21": Guarantee("Celery, kombu and redis-py fit each other", "lower bounds of the extra", _PINS),
    "C22": Guarantee("Node names are unique", "library: tier and host name", _OWN + "test_node_names_are_unique"),
    "C24": Guarantee("Workers send heartbeats", "library: no such flag", _OWN + "test_no_worker_is_silenced"),
    "C25": Guarantee(
        "A task whose process is lost is repeated a bounded number of times",
        "library: max_retries and delay from the retry policy",
        "unit/library/test_celery_units.py::test_lost_children_are_capped_by_the_declared_attempts",
    ),
    "C27": Guarantee("Workers and producers send events", "plan.celery", _OWN + "test_events_are_sent"),
    "C28": Guarantee("Retries are per task", "plan.json", _PLAN + "test_limits_and_retry_reach_the_library"),
    # Redis and RabbitMQ
    "R05": Guarantee(
        "Broker and results share one policy of memory",
        "redis.conf: noeviction (R04 counts the results into the broker's memory)",
        "unit/targets/test_compose_servers.py::test_redis_has_the_rendered_settings",
    ),
    "R09": Guarantee("Scalers read the broker's own database", _NO_TRIGGER, _SCALERS),
    "R10": Guarantee(
        "Liveness sees a worker that is connected and consumes nothing",
        "library: a beat in the consumer's loop",
        "unit/library/test_health.py::test_a_loop_that_stands_still_is_not_live",
    ),
    "R14": Guarantee(
        "A task that failed for good is kept, not routed",
        "library: the last failure writes the dead letter (U07: routes are no place for it)",
        "unit/library/celery/test_dead_letters.py::test_a_queue_keeps_letters_unless_the_plan_says_otherwise",
    ),
    "Q03": Guarantee(
        "Delayed tasks on quorum queues",
        "celery >= 5.7, topic exchanges",
        _SETTINGS + "test_every_queue_is_a_quorum_queue",
    ),
    "Q08": Guarantee("Virtual host and user of a scaler are no part of a URL", _NO_TRIGGER, _SCALERS),
    # Temporal
    "T02": Guarantee(
        "SIGTERM stops the worker",
        "library: handlers of process 1 (C26: nothing stands before it)",
        "acceptance/test_temporal_faults.py::test_a_running_task_ends_well",
    ),
    "T04": Guarantee("Long activities beat", "heartbeat_timeout", _TEMPORAL + "test_options.py::test_long_tasks_beat"),
    "T05": Guarantee(
        "Every activity has a limit",
        "library: start_to_close from time_limit, no schedule_to_close that cuts retries",
        _TEMPORAL + "test_options.py::test_a_task_without_limit_gets_the_limit_that_temporal_needs",
    ),
    "T07": Guarantee("Memory holds the cache", "cached_workflows and C08", _OWN + "test_cached_workflows_fit"),
    "T08": Guarantee("One way of sizing", "no tuner is set", _TEMPORAL + "test_settings.py::test_every_keyword_exists"),
    "T09": Guarantee(
        "Threads for every slot",
        "library: the pool has the tier's concurrency",
        "acceptance/test_temporal_worker.py::test_two_queues_share_the_slots_of_the_process",
    ),
    "T10": Guarantee(
        "The gauge of slots exists", "no resource tuner", _TEMPORAL + "test_settings.py::test_every_keyword_exists"
    ),
    "T11": Guarantee("Few workflow tasks for each core", "workflow_slots", _OWN + "test_workflow_slots_follow_the_cpu"),
    "T18": Guarantee(
        "Names and buckets of SDK metrics come from one setting",
        "target settings",
        _TEMPORAL + "test_settings.py::test_every_threshold_is_a_bucket",
    ),
    "T19": Guarantee("A temporal trigger names its types", _NO_TRIGGER, _SCALERS),
    "T20": Guarantee("A tier that may be empty counts running work", _NO_TRIGGER + " (K11)", _SCALERS),
    "T21": Guarantee("Triggers stay within the frontend's limits", _NO_TRIGGER, _SCALERS),
    "T22": Guarantee(
        "Sticky queues keep their default", "never rendered", _OWN + "test_sticky_queues_keep_their_default"
    ),
    "T25": Guarantee(
        "One worker for each queue",
        "library: one for each name of --queues, which are unique",
        "acceptance/test_temporal_worker.py::test_two_queues_share_the_slots_of_the_process",
    ),
    "T26": Guarantee("At least one slot", "profile: concurrency from 1 on", _OWN + "test_no_slot_is_no_concurrency"),
    # Hatchet
    "H01": Guarantee(
        "Tasks wait long enough", "schedule_timeout", _OWN + "test_hatchet_waits_longer_than_scaling_takes"
    ),
    "H03": Guarantee(
        "Slots are explicit",
        "target settings (C08: memory)",
        _HATCHET + "test_rendered_settings.py::test_every_tier_states_every_limit",
    ),
    "H04": Guarantee("The SDK is new enough", "lower bounds of the extra, and of the stack's engine", _PINS),
    "H05": Guarantee(
        "The worker serves its health", "worker_env, liveness_budget", "unit/plan/test_pods.py::test_liveness"
    ),
    "H06": Guarantee("Rules use names of this SDK", "verifier metrics", _METRICS),
    "H07": Guarantee("A scaler of the engine names its tasks", _NO_TRIGGER, _SCALERS),
    "H08": Guarantee("Ratios are values", "counts for each replica only; verifier kubernetes-objects", _OBJECTS),
    "H09": Guarantee("Statistics are whole", "the exporter asks the engine, not its scrapes", _METRICS),
    "H10": Guarantee("Each tier has its label", "target settings", _OWN + "test_hatchet_tiers_are_labelled"),
    "H13": Guarantee(
        "Tasks return a mapping",
        "library: an envelope",
        _HATCHET + "test_wrapper.py::test_arguments_and_results_travel_in_envelopes",
    ),
    "H15": Guarantee(
        "A worker that ends is started again", "Compose: unless-stopped", _OWN + "test_restarts_are_unconditional"
    ),
    "H19": Guarantee(
        "The engine's database runs in UTC", "Compose; elsewhere the engine refuses", _OWN + "test_engine_in_utc"
    ),
    "H20": Guarantee(
        "No submit of a name that no worker has",
        "library: it asks the engine",
        _HATCHET + "test_backend.py::test_a_name_that_no_worker_registered_is_refused",
    ),
    "H21": Guarantee(
        "Every submit carries its key",
        "library",
        "acceptance/test_hatchet_options.py::test_a_submit_without_a_key_is_not_lost",
    ),
    "H25": Guarantee(
        "Few requests for statistics",
        "library: one for all tasks in ten seconds",
        _HATCHET + "test_stats.py::test_the_engine_is_asked_once_in_ten_seconds",
    ),
    # Kubernetes, autoscaling, monitoring
    "K01": Guarantee("One autoscaler", "target.yaml; verifier", _KUBERNETES + "test_replicas_belong_to_one_owner"),
    "K02": Guarantee(
        "No replicas beside a scaler", "template; verifier", _KUBERNETES + "test_replicas_belong_to_one_owner"
    ),
    "K03": Guarantee("Budgets let drains through", "disruption_budget; verifier kubernetes-objects", _OBJECTS),
    "K05": Guarantee("Counts are averages", "template; verifier kubernetes-objects", _OBJECTS),
    "K09": Guarantee("Probes ask no broker", "template; verifier kubernetes-objects", _OBJECTS),
    "K10": Guarantee("Liveness is patient", "liveness_budget", "unit/plan/test_pods.py::test_liveness"),
    "K14": Guarantee("Spread finds its pods", "one set of labels; verifier kubernetes-objects", _OBJECTS),
    "K16": Guarantee(
        "The worker is the first container, sidecars outlive its drain",
        "template",
        _PODS + "test_everything_of_the_pod_is_rendered",
    ),
    "K17": Guarantee(
        "Named objects exist",
        "verifier kubernetes-objects",
        "unit/verifying/test_kubernetes_objects.py::test_undeclared_secret",
    ),
    "K19": Guarantee(
        "Selectors never change nor overlap",
        "template; verifier; U11: own labels",
        _KUBERNETES + "test_selectors_of_objects_are_one_per_tier",
    ),
    "K22": Guarantee(
        "Thresholds are buckets",
        "wait_buckets; verifier metrics",
        "unit/plan/test_derivations.py::test_wait_buckets_hold_the_goal",
    ),
    "K23": Guarantee(
        "Counters exist before their first event",
        "library: series are written at the start",
        "unit/library/test_runtime.py::test_series_exist_before_the_first_event",
    ),
    "K24": Guarantee(
        "Alerts fire without successes and without workers",
        "scenarios of the rule tests; verifier promtool",
        _KUBERNETES + "test_alerts_are_those_that_promtool_checks",
    ),
    "K25": Guarantee(
        "Behavior is explicit", "template; verifier", _SCALING + "test_behavior_is_explicit_in_both_directions"
    ),
    "K26": Guarantee("Triggers are ones that KEDA acts on", "verifier kubernetes-objects", _OBJECTS),
    "K27": Guarantee(
        "Names, quantities and bounds are valid", "types of the profile; verifier kubernetes-objects", _OBJECTS
    ),
    "K28": Guarantee("No service links", "template", _OWN + "test_no_service_links"),
    "K29": Guarantee("A rabbitmq trigger counts", _NO_TRIGGER, _SCALERS),
    "K30": Guarantee("Scaling survives a broker that is away", _NO_TRIGGER + ", with a fallback", _SCALERS),
    "K31": Guarantee("An absent part of a sum is 0", "the exporter adds, no query does", _SCALERS),
    # Platforms and security
    "P02": Guarantee(
        "Soft times end before the platform kills",
        "C04 and T01 within the grace, P01 the grace within the limit",
        "unit/rules/test_rules.py::test_grace_within_the_limit_of_a_target",
    ),
    "S01": Guarantee("No literal secret", "the loader refuses it", "unit/profile/test_secrets.py::test_secret"),
    "S02": Guarantee("Secrets are references", "verifier", _KUBERNETES + "test_no_secret_is_rendered"),
    "S10": Guarantee(
        "No .env file in the image", "ignore file", "unit/targets/test_image.py::test_environment_files_stay_out"
    ),
    "S13": Guarantee("Nothing is exposed", "no Ingress; loopback ports", _OWN + "test_nothing_is_exposed"),
    "S16": Guarantee(
        "Logs hold no password",
        "library: masked",
        "unit/library/test_redaction.py::test_a_password_in_a_url_is_in_no_output",
    ),
    "S18": Guarantee(
        "The library comes from the build context, the base image is an argument",
        "template (K20: digests)",
        "unit/targets/test_image.py::test_installs_the_copied_library_with_its_backends",
    ),
}
