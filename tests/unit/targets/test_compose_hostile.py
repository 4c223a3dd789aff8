"""Secrets and hostile values in a Compose file: a reference is a reference, everything else is text."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from taskgen.errors import TemplateError
from taskgen.rendering.compose import compose_required
from taskgen.rendering.encoding import compose_text
from tests.support.composing import PATH, REFERENCE, document, understood
from tests.support.in_memory import artifacts, texts, write
from tests.support.need import need
from tests.support.reading import compose_config


class TestSecrets:
    """Values of secrets come from the caller's environment, under stable names."""

    def test_missing_value_stops_compose(self, tmp_path):
        """A stack without its secrets does not start: Compose names the variable and the secret."""
        need("compose")
        write(tmp_path, artifacts("staging-celery", ["compose", "settings"]))

        with pytest.raises(ValueError, match=r"DOCFLOW_BROKER_URL.*secret docflow-broker, key url"):
            compose_config(tmp_path / PATH)

    def test_value_reaches_the_worker(self, tmp_path):
        """The worker gets the value under the name that the library reads, and it stays out of the file."""
        stack = understood(tmp_path, "staging-celery")

        assert (
            stack["services"]["worker-high"]["environment"]["TASK_CELERY_BROKER_URL"] == "value-of-DOCFLOW_BROKER_URL"
        )

    def test_file_says_what_it_needs(self):
        """The head of the file lists the variables."""
        assert "#   DOCFLOW_BROKER_URL\n" in texts("staging-celery", "compose")[PATH]

    def test_certificates_are_mounted_read_only(self):
        """Certificates are a folder of the caller, which must exist."""
        volume = document("staging-temporal")["services"]["worker-high"]["volumes"][0]

        assert (volume["type"], volume["target"], volume["read_only"]) == ("bind", "/etc/taskgen-tls", True)
        assert volume["bind"] == {"create_host_path": False}
        assert REFERENCE.fullmatch(volume["source"]).group(1) == "TEMPORAL_MTLS_DIR"

    def test_two_secrets_never_share_a_variable(self):
        """Names that would become one are refused: one of the values would be lost."""
        overrides = ("app.secret_env={A: {secret: docs-a, key: key}, B: {secret: docs, key: a-key}}",)

        with pytest.raises(TemplateError, match=r"docs/a-key and docs-a/key would both be read from DOCS_A_KEY"):
            document("staging-celery", *overrides)


class TestHostileValues:
    """No value of a profile becomes a variable, a key or another service."""

    @settings(max_examples=40)
    @given(st.lists(st.text(), min_size=1, max_size=20))
    def test_values_are_read_as_they_are(self, tmp_path_factory, values):
        """Compose reads any text back as it was, whatever dollars, quotes or breaks it holds."""
        need("compose")
        kept = {}
        for number, value in enumerate(values):
            try:
                kept[f"V{number}"] = (value, compose_text(value))
            except TemplateError:
                continue
        lines = "".join(f"      {name}: {text}\n" for name, (_, text) in kept.items())
        file = tmp_path_factory.mktemp("hostile") / "compose.yaml"
        file.write_text(f"name: x\nservices:\n  a:\n    image: x\n    environment:\n      HOME: x\n{lines}")

        read = compose_config(file, X="expanded")["services"]["a"]["environment"]

        assert {name: read[name] for name in kept} == {name: value for name, (value, _) in kept.items()}

    @given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
    def test_nested_values_keep_their_shape(self, value):
        """Every text below a collection is one scalar with its dollars doubled; keys stay as they are."""

        def doubled(entry):
            if isinstance(entry, dict):
                return {key: doubled(below) for key, below in entry.items()}
            return [doubled(below) for below in entry] if isinstance(entry, list) else entry.replace("$", "$$")

        try:
            text = compose_text(value)
        except TemplateError:
            return
        assert yaml.safe_load(text) == doubled(value)

    @pytest.mark.parametrize(
        "word", ["$HOME", "${HOME:-x}", "$$", '"; id', "a: b", "- a", "#", "{}", "\n  evil: {}", "!!x"]
    )
    def test_command_words_through_the_whole_way(self, tmp_path, word):
        """A word of a command reaches the container as the profile states it."""

        def change(profile):
            app = profile.app.model_copy(update={"kind": "command", "command": ("run", word)})
            return profile.model_copy(update={"app": app})

        stack = understood(tmp_path, "dev-celery", change=change)

        assert stack["services"]["worker-worker"]["command"] == ["run", word]
        assert set(stack["services"]) == {"broker", "worker-worker", "beat", "exporter", "prometheus"}

    @pytest.mark.parametrize(
        ("variable", "message"),
        [("A}", "x"), ("a", "x"), ("A", "}"), ("A", "$B"), ("A", ""), ("A B", "x"), ("A", "a\nb")],
    )
    def test_reference_is_a_reference(self, variable, message):
        """A name or message that would end the reference early is refused."""
        with pytest.raises(TemplateError, match="is no reference that Compose reads"):
            compose_required(variable, message)
