"""Diagnosing a failure: the likely mistake, and the op to blame."""
