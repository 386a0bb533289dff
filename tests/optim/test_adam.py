"""What sets Adam and AdamW apart, worked out by hand."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.optim import Adam, AdamW


def parameter(*values):
    return tg.tensor(list(values), requires_grad=True, dtype="float64")


def test_the_first_step_has_length_lr_whatever_the_gradient():
    w = parameter(0.0, 0.0, 0.0)
    w.grad = [1e-4, -1.0, 1e4]
    Adam([w], lr=0.1, eps=0.0).step()
    np.testing.assert_allclose(w.array, [-0.1, 0.1, -0.1], rtol=1e-12)


def test_a_constant_gradient_gives_steps_of_length_lr():
    w = parameter(0.0)
    optimizer = Adam([w], lr=0.1, eps=0.0)
    for _ in range(5):
        w.grad = [3.0]
        optimizer.step()
    assert w.item() == pytest.approx(-0.5, rel=1e-12)
    assert optimizer.state[w]["step"] == 5


def test_coupled_decay_goes_through_the_gradient_and_decoupled_decay_does_not():
    coupled, decoupled = parameter(8.0), parameter(8.0)
    coupled.grad, decoupled.grad = [0.0], [0.0]
    Adam([coupled], lr=0.5, weight_decay=0.5, eps=0.0).step()
    AdamW([decoupled], lr=0.5, weight_decay=0.5, eps=1e-8).step()
    assert coupled.item() == pytest.approx(7.5)  # a step of length lr
    assert decoupled.item() == 6.0  # a quarter less


def test_amsgrad_does_not_forget_a_large_gradient():
    steps = {}
    for amsgrad in (False, True):
        w = parameter(0.0)
        optimizer = Adam([w], lr=0.1, betas=(0.0, 0.5), eps=0.0, amsgrad=amsgrad)
        for g in (100.0, 1.0, 1.0, 1.0, 1.0):
            before = w.item()
            w.grad = [g]
            optimizer.step()
        steps[amsgrad] = abs(w.item() - before)
    assert steps[True] < steps[False] / 2
