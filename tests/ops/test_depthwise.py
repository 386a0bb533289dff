"""Depthwise convolution: rows that are long because images lie side by side, with and without a stride."""

from __future__ import annotations

import numpy as np
import pytest
from made import normal

from tinygrad_edu.ops import depthwise
from tinygrad_edu.ops.windows import Windows


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("times", [1, 3])
def test_each_channel_by_itself(stride: int, times: int) -> None:
    windows = Windows((2, 3), (stride, 1), ((1, 0), (1, 1)), (1, 2))
    x, w = normal(3, 4, 6, 7), normal(4 * times, 1, 2, 3, seed=1)
    there = windows.view(windows.padded(x))
    weight = w.reshape(4, times, 2, 3)
    out = np.einsum("ncyxrs,cmrs->ncmyx", there, weight)
    g = normal(*out.shape, seed=2)
    flat = (3, 4 * times, *out.shape[3:])
    np.testing.assert_allclose(depthwise.convolved(x, w, None, windows), out.reshape(flat), rtol=1e-11, atol=1e-11)
    by_weight = np.einsum("ncyxrs,ncmyx->cmrs", there, g).reshape(w.shape)
    np.testing.assert_allclose(depthwise.correlated(x, g.reshape(flat), windows), by_weight, rtol=1e-11, atol=1e-11)
    by_input = depthwise.transposed(g.reshape(flat), w, None, windows, (6, 7), 4)
    np.testing.assert_allclose((by_input * x).sum(), (g * out).sum(), rtol=1e-11)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_a_place_of_the_kernel_does_not_see_leaves_its_gradient_alone(number: float) -> None:
    windows = Windows((2, 3), (1, 1), ((0, 0), (0, 0)), (1, 1))
    x, g = normal(2, 2, 4, 5), np.abs(normal(2, 2, 3, 3))
    x[0, 0, 3, 4] = number
    found = depthwise.correlated(x, g, windows)
    np.testing.assert_allclose(found, np.einsum("ncyxrs,ncyx->crs", windows.view(x), g)[:, None], rtol=1e-11)
    assert np.isfinite(found).sum() == 11


def test_which_weights_are_depthwise() -> None:
    assert depthwise.fits(np.ones((4, 1, 3)), 4)
    assert not depthwise.fits(np.ones((4, 1, 3)), 1)
    assert not depthwise.fits(np.ones((4, 2, 3)), 2)
    assert not depthwise.fits(np.ones((64, 1, 3)), 2)
