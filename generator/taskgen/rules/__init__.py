"""Invariants over (Profile, Plan): what is lost, repeated, stuck, insecure or ignored, before anything is rendered."""
