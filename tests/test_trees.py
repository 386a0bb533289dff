"""Nested structures of tensors."""

from __future__ import annotations

from collections import namedtuple

from tinygrad_edu.trees import flatten, map_tree

Pair = namedtuple("Pair", "left right")


def test_flatten_and_build():
    tree = {"b": [1, (2, 3)], "a": Pair(4, {"x": None}), "empty": ()}
    leaves, build = flatten(tree)
    assert leaves == [1, 2, 3, 4]
    built = build([10, 20, 30, 40])
    assert built == {"b": [10, (20, 30)], "a": Pair(40, {"x": None}), "empty": ()}
    assert isinstance(built["a"], Pair)
    assert list(built) == ["b", "a", "empty"]


def test_a_leaf_alone():
    leaves, build = flatten("leaf")
    assert (leaves, build(["other"])) == (["leaf"], "other")
    assert map_tree(str, [1, None]) == ["1", None]
