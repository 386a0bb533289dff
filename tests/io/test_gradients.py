"""Gradients that wait for a step: which do, and that they come back as they lay in memory."""

import pickle

import numpy as np
import pytest
from made import leaf, normal, parameter

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.io.gradients import fitted, waiting

SGD = optim.SGD


def test_gradients_wait_until_a_step_has_used_them():
    a, b = leaf(1.0), leaf(2.0)
    optimizer = SGD([a, b], lr=0.1)
    assert waiting(optimizer) == {}
    (a * 3).backward()
    assert waiting(optimizer) == {0: (np.array([3.0]), [0])}
    (a * b).backward()
    assert waiting(optimizer) == {0: (np.array([5.0]), [0]), 1: (np.array([1.0]), [0])}
    optimizer.step()
    assert waiting(optimizer) == {}
    (b * 3).backward()
    assert waiting(optimizer) == {1: (np.array([4.0]), [0])}
    optimizer.zero_grad()
    assert waiting(optimizer) == {}


def test_gradients_wait_while_others_change_the_parameter():
    w = leaf(1.0)
    optimizer = SGD([w], lr=0.1)
    optimizer.step()
    (w * 3).backward()
    w.detach().add_(1.0)
    assert waiting(optimizer) == {0: (np.array([3.0]), [0])}
    optimizer.step()
    assert waiting(optimizer) == {}


class Own(optim.Optimizer):
    """As it is written for PyTorch, with a step of its own."""

    @tg.no_grad()
    def step(self):
        for p in self.param_groups[0]["params"]:
            p.add_(p.grad, alpha=-0.1)


def test_without_a_step_of_the_librarys_gradients_wait_until_the_parameter_changes():
    w = leaf(1.0)
    optimizer = Own([w], {"lr": 0.1})
    (w * 3).backward()
    assert waiting(optimizer) == {0: (np.array([3.0]), [0])}
    optimizer.step()
    assert waiting(optimizer) == {}
    (w * 3).backward()
    assert waiting(optimizer) == {0: (np.array([6.0]), [0])}


def test_what_an_optimizer_finds_that_was_made_later_does_not_wait():
    w = leaf(1.0)
    (w * 3).backward()
    SGD([w], lr=0.1).step()
    assert waiting(SGD([w], lr=0.1)) == {}


def test_a_copy_of_an_optimizer_does_not_know_another_programs_clock():
    w = leaf(1.0)
    optimizer = SGD([w], lr=0.1)
    optimizer.step()
    assert isinstance(optimizer.last_step, int)
    twin = pickle.loads(pickle.dumps(optimizer))
    assert twin.last_step is None
    (p,) = twin.param_groups[0]["params"]
    (p * 3).backward()
    assert waiting(twin) == {0: (np.array([3.0]), [0])}


def test_zeros_wait_as_well():
    w = leaf(1.0)
    optimizer = SGD([w], lr=0.1)
    (w * w).backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=False)
    assert waiting(optimizer) == {0: (np.array([0.0]), [0])}


def test_gradients_that_were_clipped_or_assigned_wait():
    w = leaf(3.0)
    optimizer = SGD([w], lr=0.1)
    (w * w).backward()
    nn.utils.clip_grad_value_([w], 2.0)
    assert waiting(optimizer) == {0: (np.array([2.0]), [0])}
    optimizer.step()
    assert waiting(optimizer) == {}
    w.grad = [7.0]
    assert waiting(optimizer) == {0: (np.array([7.0]), [0])}


def test_frozen_and_lazy_parameters_have_none():
    lazy = nn.LazyLinear(2)
    optimizer = SGD([tg.tensor([1.0]), *lazy.parameters()], lr=0.1)
    assert waiting(optimizer) == {}
    assert fitted(optimizer, {}) == [(p, None) for p in optimizer.param_groups[0]["params"]]


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_gradients_come_back_as_they_lay_in_memory(axes):
    memory = normal(3, 4, 5)
    w = parameter(*memory.transpose(axes).shape)
    optimizer = SGD([w], lr=0.1)
    w.grad = memory.transpose(axes)
    ((array, order),) = waiting(optimizer).values()
    assert array.flags.c_contiguous
    ((p, gradient),) = fitted(optimizer, {0: (array, order)})
    assert p is w
    assert np.array_equal(gradient, w.grad.array)
    assert gradient.strides == w.grad.array.strides


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({2: (np.zeros(3), [0])}, "a gradient of parameter 2, and there are 2 parameters"),
        ({-1: (np.zeros(3), [0])}, "a gradient of parameter -1"),
        ({0: (np.zeros(4), [0])}, r"parameter 0 has shape \(4,\) and dtype float64, the parameter \(3,\) and float64"),
        ({0: (np.zeros(3, np.float32), [0])}, "and dtype float32, the parameter"),
        ({1: (np.zeros(3), [0])}, "and float64, and is frozen"),
    ],
)
def test_gradients_of_other_parameters_do_not_fit(saved, message):
    with pytest.raises(tg.StateError, match=message):
        fitted(SGD([parameter(3), tg.tensor(np.zeros(3))], lr=0.1), saved)
