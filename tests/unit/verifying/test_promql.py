"""Which series a PromQL expression asks for."""

import pytest

from taskgen.verifying.promql import Selector, selectors


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("up", ["up"], id="a bare name"),
        pytest.param('sum by (namespace, tier) (rate(a_total{tier="x"}[5m]))', ["a_total"], id="aggregation before"),
        pytest.param("sum(a) by (tier) / sum without (le) (b)", ["a", "b"], id="aggregation behind"),
        pytest.param("a * on (tier) group_left (pool, team) b", ["a", "b"], id="labels of a join"),
        pytest.param("a * on (tier) group_left b", ["a", "b"], id="a join without labels"),
        pytest.param("a and b unless c or d", ["a", "b", "c", "d"], id="set operators"),
        pytest.param("histogram_quantile(0.99, rate(h_bucket[1h30m]))", ["h_bucket"], id="a range of two units"),
        pytest.param("a offset 5m > bool 1e3", ["a"], id="modifiers and numbers"),
        pytest.param("a @ end() + a @ 1600000000", ["a", "a"], id="fixed times"),
        pytest.param("tier:ratio:rate5m{x='b{c}'} > Inf", ["tier:ratio:rate5m"], id="a recorded name, braces in text"),
        pytest.param('{__name__="a", tier="x"}', ["a"], id="the name as a label"),
        pytest.param('{__name__=~"a_.*"}', [""], id="a pattern names nothing"),
        pytest.param("max_over_time(rate(a[5m])[1h:1m]) # b", ["a"], id="a subquery and a comment"),
        pytest.param('absent(up{job="e"})', ["up"], id="a function"),
    ],
)
def test_names(expression, expected):
    """Metrics are told from functions, keywords, grouping labels and units of time."""
    assert [selector.name for selector in selectors(expression)] == expected


def test_matchers():
    """Only `=` fixes the value of a label; every matcher names its label."""
    found = list(selectors('h_bucket{tier="x",le="30.0",queue=~"a|b",reason!="e"}'))

    assert found == [Selector("h_bucket", (("tier", "x"), ("le", "30.0")), ("tier", "le", "queue", "reason"))]
    assert found[0].value("le") == "30.0"
    assert found[0].value("queue") is None
