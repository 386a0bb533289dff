"""Undoing a broadcast, against the definition: the sum over the copies."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.broadcasting import sum_to_shape
from tinygrad_edu.errors import ShapeError


def shapes() -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """All pairs of a shape of up to three axes and one that broadcasts to it: chance finds too few of them."""
    big_ones = [shape for depth in range(4) for shape in itertools.product((0, 1, 2, 3), repeat=depth)]
    return [
        (small, big)
        for big in big_ones
        for start in range(len(big) + 1)
        for small in set(itertools.product(*[(1, n) for n in big[start:]]))
    ]


def test_it_is_the_adjoint_of_broadcast_to() -> None:
    rng = np.random.default_rng(0)
    for small, big in shapes():
        x, g = rng.normal(size=small), rng.normal(size=big)
        back = sum_to_shape(g, small)
        assert back.shape == small
        # ⟨broadcast(x), g⟩ = ⟨x, sum_to_shape(g)⟩ is what makes it the derivative.
        np.testing.assert_allclose((np.broadcast_to(x, big) * g).sum(), (x * back).sum(), rtol=1e-12, atol=1e-12)


def test_a_gradient_of_the_right_shape_is_handed_on() -> None:
    g = np.ones((2, 3))
    assert sum_to_shape(g, (2, 3)) is g


def test_tensors_are_summed_as_arrays_are() -> None:
    g = np.arange(24.0).reshape(2, 3, 4)
    for shape in [(3, 4), (4,), (1, 4), (2, 1, 4), (), (1,), (2, 3, 4)]:
        np.testing.assert_array_equal(sum_to_shape(tg.Tensor(g), shape).array, sum_to_shape(g, shape))


@pytest.mark.parametrize("shape", [(2,), (3, 1, 4), (1, 2, 3, 4)])
def test_shapes_that_never_broadcast_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="cannot be summed to shape"):
        sum_to_shape(np.ones((2, 3, 4)), shape)


def test_a_long_sum_of_half_precision_is_exact_where_its_numbers_are() -> None:
    ones = np.ones((4096, 2), np.float16)  # added up one by one they would come to 2048
    assert sum_to_shape(ones, (2,)).tolist() == [4096.0] * 2
    assert sum_to_shape(ones, (1, 2)).tolist() == [[4096.0] * 2]
