"""What the formula of Adagrad says, worked out by hand."""

import numpy as np
import pytest
from made import leaf
from optimizers import walked

import tinygrad_edu as tg
from tinygrad_edu.optim import Adagrad


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({}, [1.0, 1 / 2**0.5, 1 / 3**0.5]),
        ({"lr_decay": 0.5}, [1.0, 1 / 1.5 / 2**0.5, 1 / 2 / 3**0.5]),
        ({"initial_accumulator_value": 4.0}, [2 / 8**0.5, 2 / 12**0.5, 2 / 16**0.5]),
    ],
)
def test_lengths_of_the_steps(options, steps):
    w = leaf(0.0)
    positions = walked(Adagrad([w], lr=1.0, eps=0.0, **options), w, [[2.0]] * len(steps))
    assert -np.diff(positions[:, 0], prepend=0.0) == pytest.approx(steps, rel=1e-12)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.25])
@pytest.mark.parametrize("start", [0.0, 2.0])
def test_every_step_is_that_of_the_formula(maximize, decay, start):
    w = leaf(1.0, -2.0)
    options = {"lr_decay": 0.25, "initial_accumulator_value": start, "weight_decay": decay, "maximize": maximize}
    optimizer = Adagrad([w], lr=0.5, eps=0.125, **options)
    expected, total = w.array.copy(), start
    for t, g in enumerate([[3.0, -1.0], [0.5, 2.0], [-1.0, 0.25], [0.125, -4.0]]):
        w.grad = g
        optimizer.step()
        slope = np.array(g) * (-1 if maximize else 1) + decay * expected
        total = total + slope**2
        expected = expected - 0.5 / (1 + 0.25 * t) * slope / (np.sqrt(total) + 0.125)
        np.testing.assert_allclose(w.array, expected, rtol=1e-12)
    assert optimizer.state[w]["step"] == 4


def test_options_that_are_not_given_are_pytorchs():
    w = tg.tensor([1.0], requires_grad=True)
    names = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps", "maximize")
    assert Adagrad([w]).defaults == dict(zip(names, (1e-2, 0.0, 0.0, 0.0, 1e-10, False), strict=True))
    given = Adagrad([w], 0.5, 0.25, 0.125, 0.75, 0.0625, maximize=True)
    assert given.defaults == dict(zip(names, (0.5, 0.25, 0.125, 0.75, 0.0625, True), strict=True))


@pytest.mark.parametrize("key", ["lr_decay", "initial_accumulator_value", "eps"])
def test_options_out_of_range(key):
    w = tg.tensor([1.0], requires_grad=True)
    Adagrad([w], **{key: 0.0})
    with pytest.raises(ValueError, match=rf"Adagrad: {key}=-1\.0"):
        Adagrad([w], **{key: -1.0})
