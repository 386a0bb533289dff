"""The three ops of convolution are parts of one number, each linear in two arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given

import tinygrad_edu as tg
from tinygrad_edu.ops.convolution import convolve, convolve_transposed, correlate

from .test_convolving import Case, convolutions


@given(convolutions())
def test_one_number_three_ways(case: Case) -> None:
    x, w, g, windows, groups = case
    numbers = [
        (convolve(x, w, None, windows, groups) * g).sum(),
        (convolve_transposed(g, w, None, windows, x.shape[2:], groups) * x).sum(),
        (correlate(x, g, windows, groups) * w).sum(),
    ]
    size = float(np.abs(x).sum() * np.abs(w).max(initial=0) * np.abs(g).max(initial=0))
    np.testing.assert_allclose(numbers, numbers[0], rtol=0, atol=1e-11 * max(size, 1.0))


@given(convolutions())
def test_third_derivatives(case: Case) -> None:
    """Of the number by all three arrays in turn: 1 in each direction, in whichever order."""
    x, w, g, windows, groups = case
    directions = x, w, g

    def derived(order: tuple[int, ...]) -> float:
        arrays: Any = [tg.tensor(a, requires_grad=True) for a in directions]
        value = (convolve(arrays[0], arrays[1], None, windows, groups) * arrays[2]).sum()
        for i in order:
            (gradient,) = tg.autograd.grad(value, [arrays[i]], create_graph=True)
            value = (gradient * directions[i]).sum()
        return float(value.item())

    expected = float((convolve(x, w, None, windows, groups) * g).sum())
    size = float(np.abs(x).sum() * np.abs(w).max(initial=0) * np.abs(g).max(initial=0))
    for order in ((0, 1, 2), (1, 0, 2), (0, 2, 1), (2, 1, 0)):
        assert abs(derived(order) - expected) <= 1e-10 * max(size, 1.0)
