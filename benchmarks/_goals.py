"""A figure beside the goal that was set for it. Nothing here judges: it prints what was seen."""

from __future__ import annotations


def against(value: float, goal: float) -> str:
    """A figure and what it was meant to be at most."""
    return f"{value:5.2f} {'≤' if value <= goal else '>'} {goal:.2f}"
