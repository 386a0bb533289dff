"""Undoing a broadcast, against the definition: the sum over the copies."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_edu as tg
from tinygrad_edu.broadcasting import sum_to_shape
from tinygrad_edu.errors import ShapeError


@given(st.data())
def test_it_is_the_adjoint_of_broadcast_to(data: st.DataObject) -> None:
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_side=3, max_dims=4))
    small, big = shapes.input_shapes[0], shapes.result_shape
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    x, g = rng.normal(size=small), rng.normal(size=big)
    back = sum_to_shape(g, small)
    assert back.shape == small
    # ⟨broadcast(x), g⟩ = ⟨x, sum_to_shape(g)⟩ is what makes it the derivative.
    np.testing.assert_allclose((np.broadcast_to(x, big) * g).sum(), (x * back).sum(), rtol=1e-12, atol=1e-12)


def test_tensors_are_summed_as_arrays_are() -> None:
    g = np.arange(24.0).reshape(2, 3, 4)
    for shape in [(3, 4), (4,), (1, 4), (2, 1, 4), (), (1,), (2, 3, 4)]:
        np.testing.assert_array_equal(sum_to_shape(tg.Tensor(g), shape).array, sum_to_shape(g, shape))


@pytest.mark.parametrize("shape", [(2,), (3, 1, 4), (1, 2, 3, 4)])
def test_shapes_that_never_broadcast_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="cannot be summed to shape"):
        sum_to_shape(np.ones((2, 3, 4)), shape)
