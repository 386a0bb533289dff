"""Nested containers as JSON: what is too deep or without end, and what no encoder has written."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from savable import PLAIN, check_same

from tinygrad_edu.io.tree import DEEPEST, NONSENSE, Decoder, Encoder


def encoded(obj: Any) -> Any:
    """What JSON gives back of an object without arrays."""
    encoder = Encoder("save", "obj")
    tree = encoder.encode(obj)
    assert encoder.arrays == encoder.tensors == []
    return json.loads(json.dumps(tree, allow_nan=False))


def decoded(tree: Any) -> Any:
    return Decoder([np.ones(2)], [{"array": 0, "requires_grad": True, "parameter": False}]).decode(tree)


@given(st.lists(PLAIN))
def test_plain_values_pass_through_json(values: list[Any]) -> None:
    check_same(decoded(encoded(values)), values)


def test_what_json_has_stands_there_as_it_is() -> None:
    values = [None, True, 1, -2.5, "é", [[]], 2**53 - 1]
    assert encoded(values) == values


def test_halves_of_a_surrogate_pair_do_not_become_one_letter() -> None:
    assert json.loads(json.dumps("\ud83d\ude00")) == "😀"  # what JSON makes of them
    for text in ("\ud83d\ude00", "😀", "\udfff", "a\0b\ud83d"):
        assert decoded(encoded({text: text})) == {text: text}


def nested(depth: int, kind: Any) -> Any:
    obj: Any = 1
    for _ in range(depth):
        obj = kind(obj)
    return obj


@pytest.mark.parametrize("kind", [lambda x: [x], lambda x: (x,), lambda x: {"a": x}], ids=["list", "tuple", "dict"])
def test_how_deep_it_may_be(kind: Any) -> None:
    deepest = nested(DEEPEST, kind)
    assert decoded(encoded(deepest)) == deepest
    for depth in (DEEPEST + 1, 100_000):
        with pytest.raises(ValueError, match=r"^save: obj\[.* is inside 100 containers, which is the most .*written"):
            encoded(nested(depth, kind))


def test_what_contains_itself() -> None:
    inner: dict[str, Any] = {"x": 1}
    inner["me"] = ([inner],)
    with pytest.raises(ValueError, match=r"^save: obj\[0\]\['me'\]\[0\]\[0\] contains itself"):
        encoded([inner])
    part = [1]
    assert decoded(encoded([part, [part]])) == [[1], [[1]]]  # twice, but not in itself


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"tuple": [], "dict": []},
        {"set": []},
        {"tuple": 3},
        {"dict": {"a": 1}},
        {"dict": [["a"]]},
        {"dict": [["a", 1], ["a", 2]]},
        {"dict": [[None, 1]]},
        {"dict": [[True, 1]]},
        {"dict": [[[1], 1]]},
        {"dict": [[{"array": 0}, 1]]},
        {"OrderedDict": [["a", 1], ["a", 2]]},
        {"array": 1},
        {"array": -1},
        {"array": True},
        {"array": "0"},
        {"array": None},
        {"scalar": -1},
        {"tensor": 1},
        {"tensor": -1},
        {"int": 5},
        {"int": "0xg"},
        {"float": "1" + 16 * "0"},
        {"float": ""},
        {"float": "nan"},
        {"float": 1.5},
        {"str": [1114112]},
        {"str": ["a"]},
        {"str": -1},
    ],
    ids=str,
)
def test_what_no_encoder_has_written(tree: Any) -> None:
    with pytest.raises(NONSENSE):
        decoded(tree)
    with pytest.raises(NONSENSE):
        decoded({"dict": [["a", [tree]]]})


@pytest.mark.parametrize(
    "change", [{"array": 1}, {"array": -1}, {"array": None}, {"array": 1, "requires_grad": True}, {"array": 2}], ids=str
)
def test_tensors_that_cannot_be(change: Any) -> None:
    arrays = [np.ones(2), np.ones(2, np.int64), np.array("text")]
    with pytest.raises(NONSENSE):
        Decoder(arrays, [{"array": 0, "parameter": False, **change}])
