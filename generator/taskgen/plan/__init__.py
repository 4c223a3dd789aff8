"""Profile to Plan: pure derivations that keep the trail of every value."""
