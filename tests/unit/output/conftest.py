"""What tests of the output layer begin with."""

import pytest

from taskgen.output.write import write
from tests.support.trees import ARTIFACTS, ORIGIN


@pytest.fixture
def folder(tmp_path):
    """A rendered tree without drift."""
    write(tmp_path / "p", ARTIFACTS, origin=ORIGIN)
    return tmp_path / "p"
