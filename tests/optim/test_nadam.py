"""What the formula of NAdam says, worked out by hand."""

import numpy as np
import pytest
from made import leaf
from optimizers import walked

from tinygrad_edu.optim import NAdam

GRADIENTS = [[3.0, -1.0], [0.5, 2.0], [-1.0, 0.25], [0.125, -4.0]]


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.25])
@pytest.mark.parametrize("decoupled", [False, True])
def test_every_step_is_that_of_the_formula(maximize, decay, decoupled):
    w, m, v, product = np.array([1.0, -2.0]), 0.0, 0.0, 1.0
    expected = []
    for t, g in enumerate(np.array(GRADIENTS), 1):
        g = -g if maximize else g
        if decoupled:
            w = w - 0.5 * decay * w
        else:
            g = g + decay * w
        m = 0.75 * m + 0.25 * g
        v = 0.5 * v + 0.5 * g * g
        now, then = (0.75 * (1 - 0.96 ** (n * 2.0) / 2) for n in (t, t + 1))
        product *= now
        ahead = (1 - now) / (1 - product) * g + then / (1 - product * then) * m
        w = w - 0.5 * ahead / (np.sqrt(v / (1 - 0.5**t)) + 0.125)
        expected.append(w)
    p = leaf(1.0, -2.0)
    options = {"weight_decay": decay, "decoupled_weight_decay": decoupled, "maximize": maximize}
    optimizer = NAdam([p], lr=0.5, betas=(0.75, 0.5), eps=0.125, momentum_decay=2.0, **options)
    np.testing.assert_allclose(walked(optimizer, p, GRADIENTS), expected, rtol=1e-12)
    assert optimizer.state[p]["step"] == 4
    assert optimizer.state[p]["mu_product"] == pytest.approx(product, rel=1e-12)
    assert set(optimizer.state[p]) == {"step", "mu_product", "exp_avg", "exp_avg_sq"}


def test_the_gradient_itself_is_left_alone():
    w = leaf(1.0, 2.0)
    w.grad = [3.0, -1.0]
    NAdam([w]).step()
    assert w.grad.tolist() == [3.0, -1.0]


def test_options_that_are_not_given_are_pytorchs():
    w = leaf(1.0)
    names = ("lr", "betas", "eps", "weight_decay", "momentum_decay", "decoupled_weight_decay", "maximize")
    standard = (2e-3, (0.9, 0.999), 1e-8, 0.0, 4e-3, False, False)
    assert NAdam([w]).defaults == dict(zip(names, standard, strict=True))
    given = NAdam([w], 0.5, (0.1, 0.2), 0.25, 0.75, 0.125, True, maximize=True)
    assert given.defaults == dict(zip(names, (0.5, (0.1, 0.2), 0.25, 0.75, 0.125, True, True), strict=True))


def test_options_out_of_range():
    w = leaf(1.0)
    NAdam([w], betas=(0.0, 0.0), eps=0.0, momentum_decay=0.0)
    with pytest.raises(ValueError, match=r"NAdam: betas=\(1\.0, 0\.5\): betas\[0\] must be >= 0 and < 1"):
        NAdam([w], betas=(1.0, 0.5))
    for key in ("eps", "momentum_decay"):
        with pytest.raises(ValueError, match=rf"NAdam: {key}=-1\.0: must be a finite number >= 0"):
            NAdam([w], **{key: -1.0})


def test_the_product_of_the_momenta_is_loaded_as_a_number():
    w = leaf(1.0, -2.0)
    optimizer = NAdam([w])
    walked(optimizer, w, GRADIENTS[:1])
    saved = optimizer.state_dict()
    product = saved["state"][0]["mu_product"]
    saved["state"][0]["mu_product"] = np.array(product)
    optimizer.load_state_dict(saved)
    assert (optimizer.state[w]["mu_product"], type(optimizer.state[w]["mu_product"])) == (product, float)
