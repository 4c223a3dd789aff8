"""The contract's tasks for a worker process: `task-backend-worker --app task_abstraction.testing.contract.worker`."""

from task_abstraction import task
from task_abstraction.testing.contract.tasks import AT_ONCE, ONCE, QUEUE, TASKS, contract_flaky, contract_never

for fn in TASKS:
    task(queue=QUEUE, retry=ONCE)(fn)
for fn in (contract_flaky, contract_never):
    task(queue=QUEUE, retry=AT_ONCE)(fn)
