"""The whole suite for one or several kinds of fixtures."""

from scripts.contract_columns import Column
from task_abstraction.models import Feature, Support
from task_abstraction.testing import contract


class TableContract(contract.Fixtures):
    """The table of the documentation says of a backend under test what steers its tests."""

    column: Column

    def test_the_table_says_what_is_tested(self, backend):
        """A feature counts as tested where the suite asks for it, and as refused where it is refused."""
        given = {feature for feature in Feature if self.can(backend, feature)}
        assert given == {one for one in Feature if self.column.record(one).support is not Support.REFUSED}


SUITES = (
    contract.RegistrationContract,
    contract.SubmitContract,
    contract.StateContract,
    contract.ResultContract,
    contract.RetryContract,
    contract.OptionsContract,
    contract.WorkflowContract,
    contract.SecretsContract,
    contract.RefusalContract,
    contract.OutageContract,
    TableContract,
)


def add_suites(namespace, *kinds, suites=SUITES):
    """Define a test class for each pair of fixtures and contract in a module's namespace."""
    for fixtures in kinds:
        for suite in suites:
            name = f"Test{fixtures.__name__}{suite.__name__.removesuffix('Contract')}"
            members = {"__doc__": suite.__doc__, "__module__": namespace["__name__"]}
            namespace[name] = type(name, (fixtures, suite), members)
