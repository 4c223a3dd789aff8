"""Constants that stand in a template itself."""

import pytest
import yaml

from taskgen.rendering.environment import render_text


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("""{{ '"$(id)" && x' }}""", '"$(id)" && x', id="text"),
        pytest.param("{{ ['a&b', '<c>'] }}", ["a&b", "<c>"], id="a list"),
        pytest.param("{{ [9090] | list }}", [9090], id="through a filter"),
    ],
)
def test_constant_is_encoded_like_any_value(tmp_path, expression, expected):
    """Jinja would print a constant while it compiles, escaped as HTML; it goes through the encoder instead."""
    (tmp_path / "a.yaml.j2").write_text(f"key: {expression}\n")

    assert yaml.safe_load(render_text([tmp_path], "a.yaml.j2", {})) == {"key": expected}
