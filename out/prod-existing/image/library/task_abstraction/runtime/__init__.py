"""Pieces that every backend's worker shares: metrics, health, logs, the loop thread, running a task body."""
