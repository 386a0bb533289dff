"""Nested dicts, lists and tuples of tensors, taken apart and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def flatten(tree: Any) -> tuple[list[Any], Callable[[list[Any]], Any]]:
    """The leaves of `tree` in order, and the function that builds the same tree of other leaves.

    Dicts, lists, tuples and named tuples are opened; everything else is a leaf. None holds no leaf.

    >>> leaves, build = flatten({"w": 1, "b": (2, None)})
    >>> leaves, build([10, 20])
    ([1, 2], {'w': 10, 'b': (20, None)})
    """
    leaves: list[Any] = []
    map_tree(leaves.append, tree)
    return leaves, lambda values: _fill(tree, iter(values))


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """The tree of what `function` makes of each leaf."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {key: map_tree(function, value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        parts = [map_tree(function, value) for value in tree]
        if isinstance(tree, list):
            return parts
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    return function(tree)


def _fill(tree: Any, values: Iterator[Any]) -> Any:
    return map_tree(lambda _: next(values), tree)
