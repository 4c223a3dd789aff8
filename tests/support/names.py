"""Names of tasks that workers of tests run: importing the tasks would register them for the whole process."""

PRIVATE_TASKS = ("private_echo", "private_pass", "private_fail", "private_broken")
TRACED_TASKS = ("traced_inner", "traced_outer", "traced_fail", "traced_step")
OUTLIVE_S = 1.0
"""Time limit of `tests.support.faulty.outlive`, seconds."""
