"""The task of the worker contract, for the worker processes that its tests start."""

from task_abstraction import task
from task_abstraction.testing.contract.holding import contract_hold

task(contract_hold)
