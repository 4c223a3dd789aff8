"""Overrides from the command line."""

import pytest

from taskgen.errors import Position
from tests.support.profiles import load_text


@pytest.mark.parametrize(
    ("override", "get", "value"),
    [
        ("tiers.high.concurrency=9", lambda profile: profile.tiers["high"].concurrency, 9),
        ("tiers.high.queues=[a, b]", lambda profile: profile.tiers["high"].queues, ("a", "b")),
        ("tiers.high.scale={min: 2, max: 4}", lambda profile: profile.tiers["high"].scale.max, 4),
        ('tasks."docflow.e_*".priority=7', lambda profile: profile.tasks["docflow.e_*"].priority, 7),
        ("app.image.tag=1.10", lambda profile: profile.app.image.tag, "1.10"),
        ('app.env.EMPTY=""', lambda profile: profile.app.env["EMPTY"], ""),
        ("app.env.EQUATION=a=b", lambda profile: profile.app.env["EQUATION"], "a=b"),
        ("monitoring.log_level= DEBUG ", lambda profile: profile.monitoring.log_level, "DEBUG"),
        ("targets.stub.namespace=x", lambda profile: profile.targets.stub.namespace, "x"),
    ],
    ids=lambda value: value if isinstance(value, str) and "=" in value else "",
)
def test_override(tmp_path, override, get, value):
    """The value is YAML, the path may hold quoted keys."""
    assert get(load_text(tmp_path, overrides=[override]).profile) == value


def test_the_last_override_wins(tmp_path):
    """Overrides merge in the order of the command line."""
    loaded = load_text(tmp_path, overrides=["tiers.high.concurrency=5", "tiers.high.concurrency=6"])

    assert loaded.profile.tiers["high"].concurrency == 6
    assert loaded.overrides == ("tiers.high.concurrency=5", "tiers.high.concurrency=6")


def test_null_removes(tmp_path):
    """What a file sets is a default again."""
    loaded = load_text(tmp_path, overrides=["tiers.high.concurrency=null"])

    assert loaded.profile.tiers["high"].concurrency == "auto"
    assert not loaded.positions.is_typed("tiers.high.concurrency")


def test_position_names_the_flag(tmp_path):
    """`explain` says that the command line set the value, and what the file said."""
    positions = load_text(tmp_path, overrides=["tiers.high.concurrency=9"]).positions

    assert positions.chain("tiers.high.concurrency") == (
        Position("profiles/bad.yaml", 12, 18),
        Position("--set tiers.high.concurrency", 1, 1),
    )
    assert positions.at("tiers.high.load") == Position("profiles/bad.yaml", 14, 11)


def test_override_of_a_family(tmp_path):
    """A family is overridden before its members are made."""
    tier = "queues: [q], load: {rate: 1/s, peak: 5/s}, slo: {wait: {p99: 30s}}"
    task = "task: {duration: {p50: 1s, p99: 5s}, time_limit: 1m}"
    text = f"families: {{w: {{for_each: {{size: [s]}}, tier: {{{tier}, {task}}}}}}}\n"

    loaded = load_text(tmp_path, text, overrides=["families.w.tier.concurrency=3"])

    assert loaded.profile.tiers["w-s"].concurrency == 3
