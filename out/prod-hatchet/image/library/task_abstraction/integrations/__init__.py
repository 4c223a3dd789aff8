"""Modules for applications that were not written with the library."""
