"""The product of matrices equals NumPy's, whatever the shapes and however the arrays lie in memory."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_edu.ops.products import product

SHAPES = [
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((5, 2, 3), (3, 2)),
    ((5, 2, 3), (5, 3, 2)),
    ((2, 3), (4, 3, 2)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((0, 2, 3), (3, 2)),
]


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_products_of_all_kinds_of_shapes(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=left), rng.normal(size=right)
    np.testing.assert_allclose(product(x, y), x @ y, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("left", "right"), [((2, 3), (4, 2)), ((2, 2, 3), (4, 2)), ((3,), (2,))])
def test_what_does_not_fit(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"not aligned|mismatch"):
        product(np.ones(left), np.ones(right))
