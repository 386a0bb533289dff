"""Checks of the numbers that modules are made with."""

from __future__ import annotations

from typing import Any

__all__ = ["count", "probability"]


def count(module: str, name: str, value: Any, least: int = 0) -> int:
    """`value` as a Python integer, if it is one and at least `least`."""
    try:
        number = value.__index__()
    except AttributeError:
        raise TypeError(f"{module}: {name} is a number of things, so an integer; got {value!r}") from None
    if number < least:
        raise ValueError(f"{module}: {name} must be at least {least}, got {number}")
    return int(number)


def probability(name: str, p: Any) -> float:
    """`p` as a float, if it is between 0 and 1."""
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p={p} is not a probability: it must be between 0 and 1")
    return float(p)
