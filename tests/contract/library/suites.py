"""The whole suite for one or several kinds of fixtures."""

from task_abstraction.testing import contract

SUITES = (
    contract.RegistrationContract,
    contract.SubmitContract,
    contract.ResultContract,
    contract.RetryContract,
    contract.OptionsContract,
    contract.WorkflowContract,
    contract.SecretsContract,
    contract.RefusalContract,
    contract.OutageContract,
)


def add_suites(namespace, *kinds, suites=SUITES):
    """Define a test class for each pair of fixtures and contract in a module's namespace."""
    for fixtures in kinds:
        for suite in suites:
            name = f"Test{fixtures.__name__}{suite.__name__.removesuffix('Contract')}"
            members = {"__doc__": suite.__doc__, "__module__": namespace["__name__"]}
            namespace[name] = type(name, (fixtures, suite), members)
