"""Validation errors in plain words, at the places where the values were written."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from taskgen.errors import Position, Problem
from taskgen.profile.base import KeyedError
from taskgen.profile.nodes import Items, Keys, Node, Scalar, child, find
from taskgen.profile.paths import Parts, join, split
from taskgen.profile.phrases import Phrase, phrase_for
from taskgen.profile.positions import Positions
from taskgen.profile.shape import ANY, description_at, keys_at, places_of
from taskgen.profile.wording import listed, nearest, shown_key

Origin = Callable[[Parts], Parts]
"""Where a path was written, when it was not written where it is, such as a member of a family."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """One error of the models, its place in the tree found."""

    path: Parts
    branches: tuple[tuple[int, str], ...]
    """unions on the way: length of the path there, and the alternative that was tried"""
    kind: str
    context: dict[str, Any]
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class Explainer:
    """Turns errors of the models into problems."""

    model: type[BaseModel]
    root: Keys
    positions: Positions
    origin: Origin = lambda parts: parts

    def problems(self, error: ValidationError) -> tuple[Problem, ...]:
        """Return one problem for each thing that is wrong; the alternatives of a union count as one."""
        failures = [self._located(item) for item in error.errors(include_url=False, include_input=False)]
        return tuple(self._all([failure for failure in failures if not self._follows_from_others(failure)], 0))

    def _follows_from_others(self, failure: _Failure) -> bool:
        """Tell whether a failure vanishes with another one: a list without its wrong items, a key that is misspelt."""
        node = find(self.root, failure.path if failure.kind == "too_short" else failure.path[:-1])
        if failure.kind == "too_short" and isinstance(node, Items):
            return len(node.nodes) >= int(failure.context["min_length"])
        if failure.kind == "missing" and isinstance(node, Keys):
            known = keys_at(self.model, failure.path[:-1])
            return any(nearest(key, known) == failure.path[-1] for key in node.entries if key not in known)
        return False

    def _located(self, item: Any) -> _Failure:  # noqa: ANN401  # pydantic's ErrorDetails, its context untyped
        path: list[str | int] = []
        branches: list[tuple[int, str]] = []
        node: Node | None = self.root
        kind, context, location = item["type"], item.get("ctx", {}), list(item["loc"])
        is_key = bool(location) and location[-1] == "[key]"
        if is_key:
            location.pop()
        for index, part in enumerate(location):
            below = child(node, part) if node is not None else None
            is_new = kind == "missing" and index == len(location) - 1
            if below is None and not is_new:
                branches.append((len(path), str(part)))
                continue
            path.append(part)
            node = below
        cause = context.get("error")
        if isinstance(cause, KeyedError):
            path.extend(split(cause.key))
        return _Failure(tuple(path), tuple(branches), kind, context, is_key)

    def _all(self, failures: Sequence[_Failure], level: int) -> Iterable[Problem]:
        """Explain failures whose first `level` unions are decided already."""
        unions: dict[Parts, list[_Failure]] = defaultdict(list)
        for failure in failures:
            if len(failure.branches) > level:
                unions[failure.path[: failure.branches[level][0]]].append(failure)
            else:
                yield self._problem(failure)
        for path, group in unions.items():
            yield from self._union(path, group, level)

    def _union(self, path: Parts, group: Sequence[_Failure], level: int) -> Iterable[Problem]:
        """Explain the failure of every alternative at a path as one mistake, in the one that was probably meant."""
        alternatives: dict[str, list[_Failure]] = defaultdict(list)
        for failure in group:
            alternatives[failure.branches[level][1]].append(failure)
        meant = [
            tried for tried in alternatives.values() if not any(self._is_of_another_kind(item, path) for item in tried)
        ]
        known = [tried for tried in meant if not any(item.kind == "extra_forbidden" for item in tried)]
        if known or len(meant) == 1:
            yield from self._all(min(known or meant, key=len), level + 1)
        elif meant:
            yield self._no_alternative(path, meant)
        else:
            yield self._of_no_kind(path, [item for tried in alternatives.values() for item in tried])

    def _is_of_another_kind(self, failure: _Failure, path: Parts) -> bool:
        return failure.path == path and phrase_for(failure.kind, failure.context, None).expected is not None

    def _of_no_kind(self, path: Parts, failures: Sequence[_Failure]) -> Problem:
        node = find(self.root, path)
        phrases = [phrase_for(item.kind, item.context, node) for item in failures]
        choices = [choice for phrase in phrases for choice in phrase.choices]
        kinds = dict.fromkeys(kind for phrase in phrases for kind in phrase.expected or () if kind not in choices)
        return self._at(path, Phrase(expected=(*kinds, *choices), choices=tuple(choices)).text(node))

    def _no_alternative(self, path: Parts, meant: Sequence[Sequence[_Failure]]) -> Problem:
        """Explain a mapping with keys that no alternative has."""
        node = find(self.root, path)
        given = list(node.entries) if isinstance(node, Keys) else []
        known = keys_at(self.model, path)
        unknown = next((key for key in given if key not in known), None)
        if unknown is None:
            return self._at(
                path, f"{listed(given, last='and')} do not go together: write one of them in a mapping of its own"
            )
        return self._problem(next(item for tried in meant for item in tried if item.path == (*path, unknown)))

    def _problem(self, failure: _Failure) -> Problem:
        if failure.kind == "missing":
            return self._missing(failure.path)
        if failure.kind == "extra_forbidden":
            return self._unknown(failure.path)
        node = find(self.root, failure.path)
        if isinstance(failure.context.get("error"), KeyedError) or not failure.is_key:
            return self._at(failure.path, phrase_for(failure.kind, failure.context, node).text(node))
        key = Scalar(self.positions.key(failure.path), str(failure.path[-1]), str(failure.path[-1]))
        message = phrase_for(failure.kind, failure.context, key).text(key)
        return Problem(key.position, join(self.origin(failure.path)), message)

    def _at(self, path: Parts, message: str) -> Problem:
        return Problem(self.positions.at(path), join(self.origin(path)), message)

    def _missing(self, path: Parts) -> Problem:
        described = description_at(self.model, path)
        words = f" ({described})" if described else ""
        return Problem(self._enclosing(path[:-1]), join(self.origin(path)), f"missing{words}: add it")

    def _enclosing(self, path: Parts) -> Position:
        node = find(self.root, path)
        is_flow = isinstance(node, Keys) and node.position.line == self.positions.key(path).line
        return self.positions.at(path) if is_flow else self.positions.key(path)

    def _unknown(self, path: Parts) -> Problem:
        key = str(path[-1])
        known = keys_at(self.model, path[:-1])
        near = nearest(key, known)
        elsewhere = None if near else self._elsewhere(key, path[:-1])
        if near:
            remedy = f", did you mean '{near}'?"
        elif elsewhere is not None:
            remedy = f", it belongs {elsewhere}"
        else:
            # More names than fit a line help nobody: the schema lists them.
            remedy = f": use {listed(known)}" if 0 < len(known) <= _MOST_LISTED else ": `taskgen schema` lists the keys"
        return Problem(
            self.positions.key(path),
            join(self.origin(path)),
            f"unknown {'target' if path[:-1] == ('targets',) else 'key'}{remedy}",
        )

    def _elsewhere(self, key: str, path: Parts) -> str | None:
        """Say where a key would be known: at the place that shares most of the path."""
        places = list(places_of(self.model, key))
        if not places:
            return None

        def shared(place: Parts) -> int:
            same = 0
            for mine, theirs in zip(path, place, strict=False):
                if theirs not in {ANY, mine}:
                    break
                same += 1
            return same

        best = max(places, key=lambda place: (shared(place), -len(place)))
        if not best:
            return "to the top level"
        if path and shared(best) == 0:
            return None
        filled = tuple(path[index] if index < shared(best) else part for index, part in enumerate(best))
        return f"under {'.'.join(part if part == ANY else shown_key(str(part)) for part in self.origin(filled))}"


_MOST_LISTED: Final = 8
