"""Questions to the SDK of a backend: each module is a program of its own, so that the command line imports no SDK.

A probe prints a JSON list of problems; whatever else it does is a failure with its last lines.
"""
