"""Strings of a profile can change nothing in a manifest but their own place, and arrive in the container as stated."""

import re

import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from taskgen.errors import TemplateError
from taskgen.rendering.kubernetes import unexpanded
from taskgen.rendering.literal import is_literal, yaml_literal
from tests.support.manifests import artifacts_of, env, loaded, main, objects_in, pod

HOSTILE = [
    "a: b\nc: d", "\n- x", "{{ 7 * 7 }}", "{% raw %}", "'", '"', '"]}', "}}", "# no comment", "a #b", "no", "1.10",
    "1e6", "0o17", "null", "~", "", " ", "\t", "\r\n", "\x85", "\u2028", "\ufeff", "é", "*alias", "&anchor", "!!str x",
    "---", "...", "? key", "2026-11-22", "12:30", "<<", "=", ".inf", "@x", "a,b", "[a]", "|\n  x", ">", "\\", "\\n",
    "$(HOME)", "$$(HOME)", "$", "$$", "$$$(A)", "${A}", "`id`", "x\n---\nkind: Secret",
]  # fmt: skip
# NUL is refused by the profile; lone surrogates are no text.
texts = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
BASE = loaded("staging-temporal", "targets.kubernetes.clusters=[one]")
YAML_12 = YAML(typ="safe", pure=True)


def expanded(value, variables):
    """What the kubelet makes of a value: third_party/forked/golang/expansion of Kubernetes."""
    out, cursor = "", 0
    while cursor < len(value):
        if value[cursor] != "$" or cursor + 1 == len(value):
            out, cursor = out + value[cursor], cursor + 1
        elif value[cursor + 1] == "$":
            out, cursor = out + "$", cursor + 2
        elif value[cursor + 1] == "(" and (end := value.find(")", cursor)) > 0:
            name = value[cursor + 2 : end]
            out, cursor = out + variables.get(name, f"$({name})"), end + 1
        else:
            out, cursor = out + value[cursor], cursor + 1
    return out


NAME, FIRST = next(iter(BASE.profile.tiers.items()))
KEY = f"Deployment/worker-{NAME}"


def rendered(**fields):
    """The objects of a profile with one tier that has these fields; a refusal is always safe."""
    tier = FIRST.model_copy(update=fields)
    try:
        files = artifacts_of(BASE.profile.model_copy(update={"tiers": {NAME: tier}}), BASE)
    except TemplateError:
        assume(False)
        raise
    return objects_in(files)


PLAIN = rendered(env={"MARK": "plain"}, command_prefix=("plain",))


def but(found, field):
    """Everything but one field of the worker; the ConfigMap holds the command too, and names follow its content."""
    kept = {**found[KEY], "spec": {**found[KEY]["spec"], "template": None}}
    worker = {name: value for name, value in main(found[KEY]).items() if name != field}
    others = {name: value for name, value in found.items() if name != KEY and not name.startswith("ConfigMap/")}
    everything = repr([kept, worker, others, {**pod(found[KEY]), "containers": None}])
    return re.sub(r"-settings-[0-9a-f]{10}", "-settings-HASH", everything)


@given(value=texts)
@settings(max_examples=50)
def test_environment(value):
    """A variable has its value in the container, and nothing else changed."""
    found = rendered(env={"MARK": value}, command_prefix=("plain",))
    one, other = ([entry for entry in main(every[KEY])["env"] if entry["name"] != "MARK"] for every in (found, PLAIN))

    assert expanded(env(found[KEY])["MARK"], {"HOME": "/", "A": "b"}) == value
    assert one == other
    assert but(found, "env") == but(PLAIN, "env")


@given(words=st.lists(texts, min_size=1, max_size=3))
@settings(max_examples=50)
def test_command(words):
    """Each word of a command is one word in the container."""
    found = rendered(env={"MARK": "plain"}, command_prefix=tuple(words))

    assert [expanded(word, {"HOME": "/", "A": "b"}) for word in main(found[KEY])["command"][: len(words)]] == words
    assert main(found[KEY])["command"][len(words) :] == main(PLAIN[KEY])["command"][1:]
    assert but(found, "command") == but(PLAIN, "command")


@given(value=texts)
@settings(max_examples=50)
def test_everything_of_the_pod(value):
    """Annotations, labels, nodes, volumes and sidecars hold what the profile states, word for word."""
    stated = FIRST.pod.model_copy(
        update={
            "annotations": {value: value},
            "labels": {"team": value},
            "node_selector": {"pool": value},
            "tolerations": {"t": {"key": value}},
            "volumes": {"v": {"mount_path": value, "hostPath": {"path": value}}},
            "sidecars": {"s": {"image": value, "args": [value]}},
        }
    )
    deployment = rendered(pod=stated)[KEY]
    metadata = deployment["spec"]["template"]["metadata"]

    assert metadata["annotations"] == {value: value}
    assert metadata["labels"]["team"] == value
    assert pod(deployment)["nodeSelector"] == {"pool": value}
    assert pod(deployment)["tolerations"] == [{"key": value}]
    assert {"name": "v", "hostPath": {"path": value}} in pod(deployment)["volumes"]
    assert {"name": "v", "mountPath": value} in main(deployment)["volumeMounts"]
    assert pod(deployment)["initContainers"][0]["args"] == [value]


@given(texts)
@example("$" * 7)
@example("a$(b")
def test_the_kubelet_expands_nothing(value):
    """What is escaped reads back as it was, whatever variables there are."""
    assert expanded(unexpanded(value), {"HOME": "/", "A": "b", "": "c"}) == value


@given(st.one_of(texts, st.lists(texts).map("\n".join).map(lambda text: text + "\n")), st.integers(2, 8))
@example("a\n\n  b\n\n", 4)
@example("a\n", 2)
@example(" a\n", 2)
@example("a\n\tb\n", 2)
@example("...\n---\n", 2)
def test_literal_reads_back(text, indent):
    """A file inside a file is read back byte for byte by both YAML versions, and the next key is still the next key."""
    try:
        block = yaml_literal(text, indent)
    except TemplateError:
        return
    margin = " " * (indent - 2)
    document = f"{margin}before: 1\n{margin}value: {block}\n{margin}after: 2\n"

    for read in (lambda source: yaml.load(source, yaml.CSafeLoader), YAML_12.load):
        assert read(document) == {"before": 1, "value": text, "after": 2}


def test_a_plain_file_is_a_literal():
    """Rendered settings stay readable: each line on its own."""
    assert is_literal("a = 1\n\nb = '#'\n")
    assert yaml_literal("a = 1\n\nb = 2\n", 4) == "|\n    a = 1\n\n    b = 2"
