"""Refusing literal secrets: they belong into a secret store, and a profile refers to them."""

from collections.abc import Iterator
from typing import Final

from taskgen.errors import Problem
from taskgen.profile.literals import is_harmless, is_secret_flag, secret_in, sensitive_word
from taskgen.profile.nodes import Items, Keys, Node, Scalar, child
from taskgen.profile.paths import Parts, join

REMEDY: Final = "put it into a secret and refer to it by {secret: name, key: k}"
_ENV_REMEDY: Final = "put it into a secret and move the name to secret_env as {secret: name, key: k}"
_ENVIRONMENTS: Final = frozenset({"env"})
_NAMES_OF_SECRETS: Final = frozenset({"secret", "pull_secret", "key"})
"""Keys whose value is the name of a secret or of a key in it."""


def find_secrets(root: Node) -> Iterator[Problem]:
    """Yield every place of one file that holds a secret in clear; the messages never repeat it."""
    seen: set[int] = set()
    yield from _find(root, (), seen)


def _find(node: Node, path: Parts, seen: set[int]) -> Iterator[Problem]:
    if isinstance(node, Scalar):
        what = secret_in(node.text)
        if what is not None:
            yield Problem(node.position, join(path), f"{what} stands here in clear: {_remedy(path)}")
        return
    if id(node) in seen:  # an alias: looked at where its anchor stands
        return
    seen.add(id(node))
    if isinstance(node, Items):
        for index, item in enumerate(node.nodes):
            yield from _find(item, (*path, index), seen)
        yield from _after_flags(node, path)
        return
    for key, entry in node.entries.items():
        what = secret_in(key)
        if what is not None:
            yield Problem(entry.key, join((*path, key)), f"{what} stands in this key in clear: {REMEDY}")
        yield from _named(node, key, path)
        yield from _find(entry.value, (*path, key), seen)
    yield from _pair(node, path)


def _named(mapping: Keys, key: str, path: Parts) -> Iterator[Problem]:
    """Yield the value of a key whose name says that it is a secret."""
    value = mapping.entries[key].value
    if not isinstance(value, Scalar) or value.value is None or is_harmless(value.text) or secret_in(value.text):
        return
    in_environment = bool(path) and path[-1] in _ENVIRONMENTS
    if not in_environment and key in _NAMES_OF_SECRETS:
        return
    word = sensitive_word(key, anywhere=in_environment)
    if word is not None:
        yield Problem(
            value.position,
            join((*path, key)),
            f"a literal secret (its name says {word}): {_ENV_REMEDY if in_environment else REMEDY}",
        )


def _pair(mapping: Keys, path: Parts) -> Iterator[Problem]:
    """Yield the value of `{name: DB_PASSWORD, value: ...}`, as containers write their environment."""
    name, value = child(mapping, "name"), child(mapping, "value")
    if not isinstance(name, Scalar) or not isinstance(value, Scalar) or value.value is None:
        return
    word = sensitive_word(name.text)
    if word is not None and not is_harmless(value.text) and not secret_in(value.text):
        where = join((*path, "value"))
        yield Problem(
            value.position, where, f"a literal secret (its name says {word}): write valueFrom with a secretKeyRef"
        )


def _after_flags(items: Items, path: Parts) -> Iterator[Problem]:
    """Yield the words of a command line that follow a flag such as `--password`."""
    for index, (flag, value) in enumerate(zip(items.nodes, items.nodes[1:], strict=False)):
        if not isinstance(flag, Scalar) or not isinstance(value, Scalar) or not is_secret_flag(flag.text):
            continue
        if not is_harmless(value.text) and not value.text.startswith(("-", "$")) and not secret_in(value.text):
            where = join((*path, index + 1))
            yield Problem(value.position, where, f"a literal secret (the word before it says so): {REMEDY}")


def _remedy(path: Parts) -> str:
    return _ENV_REMEDY if len(path) > 1 and path[-2] in _ENVIRONMENTS else REMEDY
