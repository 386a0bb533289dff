"""The figures of each kind of result."""
