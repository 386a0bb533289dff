"""tape: what a function did, op by op."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.engine.observing import mode
from tinygrad_edu.testing.diagnosis.tape import argument_name, same, tape_of
from tinygrad_edu.testing.modules import of_module
from tinygrad_edu.testing.subject import of_function

X, W = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([[1.0, 3.0], [0.5, -2.0]])


def tape(f, *inputs):
    subject = of_function(f, inputs)
    return tape_of(subject, subject.arrays())


class Twice(tg.Function):
    @staticmethod
    def forward(ctx, x, factor):
        return x * factor, x + factor

    @staticmethod
    def backward(ctx, g, h):
        return g * 2 + h, None


def test_operands_results_and_lines():
    def f(x, w):
        y = x @ w  # the first line
        return tg.tanh(y).sum()

    found = tape(f, X, W)
    assert [call.name for call in found.calls] == ["matmul", "tanh", "sum"]
    matmul, tanh, _ = found.calls
    np.testing.assert_array_equal(matmul.operands[0], X)
    np.testing.assert_array_equal(matmul.operands[1], W)
    np.testing.assert_array_equal(matmul.outs[0], X @ W)
    np.testing.assert_array_equal(tanh.operands[0], X @ W)
    assert matmul.where.endswith("y = x @ w  # the first line")
    assert matmul.tracked == (True, True)
    assert found.order()[-1] is found.results[0].source
    assert set(found.of) == {call.node for call in found.calls}


def test_operands_are_those_of_the_call_even_if_overwritten_later():
    def f(x):
        y = x * 1.0
        z = tg.exp(y)
        y.array[...] = 7.0
        return z

    np.testing.assert_array_equal(tape(f, X).calls[1].operands[0], X)


def test_arguments_that_rules_do_not_read_are_known_too():
    call = tape(lambda x: x.sum(0, keepdim=True), X).calls[0]
    np.testing.assert_array_equal(call.operands[0], X)
    np.testing.assert_array_equal(call.again()[0], X.sum(0, keepdims=True))


def test_several_results():
    call = tape(lambda x: tg.split(x, 1, 1), X).calls[0]
    assert call.several
    assert len(call.outs) == 2
    np.testing.assert_array_equal(call.operands[0], X)
    assert all(same(a, b) for a, b in zip(call.again(), call.outs, strict=True))


def test_a_function_of_the_user():
    call = tape(lambda x: Twice.apply(x, 3.0)[1], X).calls[0]
    assert call.name == "Twice"
    np.testing.assert_array_equal(call.operands[0], X)
    assert call.operands[1] == 3.0
    np.testing.assert_array_equal(call.again()[0], 3 * X)
    assert argument_name(call.node.op, 1) == "factor"


def test_operands_are_in_the_dtype_that_the_op_got():
    call = tape(lambda x: tg.concatenate([x, x.float()], 1) if hasattr(tg, "concatenate") else x * x.float(), X).calls[
        -1
    ]
    assert {v.dtype for v in call.operands if isinstance(v, np.ndarray)} == {np.dtype(np.float64)}


def test_layers():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Sequential(nn.Linear(2, 3), nn.Tanh())

        def forward(self, x):
            return self.inner(x).exp()

    model = Net().double()
    subject = of_module(model, [X])
    layers = [call.layer for call in tape_of(subject, subject.arrays()).calls]
    assert layers == [", in layer 'inner.0' (Linear)", ", in layer 'inner.1' (Tanh)", ", in Net"]


def test_values_of_links():
    found = tape(lambda x: tg.split(tg.exp(x), 1, 1)[1] * 2, X)
    of = found.of
    mul = found.calls[-1]
    np.testing.assert_array_equal(found.value_of(mul.node.inputs[0], of), np.exp(X)[:, 1:])
    leaf = found.calls[0].node.inputs[0]
    np.testing.assert_array_equal(found.value_of(leaf, of), X)


def test_the_way_of_recording_comes_back_after_an_error():
    def f(x):
        raise KeyError("no")

    with pytest.raises(KeyError):
        tape(f, X)
    assert mode.recording is True


def test_argument_names():
    assert argument_name(tg.einsum.primitive if hasattr(tg.einsum, "primitive") else tg.mul.primitive, 99) in (
        "",
        "operands[98]",
    )
    assert argument_name(tg.mul.primitive, 1) == "y"
    assert argument_name(object(), 0) == ""


def test_same():
    assert same(np.array([1.0, np.nan]), np.array([1.0, np.nan]))
    assert not same(np.array([1.0]), np.array([1.0 + 1e-12]))
    assert same(np.array([1.0]), np.array([1.0 + 1e-12]), close=True)
    assert not same(np.zeros(2), np.zeros(3))
    assert same((1.0, np.ones(2)), (1.0, np.ones(2)))
    assert not same((1.0, np.ones(2)), (1.0, np.zeros(2)))
    assert same("a", object())
    assert not same(None, 1.0)
