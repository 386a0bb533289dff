"""Defining an op, and the registry of them."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.primitives import PRIMITIVES, Primitive


def test_a_users_op_on_tensors_arrays_and_numbers() -> None:
    @tg.primitive(vjps=(lambda g, out, x, n: g * n * x ** (n - 1), None), saves=("x", ""))
    def power(x, n=3):
        return x**n

    x = tg.tensor([1.0, 2.0], requires_grad=True)
    power(x).backward()
    np.testing.assert_allclose(x.grad.array, [3.0, 12.0])
    x.grad = None
    power(x, n=2).backward()
    np.testing.assert_allclose(x.grad.array, [2.0, 4.0])
    assert isinstance(power(np.ones(2)), np.ndarray)
    assert power(2.0) == 8.0
    (g,) = tg.autograd.grad(power(x), x, create_graph=True)
    np.testing.assert_allclose(tg.autograd.grad(g, x)[0].array, [6.0, 12.0])


def test_it_keeps_name_docstring_and_signature() -> None:

    assert tg.exp.__name__ == "exp"
    assert tg.exp.__doc__
    assert list(inspect.signature(tg.exp).parameters) == ["x"]
    assert isinstance(tg.exp.primitive, Primitive)
    assert PRIMITIVES["exp"] is tg.exp.primitive


def test_an_op_of_the_library_cannot_be_replaced_unawares() -> None:
    known = PRIMITIVES["exp"]
    with pytest.raises(ValueError, match=r"an op 'exp' already, in tinygrad_edu\.ops\.elementary.*name='my_exp'"):

        @tg.primitive(vjps=(lambda g, out, x: g * out,))
        def exp(x):
            return np.exp(x)

    with pytest.raises(ValueError, match=r"numpy=tanh: .*tinygrad_edu\.ops\.elementary.*Leave numpy= out"):

        @tg.primitive(vjps=(lambda g, out, x: g,), numpy=np.tanh)
        def my_tanh(x):
            return np.tanh(x)

    assert PRIMITIVES["exp"] is known
    assert "my_tanh" not in PRIMITIVES
    assert tg.tensor([0.0]).exp().tolist() == np.exp(tg.tensor([0.0])).tolist() == [1.0]


def test_a_function_without_a_module_may_be_defined_again() -> None:
    for factor in (2.0, 3.0):
        forward = eval("lambda x: x * factor", {"factor": factor})  # as from exec in an empty namespace
        assert forward.__module__ is None
        forward.__name__ = "scaled_somewhere"
        op = tg.primitive(vjps=(lambda g, out, x, by=factor: g * by,), saves=("",))(forward)
        x = tg.tensor([1.0], requires_grad=True)
        op(x).backward()
        assert x.grad.tolist() == [factor]


def test_a_users_op_may_be_defined_again() -> None:
    for factor in (2.0, 3.0):  # as when a cell of a notebook is run again

        @tg.primitive(vjps=(lambda g, out, x, factor=factor: g * factor,), name="times")
        def times(x, factor=factor):
            return x * factor

        x = tg.tensor([1.0], requires_grad=True)
        try:
            times(x).backward()
            assert x.grad.tolist() == [factor]
        finally:
            del PRIMITIVES["times"]


def test_what_is_read_by_value_goes_by_the_arguments_that_are_tracked() -> None:
    def saved(function, saves, *tracked):
        return tg.primitive(vjps=(lambda g, out, *args: g,), saves=saves, name="tried")(function).primitive.saved(
            tracked
        )

    three = lambda x, y, z: x
    assert saved(three, None, True, False) == (True, True, True)
    assert saved(three, ("y", "x out", ""), True, False, False) == (False, True, False, False)
    assert saved(three, ("y", "x out", ""), False, True, False) == (True, False, False, True)
    assert saved(three, ("y", "x out", ""), False, False, True) == (False, False, False, False)
    assert saved(three, ("y", "x out", "z"), True, True) == (True, True, True)  # the last one was left out


def test_more_arrays_of_a_variadic_op_are_read_as_its_last_parameter_says() -> None:
    product = tg.primitive(
        joint=lambda g, out, *x, needs: [g * np.prod(x[:i] + x[i + 1 :], axis=0) for i in range(len(x))],
        saves=("x",),
        name="product",
    )(lambda *x: np.prod(x, axis=0))
    x, constants = tg.tensor(np.array([2.0]), requires_grad=True), (np.array([3.0]), np.array([5.0]))
    for arguments in ((x, *constants), (*constants, x), (constants[0], x, constants[1])):
        x.grad = None
        product(*arguments).backward()
        assert x.grad.tolist() == [15.0]
    assert product.primitive.saved((False, False, True)) == (True, True, True, False)
    assert product.primitive.saved((False, False)) == (False, False, False)
