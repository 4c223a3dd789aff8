"""What no schema says about Kubernetes objects: names, quantities, references between objects, scaling rules.

Each of them is missed by at least one schema validator (measured; invariants.md K27).
"""
