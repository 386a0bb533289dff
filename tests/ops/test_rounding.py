"""Rounding and signs: values, and gradients of zero."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "fix", "round", "sign", "sgn"])
def test_gradient_is_zero_and_values_are_numpys(name):
    array = np.array([-2.5, -0.5, 0.0, 0.5, 1.5, 2.6], np.float32)
    x = tg.tensor(array, requires_grad=True)
    out = getattr(tg, name)(x)
    expected = getattr(np, {"sgn": "sign", "fix": "trunc"}.get(name, name))(array)
    assert out.dtype == tg.float32
    np.testing.assert_array_equal(out.detach().numpy(), expected)
    out.backward()
    assert x.grad.tolist() == [0.0] * 6


def test_halves_go_to_the_even_neighbour():
    assert tg.tensor([0.5, 1.5, 2.5, -0.5]).round().tolist() == [0.0, 2.0, 2.0, 0.0]
    assert tg.tensor([1.25, -1.35]).round(decimals=1).tolist() == pytest.approx([1.2, -1.4])
    assert np.round(tg.tensor([123.456]), 1).tolist() == pytest.approx([123.5])
    assert np.rint(tg.tensor([1.5])).tolist() == [2.0]
    assert tg.round(tg.tensor([1234.0]), decimals=-2).tolist() == [1200.0]


def test_the_fraction_keeps_the_sign_and_the_gradient():
    x = tg.tensor([-1.25, 1.25], requires_grad=True)
    out = tg.frac(x)
    assert out.tolist() == [-0.25, 0.25]
    out.backward()
    assert x.grad.tolist() == [1.0, 1.0]
