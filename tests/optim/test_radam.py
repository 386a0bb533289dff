"""What the formula of RAdam says, worked out by hand."""

import math

import numpy as np
import pytest
from made import leaf, normal
from optimizers import walked

from tinygrad_edu.optim import RAdam

GRADIENTS = normal(12, 2).tolist()


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.25])
@pytest.mark.parametrize("decoupled", [False, True])
def test_every_step_is_that_of_the_formula(maximize, decay, decoupled):
    w, m, v = np.array([1.0, -2.0]), 0.0, 0.0
    expected, scaled = [], []
    for t, g in enumerate(np.array(GRADIENTS), 1):
        g = -g if maximize else g
        if decoupled:
            w = w - 0.5 * decay * w
        else:
            g = g + decay * w
        m = 0.75 * m + 0.25 * g
        v = 0.875 * v + 0.125 * g * g
        most = 2 / 0.125 - 1
        freedom = most - 2 * t * 0.875**t / (1 - 0.875**t)
        move = m / (1 - 0.75**t)
        scaled.append(freedom > 5)
        if scaled[-1]:
            r = (freedom - 4) * (freedom - 2) * most / ((most - 4) * (most - 2) * freedom)
            move = move * math.sqrt(r) * math.sqrt(1 - 0.875**t) / (np.sqrt(v) + 0.125)
        w = w - 0.5 * move
        expected.append(w)
    assert scaled == [False] * 5 + [True] * 7
    p = leaf(1.0, -2.0)
    options = {"weight_decay": decay, "decoupled_weight_decay": decoupled, "maximize": maximize}
    optimizer = RAdam([p], lr=0.5, betas=(0.75, 0.875), eps=0.125, **options)
    np.testing.assert_allclose(walked(optimizer, p, GRADIENTS), expected, rtol=1e-11)
    assert optimizer.state[p]["step"] == 12
    assert set(optimizer.state[p]) == {"step", "exp_avg", "exp_avg_sq"}


def test_options_that_are_not_given_are_pytorchs():
    w = leaf(1.0)
    names = ("lr", "betas", "eps", "weight_decay", "decoupled_weight_decay", "maximize")
    assert RAdam([w]).defaults == dict(zip(names, (1e-3, (0.9, 0.999), 1e-8, 0.0, False, False), strict=True))
    given = RAdam([w], 0.5, (0.1, 0.2), 0.25, 0.75, True, maximize=True)
    assert given.defaults == dict(zip(names, (0.5, (0.1, 0.2), 0.25, 0.75, True, True), strict=True))


def test_options_out_of_range():
    w = leaf(1.0)
    RAdam([w], betas=(0.0, 0.0), eps=0.0)
    with pytest.raises(ValueError, match=r"RAdam: betas=\(0\.5, 1\.0\): betas\[1\] must be >= 0 and < 1"):
        RAdam([w], betas=(0.5, 1.0))
    with pytest.raises(ValueError, match=r"RAdam: eps=-1\.0: must be a finite number >= 0"):
        RAdam([w], eps=-1.0)
