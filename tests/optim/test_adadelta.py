"""What the formula of Adadelta says, worked out by hand."""

import pytest

import tinygrad_edu as tg
from tinygrad_edu.optim import Adadelta


def test_two_steps():
    w = tg.tensor([0.0], requires_grad=True, dtype="float64")
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
