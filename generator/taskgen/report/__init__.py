"""What people read: where a value came from, and what a reviewer wants to know."""
