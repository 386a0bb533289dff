"""Losses, six of them, that depend on one parameter of shape (4, 3) in all the ways that are kept apart."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F


def one_by_one(losses, parameter):
    """The gradient of each loss by a backward pass of its own, (B, *shape)."""
    found = [tg.autograd.grad(losses[m], parameter, retain_graph=True)[0] for m in range(losses.shape[0])]
    return np.stack([g.array for g in found])


def layer_losses(w, rows=6):
    x, d = tg.randn(rows, 3, dtype=w.dtype), tg.randn(rows, 4, dtype=w.dtype)
    return (F.linear(x, w).tanh() * d).sum(1)


def sequence_losses(w):
    x, d = tg.randn(6, 5, 3, dtype=w.dtype), tg.randn(6, 5, 4, dtype=w.dtype)
    return (F.linear(x, w) * d).sum((1, 2))


def table_losses(w):
    ids = np.random.default_rng(0).integers(0, 4, (6, 2))
    return (w[ids] * tg.randn(6, 2, 3, dtype=w.dtype)).sum((1, 2))


def elementwise_losses(w):
    return ((w - tg.randn(6, 4, 3, dtype=w.dtype)) ** 2).sum((1, 2))


def normalised_losses(w):
    return layer_losses(w / (w * w).sum(1, keepdims=True).sqrt())


def two_kinds_of_losses(w):
    return layer_losses(w) + elementwise_losses(w)


LOSSES = [
    layer_losses,
    sequence_losses,
    table_losses,
    elementwise_losses,
    normalised_losses,
    two_kinds_of_losses,
]


def opened(build=layer_losses, dtype="float64", **options):
    """The per-sample gradients of a parameter of shape (4, 3), and the same one by one."""
    w = tg.randn(4, 3, dtype=dtype, requires_grad=True)
    losses = build(w)
    dense = one_by_one(losses, w)
    losses.backward(per_sample=True, **options)
    return w, w.sample_grads, dense


def assert_close(actual, expected, tolerance=1e-11):
    assert isinstance(actual, tg.Tensor)
    assert actual.shape == np.shape(expected)
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(actual.array, expected, rtol=tolerance, atol=tolerance * scale)
