"""The noise scale against problems whose moments are known: the interval holds the truth about as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.samples import NoiseScaleMeter

RUNS = 100
STEPS = 30


class Quadratic(tg.nn.Module):
    """½‖θ - x‖², whose gradients are θ - x: N is tr Cov(x) / ‖θ - μ‖²."""

    def __init__(self):
        super().__init__()
        self.theta = tg.nn.Parameter(tg.tensor([0.8, -0.5, 0.3], dtype="float64"))

    def forward(self, x):
        return 0.5 * ((self.theta - x) ** 2).sum(1)


class Logistic(tg.nn.Module):
    """Logistic regression, whose gradients are (p - y)·x."""

    def __init__(self):
        super().__init__()
        self.weight = tg.nn.Parameter(tg.tensor([0.5, -0.2, 0.1, 0.4], dtype="float64"))

    def forward(self, rows):
        x, y = rows[:, :-1], rows[:, -1]
        return tg.nn.functional.binary_cross_entropy_with_logits(x @ self.weight, y, reduction="none")


def normal_rows(rng, count):
    return rng.normal(size=(count, 3)) * [1.0, 2.0, 0.5]


def labelled_rows(rng, count):
    x = rng.normal(size=(count, 4)) + 0.3
    chance = 1 / (1 + np.exp(-x @ [1.5, -1.0, 0.5, 0.0]))
    return np.hstack([x, (rng.random((count, 1)) < chance[:, None])])


def gradients(model, rows):
    model.zero_grad()
    model(tg.from_numpy(rows)).backward(per_sample=True)
    return model.sample_grads()


def truth(model, rows):
    """N of a population, by the gradients in closed form."""
    if isinstance(model, Quadratic):
        g = model.theta.array - rows
    else:
        x, y = rows[:, :-1], rows[:, -1:]
        g = (1 / (1 + np.exp(-x @ model.weight.array[:, None])) - y) * x
    return g.var(0, ddof=1).sum() / (g.mean(0) ** 2).sum()


def intervals(model, draw, batch, population=None):
    """The interval after 30 steps at fixed weights, in each of 100 runs."""
    found = []
    for seed in range(RUNS):
        rng, meter = np.random.default_rng(seed), NoiseScaleMeter(decay=1, population=population)
        for _ in range(STEPS):
            estimate = meter.update(gradients(model, draw(rng, batch)))
        found.append(estimate.interval)
    return np.array(found)


def check(found, true):
    low, high = found.T
    assert 90 <= np.sum((low <= true) & (true <= high)) <= 99
    assert np.median(high / low) <= 3


@pytest.mark.parametrize("batch", [16, 32, 200])
def test_a_quadratic_with_known_moments(batch):
    model = Quadratic()
    check(intervals(model, normal_rows, batch), (1 + 4 + 0.25) / (0.8**2 + 0.5**2 + 0.3**2))


def test_a_logistic_regression_with_known_moments():
    model = Logistic()
    true = truth(model, labelled_rows(np.random.default_rng(1000), 200_000))
    check(intervals(model, labelled_rows, 64), true)


@pytest.mark.parametrize("model", [Quadratic(), Logistic()])
def test_rows_drawn_without_replacement_from_few(model):
    make = normal_rows if isinstance(model, Quadratic) else labelled_rows
    rows = make(np.random.default_rng(7), 500)

    def draw(rng, count):
        return rows[rng.permutation(len(rows))[:count]]

    check(intervals(model, draw, 100, population=500), truth(model, rows))
