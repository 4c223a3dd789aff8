"""Hatchet: the only folder that imports hatchet_sdk."""
