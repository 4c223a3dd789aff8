"""Plan to artifacts: sandboxed templates in which no value can break out of its place."""
