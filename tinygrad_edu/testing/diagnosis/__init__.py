"""Saying more of a failure than that it is one: the likely mistake, and the op to blame."""
