"""env/<tier>.env, as a shell and Compose read it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskgen.errors import TemplateError
from tests.support.in_memory import SHIPPED, plan_of, texts
from tests.support.need import need
from tests.support.reading import compose_config, shell_environment

HOSTILE = [
    *("$HOME", "${HOME}", "$(id)", "`id`", "a&b", "~/x", "a;b", "a|b", "<x>", "a b", " a ", "#a", "a #b", "!x"),
    *("it's", "it's #1", '"quoted"', "a\\b", "\\n", "%s", "{a,b}", "[a]", "=", "a=b", "-x", "", "é", "日本", "*", "?"),
]
REFUSED = ["a\nB=1", "a\rb", "a\x00b", "it's $5", "'`\"", "a\\", "\u2028"]


def environment_of(value):
    """A change that gives every worker one more variable."""

    def change(profile):
        return profile.model_copy(update={"app": profile.app.model_copy(update={"env": {"HOSTILE": value}})})

    return change


def rendered(value):
    """The environment file of the development worker with that variable."""
    return texts("dev-celery", "settings", change=environment_of(value))["settings/env/worker.env"]


def compose_environment(folder, text):
    """The variables of a service with that environment file."""
    need("compose")
    (folder / "worker.env").write_text(text)
    file = folder / "compose.yaml"
    file.write_text("name: x\nservices: {a: {image: x, env_file: [worker.env]}}\n")
    return {name: value or "" for name, value in compose_config(file)["services"]["a"]["environment"].items()}


@pytest.mark.parametrize("name", SHIPPED)
def test_both_readers_take_what_the_plan_says(name, tmp_path):
    """A shell and Compose read the variables of the plan; those from secrets are absent."""
    for tier in plan_of(name).tiers:
        text = texts(name, "settings")[f"settings/env/{tier.name}.env"]
        expected = {entry.name: entry.value for entry in tier.env if entry.secret is None}
        (tmp_path / "worker.env").write_text(text)
        sourced = shell_environment(tmp_path / "worker.env")

        assert compose_environment(tmp_path, text) == expected
        assert {key: sourced.get(key) for key in expected} == expected
        assert not {entry.name for entry in tier.env if entry.secret} & sourced.keys()


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_value_is_read_as_it_is(value, tmp_path):
    """A value with a meaning to shells or Compose keeps its text, and changes no other variable."""
    text = rendered(value)
    (tmp_path / "worker.env").write_text(text)

    assert shell_environment(tmp_path / "worker.env")["HOSTILE"] == value
    assert compose_environment(tmp_path, text)["HOSTILE"] == value


@pytest.mark.parametrize("value", REFUSED)
def test_value_that_readers_understand_differently_is_refused(value):
    """What no form of quotes carries through both readers is an error, with a remedy where there is one."""
    with pytest.raises(TemplateError, match=r"environment file cannot carry|use a secret instead"):
        rendered(value)


@settings(max_examples=25)
@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=30))
def test_any_text_is_kept_or_refused(tmp_path_factory, values):
    """No text is read as something else, by either reader."""
    kept = {}
    lines = []
    for number, value in enumerate(values):
        try:
            line = next(line for line in rendered(value).splitlines() if line.startswith("HOSTILE="))
        except TemplateError:
            continue
        kept[f"V{number}"] = value
        lines.append(line.replace("HOSTILE", f"V{number}", 1))
    folder = tmp_path_factory.mktemp("env")
    (folder / "worker.env").write_text("\n".join(lines) + "\n")

    sourced = shell_environment(folder / "worker.env")
    assert {name: sourced[name] for name in kept} == kept
    if kept:
        assert compose_environment(folder, (folder / "worker.env").read_text()) == kept
