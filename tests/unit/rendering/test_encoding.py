"""No value breaks out of its place: each format reads back what was written."""

import ast
import json
import subprocess
from datetime import timedelta

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from taskgen.errors import TemplateError
from taskgen.rendering.encoding import (
    ascii_literal,
    docker_text,
    env_text,
    json_document,
    json_text,
    line_text,
    python_text,
    yaml_block,
    yaml_text,
)

HOSTILE = [
    "a: b\nc: d", "- x", "{{ 7 * 7 }}", "'; import os; '", '"""', "$(touch x)", "`id`", "\\", "# no comment",
    "no", "1.10", "1e6", "0o17", "null", "~", "", " ", "\t", "\r\n", "\x00", "\x85", "\u2028", "\ufeff", "é", "💣",
    "*alias", "&anchor", "!!python/object", "%YAML 1.1", "---", "...", "? key", "2026-11-22", "12:30:45", "<<", "=",
    ".inf", "@x", "a,b", "[a]",
]  # fmt: skip
# Lone surrogates are no text: no file can hold them.
texts = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"])))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)
YAML_12 = YAML(typ="safe", pure=True)


def attempt(encode, value):
    """What an encoder writes, or None where it refuses the value: refusing is always safe."""
    try:
        return str(encode(value))
    except TemplateError:
        return None


@given(values)
def test_yaml_reads_back(value):
    """Both YAML versions read the value that was written, in flow and in block style, and nothing beside it."""
    for encode in (yaml_text, yaml_block):
        written = attempt(encode, value)
        if written is None:
            continue
        document = f"before: 1\nvalue:\n  {written.replace(chr(10), chr(10) + '  ')}\nafter: 2\n"
        expected = {"before": 1, "value": value, "after": 2}
        assert yaml.load(document, yaml.CSafeLoader) == expected
        assert YAML_12.load(document) == expected


@given(values)
def test_json_reads_back(value):
    """JSON reads the value that was written, on one line and as a document."""
    for encode in (json_text, json_document):
        written = attempt(encode, value)
        assert written is None or json.loads(written) == value


@given(values)
def test_python_reads_back(value):
    """Python evaluates the literal to the value."""
    assert ast.literal_eval(python_text(value)) == value


@given(texts)
def test_python_text_is_ascii_on_one_line(text):
    """A literal is plain ASCII on one line, whatever the text."""
    written = ascii_literal(text)

    assert written.isascii()
    assert "\n" not in written


def test_python_durations():
    """A duration is written as the timedelta that it is."""
    assert python_text({"limit": timedelta(minutes=5)}) == '{\n    "limit": timedelta(seconds=300),\n}'


@settings(max_examples=60)
@given(texts)
@example("it's")
def test_shell_reads_environment_lines_back(text):
    """A shell that sources the file sets the variable to the text, and does nothing else."""
    written = attempt(env_text, text)
    if written is None:
        return
    script = f'VALUE={written}\nprintf %s "$VALUE"'
    shell = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True, timeout=10)

    assert shell.stdout.decode() == text
    assert shell.stderr == b""


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "it's $HOME"])
def test_environment_refuses_what_readers_disagree_about(text):
    """What shells and Compose would read differently is refused, with a remedy."""
    with pytest.raises(TemplateError):
        env_text(text)


@given(texts)
def test_dockerfile_words_are_plain(text):
    """A word of a Dockerfile holds nothing that Docker or a shell interprets."""
    written = attempt(docker_text, text)

    assert written is None or not set(written) & set(" \t\n\"'`$\\;&|<>(){}[]#*?!")


@given(st.lists(texts, max_size=4))
def test_exec_form_reads_back(words):
    """The exec form is a JSON array of the words, on one line."""
    written = attempt(docker_text, words)

    assert written is None or (json.loads(written) == words and "\n" not in written)


@given(texts)
def test_text_stays_on_its_line(text):
    """A plain text file never gets a further line from a value."""
    written = attempt(line_text, text)

    assert written is None or written.splitlines() in ([], [text])


@pytest.mark.parametrize("value", [timedelta(1), object(), float("nan"), float("inf"), "\ud800"])
def test_what_has_no_form_is_refused(value):
    """A value that YAML cannot hold unambiguously is an error of the template, not a guess."""
    with pytest.raises(TemplateError):
        yaml_text(value)
