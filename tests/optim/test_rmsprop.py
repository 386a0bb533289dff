"""What the formula of RMSprop says, worked out by hand."""

import numpy as np
import pytest
from made import leaf
from optimizers import walked

import tinygrad_edu as tg
from tinygrad_edu.optim import RMSprop


@pytest.mark.parametrize(
    ("options", "positions"),
    [
        ({"alpha": 0.75}, [-2.0, -2.0 - 1 / 0.4375**0.5]),  # mean squares 1/4, 7/16
        (
            {"alpha": 0.75, "centered": True},
            [-1 / 0.1875**0.5, -1 / 0.1875**0.5 - 1 / (0.4375 - 0.4375**2) ** 0.5],
        ),
        ({"alpha": 0.0, "momentum": 0.5}, [-1.0, -2.5]),
    ],
)
def test_positions(options, positions):
    w = leaf(0.0)
    found = walked(RMSprop([w], lr=1.0, eps=0.0, **options), w, [[3.0]] * 2)
    assert found[:, 0] == pytest.approx(positions, rel=1e-12)


def test_options_switched_on_later_start_afresh():
    w = tg.tensor([0.0], requires_grad=True)
    optimizer = RMSprop([w], lr=1.0, alpha=0.0)
    w.grad = [1.0]
    optimizer.step()
    optimizer.param_groups[0].update(momentum=0.5, centered=False)
    optimizer.step()
    assert w.item() == pytest.approx(-2.0)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.25])
@pytest.mark.parametrize("momentum", [0.0, 0.75])
@pytest.mark.parametrize("centered", [False, True])
def test_every_step_is_that_of_the_formula(maximize, decay, momentum, centered):
    w = leaf(1.0, -2.0)
    options = {"weight_decay": decay, "momentum": momentum, "centered": centered, "maximize": maximize}
    optimizer = RMSprop([w], lr=0.5, alpha=0.75, eps=0.125, **options)
    expected, square, mean, buffer = w.array.copy(), 0.0, 0.0, 0.0
    for g in ([3.0, -1.0], [0.5, 2.0], [-1.0, 0.25], [0.125, -4.0]):
        w.grad = g
        optimizer.step()
        slope = np.array(g) * (-1 if maximize else 1) + decay * expected
        square = 0.75 * square + 0.25 * slope**2
        mean = 0.75 * mean + 0.25 * slope
        step = slope / (np.sqrt(square - mean**2 if centered else square) + 0.125)
        buffer = momentum * buffer + step
        expected = expected - 0.5 * (buffer if momentum else step)
        np.testing.assert_allclose(w.array, expected, rtol=1e-12)
    kept = {"step", "square_avg"} | ({"momentum_buffer"} if momentum else set()) | ({"grad_avg"} if centered else set())
    assert set(optimizer.state[w]) == kept
    assert optimizer.state[w]["step"] == 4


def test_options_that_are_not_given_are_pytorchs():
    w = tg.tensor([1.0], requires_grad=True)
    names = ("lr", "alpha", "eps", "weight_decay", "momentum", "centered", "maximize")
    assert RMSprop([w]).defaults == dict(zip(names, (1e-2, 0.99, 1e-8, 0.0, 0.0, False, False), strict=True))
    given = RMSprop([w], 0.5, 0.25, 0.125, 0.75, 0.0625, True, maximize=True)
    assert given.defaults == dict(zip(names, (0.5, 0.25, 0.125, 0.75, 0.0625, True, True), strict=True))


@pytest.mark.parametrize(("key", "wrong"), [("alpha", 1.0), ("alpha", -0.5), ("eps", -1.0), ("momentum", -1.0)])
def test_options_out_of_range(key, wrong):
    w = tg.tensor([1.0], requires_grad=True)
    RMSprop([w], **{key: 0.0})
    with pytest.raises(ValueError, match=rf"RMSprop: {key}={wrong}"):
        RMSprop([w], **{key: wrong})
