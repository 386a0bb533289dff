"""What the formula of SGD says, worked out by hand."""

import numpy as np
import pytest
from made import leaf
from optimizers import walked

import tinygrad_edu as tg
from tinygrad_edu.optim import SGD


@pytest.mark.parametrize(
    ("options", "positions"),
    [
        ({}, [7.0, 6.0, 5.0]),
        ({"maximize": True}, [9.0, 10.0, 11.0]),
        ({"momentum": 0.5}, [7.0, 5.5, 3.75]),  # buffers 1, 1.5, 1.75
        ({"momentum": 0.5, "dampening": 0.5}, [7.0, 6.0, 5.0]),  # buffers 1, 1, 1
        ({"momentum": 0.5, "nesterov": True}, [6.5, 4.75, 2.875]),  # 1 + buffer / 2
        ({"weight_decay": 0.5}, [3.0, 0.5, -0.75]),  # gradients 1 + w / 2
    ],
)
def test_positions(options, positions):
    w = leaf(8.0)
    assert walked(SGD([w], lr=1.0, **options), w, [[1.0]] * 3)[:, 0].tolist() == positions


def test_weight_decay_is_that_of_the_mean_loss():
    w = tg.tensor([8.0], requires_grad=True)
    w.grad = [4.0]
    SGD([w], lr=1.0, weight_decay=0.5).step(samples=4)
    assert w.tolist() == [3.0]


def test_momentum_switched_on_later():
    w = tg.tensor([8.0], requires_grad=True)
    optimizer = SGD([w], lr=1.0)
    w.grad = [1.0]
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.5
    optimizer.step()
    optimizer.step()
    assert w.tolist() == [4.5]


def test_the_buffer_does_not_share_memory_with_the_gradient():
    w = tg.tensor([8.0], requires_grad=True)
    w.grad = [1.0]
    optimizer = SGD([w], lr=1.0, momentum=0.5)
    optimizer.step()
    assert not np.shares_memory(optimizer.state[w]["momentum_buffer"], w.grad.array)


def by_the_formula(gradients, lr, momentum, dampening, decay, nesterov, maximize):
    w, buffer = np.array([1.0, -2.0]), None
    positions = []
    for g in np.array(gradients):
        g = (-g if maximize else g) + decay * w
        if momentum:
            buffer = g if buffer is None else momentum * buffer + (1 - dampening) * g
            g = g + momentum * buffer if nesterov else buffer
        w = w - lr * g
        positions.append(w)
    return np.array(positions)


@pytest.mark.parametrize("maximize", [False, True])
@pytest.mark.parametrize("decay", [0.0, 0.25])
@pytest.mark.parametrize(
    ("momentum", "dampening", "nesterov"),
    [(0.0, 0.0, False), (0.75, 0.0, False), (0.75, 0.25, False), (0.75, 0.0, True)],
)
@pytest.mark.parametrize("samples", [None, 4])
def test_every_step_is_that_of_the_formula(momentum, dampening, nesterov, decay, maximize, samples):
    gradients = [[3.0, -1.0], [0.5, 2.0], [-1.0, 0.25], [0.125, -4.0]]
    w, untouched, constant = (tg.tensor([1.0, -2.0], requires_grad=r, dtype="float64") for r in (True, True, False))
    options = {"momentum": momentum, "dampening": dampening, "nesterov": nesterov}
    optimizer = SGD([constant, untouched, w], lr=0.5, weight_decay=decay, maximize=maximize, **options)
    positions = []
    for g in gradients:
        w.grad = np.array(g) * (samples or 1)
        optimizer.step(samples=samples)
        positions.append(w.array.copy())
    expected = by_the_formula(gradients, 0.5, momentum, dampening, decay, nesterov, maximize)
    np.testing.assert_allclose(positions, expected, rtol=1e-12)
    assert untouched.tolist() == constant.tolist() == [1.0, -2.0]
    assert set(optimizer.state) == ({w} if momentum or decay else set())


def test_a_plain_step_is_a_change_that_is_noticed():
    w = tg.tensor([1.0], requires_grad=True)
    y = w * w
    w.grad = [1.0]
    SGD([w], lr=0.5).step()
    with pytest.raises(tg.errors.GraphError, match="overwritten"):
        y.backward()


def test_options_that_are_not_given_are_pytorchs():
    w = tg.tensor([1.0], requires_grad=True)
    assert SGD([w]).defaults == {
        "lr": 1e-3, "momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "maximize": False,
    }  # fmt: skip
    given = SGD([w], 0.5, 0.25, 0.0, 0.125, True, maximize=True)
    assert list(given.defaults.values()) == [0.5, 0.25, 0.0, 0.125, True, True]


def test_options_out_of_range():
    w = tg.tensor([1.0], requires_grad=True)
    for allowed in ({"momentum": 1.5}, {"dampening": -1.0, "momentum": 0.5}, {"momentum": 0.0}):
        SGD([w], **allowed)
    with pytest.raises(ValueError, match=r"SGD: momentum=-0\.5"):
        SGD([w], momentum=-0.5)
    with pytest.raises(ValueError, match="SGD: dampening=nan is not a number"):
        SGD([w], dampening=float("nan"))
    for momentum, dampening in ((0.0, 0.0), (0.5, 0.25), (0.5, -0.25), (0.5, 1.0)):
        with pytest.raises(ValueError, match=r"nesterov=True with momentum=.*: it needs momentum > 0 and no dampening"):
            SGD([w], momentum=momentum, dampening=dampening, nesterov=True)
