"""What importing the contract does to the process that runs it."""

import subprocess
import sys


def test_importing_the_contract_registers_no_task():
    """Its tasks belong to worker processes: in the tests' own they would be served by every other worker under test."""
    code = (
        "import task_abstraction; from task_abstraction.testing import contract;"
        "print([task.name for task in task_abstraction.TASK_REGISTRY], contract.WorkerContract.__name__)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[] WorkerContract"
