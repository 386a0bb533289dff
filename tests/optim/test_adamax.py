"""What the formula of Adamax says, worked out by hand."""

import numpy as np
import pytest
from made import leaf
from optimizers import walked

from tinygrad_edu.optim import Adamax

GRADIENTS = [[3.0, -1.0], [0.5, 2.0], [-1.0, 0.25], [0.125, -4.0]]


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.25])
def test_every_step_is_that_of_the_formula(maximize, decay):
    w, m, largest = np.array([1.0, -2.0]), 0.0, 0.0
    expected = []
    for t, g in enumerate(np.array(GRADIENTS), 1):
        g = (-g if maximize else g) + decay * w
        m = 0.75 * m + 0.25 * g
        largest = np.maximum(0.5 * largest, np.abs(g) + 0.125)
        w = w - 0.5 / (1 - 0.75**t) * m / largest
        expected.append(w)
    p = leaf(1.0, -2.0)
    optimizer = Adamax([p], lr=0.5, betas=(0.75, 0.5), eps=0.125, weight_decay=decay, maximize=maximize)
    np.testing.assert_allclose(walked(optimizer, p, GRADIENTS), expected, rtol=1e-12)
    assert optimizer.state[p]["step"] == 4
    assert set(optimizer.state[p]) == {"step", "exp_avg", "exp_inf"}


def test_a_large_gradient_is_forgotten_by_and_by():
    w = leaf(0.0)
    positions = walked(Adamax([w], lr=1.0, betas=(0.0, 0.5), eps=0.0), w, [[8.0], [1.0], [1.0], [1.0], [1.0]])
    assert np.diff(positions[:, 0]).tolist() == [-1 / 4, -1 / 2, -1.0, -1.0]


def test_options_that_are_not_given_are_pytorchs():
    w = leaf(1.0)
    names = ("lr", "betas", "eps", "weight_decay", "maximize")
    assert Adamax([w]).defaults == dict(zip(names, (2e-3, (0.9, 0.999), 1e-8, 0.0, False), strict=True))
    given = Adamax([w], 0.5, (0.1, 0.2), 0.25, 0.75, maximize=True)
    assert given.defaults == dict(zip(names, (0.5, (0.1, 0.2), 0.25, 0.75, True), strict=True))


def test_options_out_of_range():
    w = leaf(1.0)
    Adamax([w], betas=(0.0, 0.0), eps=0.0)
    with pytest.raises(ValueError, match=r"Adamax: betas=\(0\.5, 1\.0\): betas\[1\] must be >= 0 and < 1"):
        Adamax([w], betas=(0.5, 1.0))
    with pytest.raises(ValueError, match=r"Adamax: eps=-1\.0: must be a finite number >= 0"):
        Adamax([w], eps=-1.0)
