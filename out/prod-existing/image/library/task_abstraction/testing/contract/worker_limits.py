"""The contract's task with a time limit, for workers that can end a running task."""

from task_abstraction import task
from task_abstraction.testing.contract.tasks import LIMIT, ONCE, QUEUE, contract_long

task(queue=QUEUE, retry=ONCE, timeout=LIMIT)(contract_long)
