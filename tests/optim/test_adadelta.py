"""What the formula of Adadelta says, worked out by hand."""

import numpy as np
import pytest
from made import leaf

import tinygrad_edu as tg
from tinygrad_edu.optim import Adadelta


def test_two_steps():
    w = leaf(0.0)
    optimizer = Adadelta([w], lr=1.0, rho=0.5, eps=0.25)
    squares = steps = position = 0.0
    for g in (1.0, 3.0):
        w.grad = [g]
        held = w.grad.array.copy()
        optimizer.step()
        squares = 0.5 * squares + 0.5 * g * g
        step = g * ((steps + 0.25) / (squares + 0.25)) ** 0.5
        steps = 0.5 * steps + 0.5 * step * step
        position -= step
        assert w.grad.array == held  # it computes in a copy
    assert w.item() == pytest.approx(position, rel=1e-12)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.25])
@pytest.mark.parametrize("rho", [0.0, 0.75, 1.0])
def test_every_step_is_that_of_the_formula(maximize, decay, rho):
    w = leaf(1.0, -2.0)
    optimizer = Adadelta([w], lr=0.5, rho=rho, eps=0.125, weight_decay=decay, maximize=maximize)
    expected, squares, steps = w.array.copy(), 0.0, 0.0
    for g in ([3.0, -1.0], [0.5, 2.0], [-1.0, 0.25], [0.125, -4.0]):
        w.grad = g
        optimizer.step()
        slope = np.array(g) * (-1 if maximize else 1) + decay * expected
        squares = rho * squares + (1 - rho) * slope**2
        step = np.sqrt((steps + 0.125) / (squares + 0.125)) * slope
        steps = rho * steps + (1 - rho) * step**2
        expected = expected - 0.5 * step
        np.testing.assert_allclose(w.array, expected, rtol=1e-12)
    assert optimizer.state[w]["step"] == 4


def test_options_that_are_not_given_are_pytorchs():
    w = tg.tensor([1.0], requires_grad=True)
    assert Adadelta([w]).defaults == {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0, "maximize": False}
    given = Adadelta([w], 0.5, 0.25, 0.125, 0.75, maximize=True)
    assert list(given.defaults.values()) == [0.5, 0.25, 0.125, 0.75, True]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rho": -0.5}, r"Adadelta: rho=-0\.5 must be >= 0 and <= 1"),
        ({"rho": 1.5}, r"rho=1\.5"),
        ({"rho": float("nan")}, "rho=nan"),
        ({"eps": -1.0}, r"Adadelta: eps=-1\.0"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        Adadelta([tg.tensor([1.0], requires_grad=True)], **options)
