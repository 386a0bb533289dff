"""An op that does in one piece what a composition does as well."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg


def compare(fused, composed, *arrays: np.ndarray) -> None:
    """Equal values, gradients, and gradients of a function of the gradients."""
    outcomes = []
    for f in (fused, composed):
        leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
        out = f(*leaves)
        weight = np.cos(np.arange(out.array.size)).reshape(out.shape)
        first = tg.autograd.grad(out, leaves, weight, create_graph=True)
        squares: tg.Tensor = sum(((g * g).sum() for g in first), start=tg.tensor(0.0, dtype=tg.float64))
        second = tg.autograd.grad(squares, leaves, allow_unused=True)
        second = [np.zeros_like(a) if g is None else g.array for g, a in zip(second, arrays, strict=True)]
        outcomes.append([out.detach().array, *(g.detach().array for g in first), *second])
    for a, b in zip(*outcomes, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)
