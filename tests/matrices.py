"""Matrices for the tests of linear algebra, and how two of them are compared."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg

GENERIC = np.random.default_rng(2).normal(size=(2, 3, 3)) + 3 * np.eye(3)
DEFINITE = GENERIC @ GENERIC.swapaxes(-1, -2)


def leaf(array):
    return tg.tensor(np.array(array, dtype=np.float64), requires_grad=True)


def close(actual, expected, tolerance=1e-10):
    actual = actual.detach().numpy() if isinstance(actual, tg.Tensor) else actual
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
