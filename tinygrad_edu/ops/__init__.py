"""The ops: one block each, with the NumPy forward, a rule per argument, and what the tests need."""
