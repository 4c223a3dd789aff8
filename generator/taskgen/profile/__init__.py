"""The profile: what a user states about a deployment, its schema, loading and source positions."""
