"""What the formula of SGD says, worked out by hand."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.optim import SGD


def trajectory(steps, **options):
    """Positions of a parameter that starts at 8 under the gradient 1."""
    w = tg.tensor([8.0], requires_grad=True, dtype="float64")
    optimizer = SGD([w], **options)
    positions = []
    for _ in range(steps):
        w.grad = [1.0]
        optimizer.step()
        positions.append(w.item())
    return positions


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
    assert trajectory(3, lr=1.0, **options) == positions


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
