"""The sandbox of templates."""

import pytest

from taskgen.errors import TemplateError
from taskgen.rendering.environment import holds, render_text


@pytest.fixture
def root(tmp_path):
    """A folder of templates."""
    return tmp_path


def rendered(root, text, name="t.yaml.j2", **context):
    """Render one template of a text."""
    (root / name).write_text(text)
    return render_text([root], name, context)


def test_value_is_encoded_for_its_format(root):
    """The suffix of a template decides how values are written."""
    assert rendered(root, "a: {{ v }}", v="no") == 'a: "no"'
    assert rendered(root, "a = {{ v }}", "t.py.j2", v="no") == 'a = "no"'


def test_macro_is_not_encoded_twice(root):
    """What a macro printed is already encoded."""
    text = "{% macro pair(v) %}k: {{ v }}{% endmacro %}{{ pair(v) }}"

    assert rendered(root, text, v="x: y") == 'k: "x: y"'


def test_unknown_value_names_template_and_line(root):
    """A misspelt name stops with template and line."""
    with pytest.raises(TemplateError, match=r"templates/t\.yaml\.j2:2: 'missing' is undefined"):
        rendered(root, "a: 1\nb: {{ missing }}")


def test_syntax_error_names_template_and_line(root):
    """A broken template stops with template and line."""
    with pytest.raises(TemplateError, match=r"templates/t\.yaml\.j2:2: "):
        rendered(root, "a: 1\n{% if %}")


@pytest.mark.parametrize(
    "attack",
    [
        "{{ v.__class__.__mro__ }}",
        "{{ ''.__class__ }}",
        "{{ v | safe }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler.__init__ }}",
        "{{ self.__init__ }}",
        "{{ v | attr('__class__') }}",
        "{{ '%s' | format(v) }}",
    ],
)
def test_template_cannot_leave_the_sandbox(root, attack):
    """Templates reach no internals of Python and cannot mark a value as safe."""
    with pytest.raises(TemplateError):
        rendered(root, attack, v="x")


def test_project_template_hides_the_shipped_one(tmp_path):
    """The first root wins."""
    for name in ("own", "shipped"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "t.txt.j2").write_text(name)

    assert render_text([tmp_path / "own", tmp_path / "shipped"], "t.txt.j2", {}) == "own"


def test_condition_of_a_target(root):
    """A `when` is an expression over the context; unknown names are errors."""
    assert holds([root], "tier == 'x'", {"tier": "x"}, "target.yaml")
    with pytest.raises(TemplateError, match=r"target\.yaml: when 'nothing\.here'"):
        holds([root], "nothing.here", {}, "target.yaml")
