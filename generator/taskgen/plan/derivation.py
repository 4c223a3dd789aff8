"""The mechanism of derived values: a derivation is one pure function whose parameters name what it needs.

A parameter is the name of a *fact* (a value of the profile, see `plan.facts`) or of another derivation. The resolver
finds them, in any order, and keeps for each result the formula, the source and the inputs: its *trail*. So adding a
derived value is adding one function to one of the modules that `plan.build` lists.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from types import ModuleType
from typing import Any


@dataclass(frozen=True, slots=True)
class Fact:
    """A value of the profile, and the path where it stands there (`tiers.high.load.rate`)."""

    value: Any
    path: str


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a derivation: its name in the formula, its value, and the path of the fact or derived value."""

    name: str
    value: Any
    path: str


@dataclass(frozen=True, slots=True)
class Trail:
    """How a value of the plan came about."""

    value: Any
    """what is rendered"""
    formula: str
    """in the names of `inputs`"""
    source: str
    """document, issue or measurement behind the formula"""
    inputs: tuple[Input, ...]
    """what went in"""
    derived: Any
    """what the formula gives; differs from `value` when the profile sets it by hand"""
    typed: str | None = None
    """path in the profile where the value was set by hand"""
    settable: str | None = None
    """path in the profile where it can be set by hand"""


@dataclass(frozen=True, slots=True)
class Derivation:
    """A function with its documentation; made by the decorator `derivation`."""

    function: Callable[..., Any]
    formula: str
    source: str
    override: str | None
    """fact that replaces the result when it is not None"""

    @property
    def name(self) -> str:
        """The name of the value in the plan."""
        return self.function.__name__

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the facts and derived values that the function takes."""
        return tuple(signature(self.function).parameters)

    def __call__(self, **inputs: Any) -> Any:  # noqa: ANN401  # each derivation has its own type
        """Call the function itself, as its unit tests do."""
        return self.function(**inputs)


def derivation(*, formula: str, source: str, override: str | None = None) -> Callable[[Callable[..., Any]], Derivation]:
    """Declare a derivation.

    Args:
        formula: in the names of the parameters; printed by `taskgen explain`.
        source: document, issue or measurement behind it.
        override: fact that holds what a user typed instead, or None.
    """
    return lambda function: Derivation(function=function, formula=formula, source=source, override=override)


def collect(*modules: ModuleType) -> dict[str, Derivation]:
    """Return the derivations of some modules by name.

    Raises:
        ValueError: two derivations have one name.
    """
    found: dict[str, Derivation] = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Derivation) and value.function.__module__ == module.__name__:
                if value.name in found:
                    raise ValueError(f"two derivations are called {value.name}")
                found[value.name] = value
    return found


@dataclass(slots=True)
class _Resolver:
    derivations: Mapping[str, Derivation]
    facts: Mapping[str, Fact]
    prefix: str
    forced: Mapping[str, Any]
    trails: dict[str, Trail] = field(default_factory=dict)
    running: list[str] = field(default_factory=list)

    def input(self, name: str) -> Input:
        if name in self.derivations:
            return Input(name, self.resolve(name).value, f"{self.prefix}{name}")
        if name not in self.facts:
            raise LookupError(f"{self.running[-1]} needs {name}, which is neither a fact nor a derivation")
        return Input(name, self.facts[name].value, self.facts[name].path)

    def resolve(self, name: str) -> Trail:
        if name in self.trails:
            return self.trails[name]
        if name in self.running:
            raise LookupError(f"derivations depend on each other: {' -> '.join([*self.running, name])}")
        this = self.derivations[name]
        self.running.append(name)
        inputs = tuple(self.input(need) for need in this.needs)
        derived = this.function(**{entry.name: entry.value for entry in inputs})
        by_hand = self.facts.get(this.override) if this.override else None
        is_typed = by_hand is not None and by_hand.value is not None
        value, typed = (by_hand.value, by_hand.path) if by_hand is not None and is_typed else (derived, None)
        value = self.forced.get(f"{self.prefix}{name}", value)
        self.running.pop()
        settable = by_hand.path if by_hand is not None else None
        self.trails[name] = Trail(value, this.formula, this.source, inputs, derived, typed, settable)
        return self.trails[name]


def derive(
    derivations: Mapping[str, Derivation],
    facts: Mapping[str, Fact],
    *,
    prefix: str,
    forced: Mapping[str, Any] | None = None,
) -> dict[str, Trail]:
    """Compute every derivation from the facts.

    Args:
        derivations: by name.
        facts: by name; a derivation of the same name hides a fact.
        prefix: put before the names of derived values in trails, such as `tiers.high.`.
        forced: values by path that replace whatever is derived or typed, to see what depends on them.

    Raises:
        LookupError: a parameter names nothing, or derivations depend on each other; a mistake in taskgen itself.
    """
    resolver = _Resolver(derivations, facts, prefix, forced or {})
    for name in derivations:
        resolver.resolve(name)
    return resolver.trails
