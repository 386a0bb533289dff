"""A function with a known Jacobian, its point, and what else the tests of derivatives of functions share."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg


def t(*values):
    return tg.tensor(list(values), dtype=tg.float64)


def same(actual, expected, tolerance=1e-12):
    assert isinstance(actual, tg.Tensor)
    np.testing.assert_allclose(actual.detach().numpy(), expected, rtol=tolerance, atol=tolerance)


A = np.array([[2.0, -1.0, 0.5], [0.3, 1.0, -2.0]])


def curved(x):
    """From three numbers to two, not linear."""
    return tg.sin(tg.tensor(A) @ x) * x[:2]


def curved_jacobian(x):
    inner = A @ x
    jacobian = np.cos(inner)[:, None] * A * x[:2, None]
    jacobian[[0, 1], [0, 1]] += np.sin(inner)
    return jacobian


X = np.array([0.3, -0.7, 1.1])
