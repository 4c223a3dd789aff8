"""A document pipeline on task_abstraction."""
