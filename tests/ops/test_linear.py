"""A linear layer in one piece equals the composition: values, gradients, second derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from compositions import compare

import tinygrad_edu as tg
from tinygrad_edu.errors import ShapeError


@pytest.mark.parametrize("shape", [(4, 3), (3,), (2, 5, 3), (0, 3), (1, 3)])
def test_linear(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=shape), rng.normal(size=(2, 3)), rng.normal(size=2)
    compare(lambda x, w, b: tg.linear(x, w, b), lambda x, w, b: x @ w.T + b, x, w, b)
    compare(lambda x, w: tg.linear(x, w), lambda x, w: x @ w.T, x, w)


def test_linear_names_what_does_not_fit() -> None:
    w = tg.ones(10, 128)
    with pytest.raises(
        ShapeError, match=r"weight of shape \(10, 128\) expects x of shape \(\*, 128\), got \(32, 64\): axis -1 is 64"
    ):
        tg.linear(tg.ones(32, 64), w)
    with pytest.raises(ShapeError, match="it has no axis"):
        tg.linear(tg.tensor(1.0), w)
    with pytest.raises(ShapeError, match=r"bias has shape \(3,\).*needs \(10,\)"):
        tg.linear(tg.ones(2, 128), w, tg.ones(3))
    with pytest.raises(ShapeError, match=r"weight has shape \(10,\)"):
        tg.linear(tg.ones(2, 10), tg.ones(10))
