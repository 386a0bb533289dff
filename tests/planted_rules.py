"""A wrong rule, planted on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tinygrad_edu.engine.primitives import PRIMITIVES


@contextmanager
def planted(name: str, change: Callable[..., Any], index: int = 0) -> Iterator[None]:
    """The rule of an op for one argument, changed: ``change(part, g, out, *args)``."""
    op: Any = PRIMITIVES[name]
    old, rules = op.vjps, list(op.vjps)
    was = rules[index]
    rules[index] = lambda g, out, *args: change(was(g, out, *args), g, out, *args)
    op.vjps = tuple(rules)
    try:
        yield
    finally:
        op.vjps = old
