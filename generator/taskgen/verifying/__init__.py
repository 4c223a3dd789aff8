"""Rendered artifacts before the tools that consume them: one module for each consumer."""
