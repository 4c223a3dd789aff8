"""taskgen turns a profile into everything that a fleet of task-queue workers needs to run."""

__version__ = "0.1.0"
