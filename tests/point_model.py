"""A model whose per-sample gradients are known: the distances to points. For tests of what is made of them."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.samples import NoiseScale


class Point(tg.nn.Module):
    """θ with the losses ½‖θ - x_m‖², whose gradients are θ - x_m."""

    def __init__(self, theta):
        super().__init__()
        self.theta = tg.nn.Parameter(tg.tensor(theta, dtype="float64"))

    def forward(self, x):
        return 0.5 * ((self.theta - tg.from_numpy(np.asarray(x, float))) ** 2).sum(1)


def opened(model, x, weights=None):
    model.zero_grad()
    model(x).backward(per_sample=True, weights=weights)
    return model.sample_grads()


def of_gradients(g):
    """The estimate from gradients written out, (B, p)."""
    return NoiseScale.from_sums((g**2).sum(), (g.sum(0) ** 2).sum(), len(g))
