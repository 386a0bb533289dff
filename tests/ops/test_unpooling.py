"""Numbers put back where pooling has found them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import gradcheck


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("front", [(2, 3), (3,)])
def test_the_largest_numbers_stay_and_all_others_are_0(axes: int, front: tuple[int, ...]) -> None:
    x = normal(*front, *[5] * axes)
    values, indices = getattr(F, f"max_pool{axes}d")(tg.tensor(x), 2, return_indices=True)
    out = getattr(F, f"max_unpool{axes}d")(values, indices, 2, output_size=x.shape[len(front) :]).array
    assert out.shape == x.shape
    assert np.isin(out, [*x.reshape(-1), 0.0]).all()
    np.testing.assert_array_equal(out[out != 0], x[out != 0])
    assert np.count_nonzero(out) == values.array.size


def test_gradient() -> None:
    indices = np.array([[[0, 3], [9, 6]]])
    assert gradcheck(lambda x: F.max_unpool2d(x, indices, 2), normal(1, 2, 2), order=2).ok


@pytest.mark.parametrize(
    ("indices", "options", "kind", "said"),
    [
        ([[0, 9]], {}, IndexError, r"max_unpool1d: index 9 lies outside of an output of 4 places \(\(4,\)\)"),
        ([[0, -1]], {}, IndexError, "index -1 lies outside"),
        ([[0, 1, 2]], {}, tg.ShapeError, r"indices of shape \(1, 3\) for an input of shape \(1, 2\)"),
        ([[0.0, 1.0]], {}, tg.DtypeError, r"indices have dtype float32, they must be int64: use indices\.long\(\)"),
        ([[0, 1]], {"output_size": (6,)}, ValueError, "axis -1 must be from 3 to 5 to be pooled to 2, not 6"),
        ([[0, 1]], {"output_size": (1, 5)}, ValueError, r"output_size=\(1, 5\) must have 1 sizes, or 3"),
    ],
)
def test_misfits(indices: Any, options: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        F.max_unpool1d(tg.ones(1, 2), tg.tensor(indices), 2, **options)
