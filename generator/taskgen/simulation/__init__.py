"""A discrete-event model of one tier under its autoscaler: waits, replicas, tasks hit, cost."""
