"""The mechanism of derived values."""

import pytest

from taskgen.plan.build import LATE_DERIVATIONS, PROFILE_DERIVATIONS, TIER_DERIVATIONS
from taskgen.plan.derivation import Fact, derivation, derive


@derivation(formula="2 x width", source="test", override="typed_double")
def double(*, width: int) -> int:
    """Twice the width."""
    return 2 * width


@derivation(formula="double + 1", source="test")
def more(*, double: int) -> int:
    """One more."""
    return double + 1


DERIVATIONS = {"more": more, "double": double}
FACTS = {"width": Fact(4, "tiers.x.width"), "typed_double": Fact(None, "tiers.x.double")}


def test_inputs_are_found_by_name():
    """A parameter is a fact or another derivation, in any order."""
    trails = derive(DERIVATIONS, FACTS, prefix="tiers.x.")

    assert (trails["double"].value, trails["more"].value) == (8, 9)


def test_trail_names_the_paths_of_its_inputs():
    """What went in can be found again in the profile or in the plan."""
    trails = derive(DERIVATIONS, FACTS, prefix="tiers.x.")

    assert [(entry.name, entry.path) for entry in trails["double"].inputs] == [("width", "tiers.x.width")]
    assert [(entry.name, entry.path) for entry in trails["more"].inputs] == [("double", "tiers.x.double")]


def test_typed_value_replaces_the_derived_one():
    """A value set by hand is what others are derived from; the formula's answer is kept beside it."""
    trails = derive(DERIVATIONS, {**FACTS, "typed_double": Fact(5, "tiers.x.double")}, prefix="tiers.x.")

    assert (trails["double"].value, trails["double"].derived, trails["more"].value) == (5, 8, 6)
    assert trails["double"].typed == "tiers.x.double"


def test_unknown_input_is_named():
    """A parameter that names nothing is a mistake of taskgen, and says which."""
    with pytest.raises(LookupError, match="double needs width"):
        derive(DERIVATIONS, {}, prefix="")


def test_circle_is_refused():
    """Derivations that need each other are named in order."""

    @derivation(formula="b", source="test")
    def a(*, b: int) -> int:
        return b

    @derivation(formula="a", source="test")
    def b(*, a: int) -> int:
        return a

    with pytest.raises(LookupError, match="a -> b -> a"):
        derive({"a": a, "b": b}, {}, prefix="")


@pytest.mark.parametrize("name", sorted({**TIER_DERIVATIONS, **PROFILE_DERIVATIONS, **LATE_DERIVATIONS}))
def test_every_derivation_is_documented(name):
    """Each derivation states what it is, its formula and its source."""
    entry = {**TIER_DERIVATIONS, **PROFILE_DERIVATIONS, **LATE_DERIVATIONS}[name]

    assert entry.function.__doc__
    assert entry.formula
    assert entry.source
