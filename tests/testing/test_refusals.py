"""Gradients of wrong shapes, and inputs that a backward writes into: what is said of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_edu.errors import ShapeError
from tinygrad_edu.testing.refusals import WrongGradientError, kept_as_they_are, misfit, refuse_misfits


@pytest.mark.parametrize(
    ("found", "right", "words"),
    [
        ((3, 4), (4, 3), "is it transposed?"),
        ((4, 2, 3), (2, 3, 4), "are its axes exchanged?"),
        ((8, 4), (4,), "the sum over axis 0, along which the input was broadcast, is missing"),
        ((8, 4), (1, 4), "the sum over axis 0, along which the input was broadcast, is missing"),
        ((8, 5, 4), (5, 1), "the sum over axes 0 and 2, along which the input was broadcast, is missing"),
        ((3,), (), "the sum over axis 0, along which the input was broadcast, is missing"),
        ((12,), (3, 4), "it has as many numbers: reshape it to the shape of the input"),
        ((1, 4), (4,), "the sum over axis 0, along which the input was broadcast, is missing"),
        ((4,), (3, 4), "an extra sum, or one without keepdims? There must be a number for each number of the input"),
        ((), (3, 4), "an extra sum, or one without keepdims? There must be a number for each number of the input"),
        ((5,), (3, 4), ""),
    ],
)
def test_what_was_forgotten(found: tuple[int, ...], right: tuple[int, ...], words: str) -> None:
    assert misfit(found, right) == words


NAMES = ["input 'x'", "input 'w'"]
ARRAYS = [np.ones((5, 3)), np.ones((3, 2))]


def test_right_shapes_and_missing_gradients_pass() -> None:
    refuse_misfits(NAMES, ARRAYS, [np.ones((5, 3)), np.ones((3, 2), int)])
    refuse_misfits(NAMES, ARRAYS, [None, np.ones((3, 2), np.float32)])
    refuse_misfits(NAMES, [ARRAYS[0], "sum"], [np.ones((5, 3)), None])


def test_the_input_and_both_shapes_are_named() -> None:
    says = r"the gradient of input 'w' has shape \(2, 3\), the input \(3, 2\): is it transposed\?$"
    with pytest.raises(WrongGradientError, match=says):
        refuse_misfits(NAMES, ARRAYS, [np.ones((5, 3)), np.ones((2, 3))])
    with pytest.raises(WrongGradientError, match=r"the input \(5, 3\)$"):
        refuse_misfits(NAMES, ARRAYS, [np.ones(7), None])


def test_gradients_in_another_order() -> None:
    with pytest.raises(ShapeError, match="is that of input 'w' in its place"):
        refuse_misfits(NAMES, ARRAYS, [np.ones((3, 2)), np.ones((5, 3))])


@pytest.mark.parametrize("g", [np.ones((5, 3), complex), np.full((5, 3), None)])
def test_what_is_no_real_number(g: object) -> None:
    with pytest.raises(WrongGradientError, match=r"input 'x' has dtype (complex128|object), not real numbers"):
        refuse_misfits(NAMES, ARRAYS, [g, None])  # type: ignore[list-item]


def _double(*arrays: Any) -> None:
    for array in arrays:
        array *= 2


def test_a_backward_that_writes_into_its_inputs() -> None:
    x, n = np.array([1.0, np.nan, 3.0]), np.array([1, 2])
    names, arrays = ["input 'x'", "input 'n'", "input 'k'"], [x, n, 3]
    with kept_as_they_are(names, arrays):
        pass
    says = "^input 'x' was changed in place by the backward: let it work on a copy$"
    with pytest.raises(WrongGradientError, match=says), kept_as_they_are(names, arrays):
        _double(x, n)
    assert x[0] == 1.0
    assert n.tolist() == [1, 2]
