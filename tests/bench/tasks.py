"""The bodies as tasks of the library."""

from task_abstraction import task
from tests.bench.bodies import BODIES

QUEUE = "low_priority"
TASKS = {body.__name__: task(queue=QUEUE, name=f"bench_{body.__name__}")(body) for body in BODIES}
