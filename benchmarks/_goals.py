"""A result beside its goal. Nothing here judges: it only prints."""

from __future__ import annotations


def against(value: float, goal: float) -> str:
    """A result and its upper limit."""
    return f"{value:5.2f} {'≤' if value <= goal else '>'} {goal:.2f}"
