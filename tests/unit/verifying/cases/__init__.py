"""A good file of each consumer, and the mistakes that it must refuse."""

from tests.unit.verifying.cases import programs, settings

CASES = {**programs.CASES, **settings.CASES}
