"""Temporal: tasks as activities, alone or inside one generic workflow.

Nothing is imported here: the workflow sandbox imports this package for every workflow that it runs.
"""
