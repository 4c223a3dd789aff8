"""What every backend has to keep, as abstract test classes: derive one with the fixtures of your backend.

The suite asks `backend.supports(feature)`: where a feature is given its behaviour is tested, where it is refused the
exact refusal is.
"""

import pytest

for _name in (
    "fixtures",
    "registration",
    "submit",
    "results",
    "retries",
    "options",
    "flows",
    "refusals",
    "outages",
    "workers",
    "states",
):
    pytest.register_assert_rewrite(f"{__name__}.{_name}")

from task_abstraction.testing.contract.fixtures import Fixtures  # noqa: E402 - rewritten by pytest, see above
from task_abstraction.testing.contract.flows import WorkflowContract  # noqa: E402
from task_abstraction.testing.contract.options import OptionsContract  # noqa: E402
from task_abstraction.testing.contract.outages import OutageContract, SecretsContract  # noqa: E402
from task_abstraction.testing.contract.refusals import RefusalContract  # noqa: E402
from task_abstraction.testing.contract.registration import RegistrationContract  # noqa: E402
from task_abstraction.testing.contract.results import ResultContract  # noqa: E402
from task_abstraction.testing.contract.retries import RetryContract  # noqa: E402
from task_abstraction.testing.contract.states import StateContract  # noqa: E402
from task_abstraction.testing.contract.submit import SubmitContract  # noqa: E402
from task_abstraction.testing.contract.workers import WorkerContract  # noqa: E402

__all__ = [
    "Fixtures",
    "OptionsContract",
    "OutageContract",
    "RefusalContract",
    "RegistrationContract",
    "ResultContract",
    "RetryContract",
    "SecretsContract",
    "StateContract",
    "SubmitContract",
    "WorkerContract",
    "WorkflowContract",
]
