"""The tree on disk: lock, drift, and the write that leaves the old tree or the new one.

This file imports nothing: the fast path passes through it.
"""
