"""Every metric of a rule, dashboard or scaler is one that a rendered worker or exporter serves."""

import pytest

from taskgen.verifying.metrics import Metrics
from tests.support.verifying import ask

METRICS = Metrics(
    frozenset({("task_queue_wait_seconds", "high", "30.0"), ("task_queue_wait_seconds", "low", "900.0")}),
    frozenset({("task_queue_dead_letter_depth", "low")}),
)
RULE = "groups:\n- name: g\n  rules:\n  - {{alert: A, expr: '{}'}}\n"


@pytest.mark.parametrize(
    "expression",
    [
        'rate(task_failed_total{reason="error"}[5m]) > 0',
        'task_queue_wait_seconds_bucket{tier="high",le="30.0"}',
        'task_queue_wait_seconds_bucket{tier="high",le="+Inf"}',
        'task_queue_wait_seconds_bucket{le="900.0"}',
        "task_duration_seconds_count / task_duration_seconds_sum",
        "up == 0 or task_backend_up == 0",
        'task_queue_dead_letter_depth{tier="high"} > 0',
    ],
)
def test_served(tmp_path, expression):
    """Counters, gauges, the series of histograms with their bounds, and `up` are served."""
    assert ask(METRICS, tmp_path, {"rules.yaml": RULE.format(expression)})["rules.yaml"].outcome == "passed"


@pytest.mark.parametrize(
    ("expression", "detail"),
    [
        pytest.param("celery_queue_length > 1", "celery_queue_length: no rendered worker", id="another exporter"),
        pytest.param("rate(task_failed[5m])", "task_failed: no rendered worker", id="a counter without its ending"),
        pytest.param("task_duration_seconds", "task_duration_seconds: no rendered worker", id="a histogram as a gauge"),
        pytest.param('{queue="x"}', "a selector without a name, on queue", id="a selector without a name"),
        pytest.param(
            'task_queue_wait_seconds_bucket{tier="high",le="30"}',
            'no bucket le="30" in tier high, there are 30.0',
            id="a bound that is printed otherwise",
        ),
        pytest.param(
            'task_queue_wait_seconds_bucket{tier="low",le="30.0"}',
            'no bucket le="30.0" in tier low, there are 900.0',
            id="a bound of another tier",
        ),
        pytest.param(
            'task_queue_dead_letter_depth{tier="low"} > 0',
            "the backend of tier low has none",
            id="a series that the backend of the tier leaves out",
        ),
    ],
)
def test_not_served(tmp_path, expression, detail):
    """A name or bucket that nobody serves makes an alert that never fires: it fails."""
    result = ask(METRICS, tmp_path, {"rules.yaml": RULE.format(expression)})["rules.yaml"]

    assert result.outcome == "failed"
    assert detail in result.detail


def test_recorded_names(tmp_path):
    """What a rule of the same file records may be asked for, also by the tests of that file."""
    rules = "groups: [{name: g, rules: [{record: 'tier:x', expr: up}, {alert: A, expr: 'tier:x > 0'}]}]\n"
    tests = "rule_files: [rules.yaml]\ntests: [{input_series: [{series: up}], promql_expr_test: [{expr: %s}]}]\n"

    good = ask(METRICS, tmp_path, {"rules.yaml": rules, "rules.test.yaml": tests % "'tier:x'"})
    bad = ask(METRICS, tmp_path, {"rules.yaml": rules, "rules.test.yaml": tests % "'tier:y'"})

    assert [result.outcome for result in good.values()] == ["passed", "passed"]
    assert bad["rules.test.yaml"].outcome == "failed"


def test_a_scaler_is_read(tmp_path):
    """The query of a KEDA trigger and the metric of an HPA count as well."""
    scaler = (
        "kind: ScaledObject\nspec: {triggers: [{type: prometheus, metadata: {query: 'sum(redis_queue_length)'}}]}\n"
    )
    hpa = "kind: HorizontalPodAutoscaler\nspec: {metrics: [{external: {metric: {name: redis_queue_length}}}]}\n"
    found = ask(METRICS, tmp_path, {"a.yaml": scaler, "b.yaml": hpa})

    assert [result.outcome for result in found.values()] == ["failed", "failed"]
