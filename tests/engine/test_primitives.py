"""Defining an op, and the registry of them."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.primitives import NUMPY_FUNCTIONS, PRIMITIVES, Primitive, _refuse_to_replace, implements


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


def test_it_keeps_all_that_it_was_told() -> None:
    def rule(g, out, x):
        return g

    def tried(x):
        """What it does."""
        return x

    cases = lambda make: [(1.0,)]
    family, known = tg.sample_rules.elementwise, {"cases": cases, "samples": tg.sample_rules.elementwise}
    call = tg.primitive(vjps=(rule,), saves=("x out",), fresh=True, domain=(0.5, 3.0), symmetric=True, **known)(tried)
    op = call.primitive
    assert (inspect.unwrap(op.forward), op.name, list(op.vjps), op.joint, op.view) == (
        tried,
        "tried",
        [rule],
        None,
        False,
    )
    assert (op.saves, op.fresh, op.numpy, op.domain) == ([{"x", "out"}], True, (), (0.5, 3.0))
    assert (op.cases, op.symmetric, op.samples, op.variadic, op.parameters) == (cases, True, family, False, ["x"])
    assert (call.__name__, call.__qualname__, call.__doc__) == ("tried", "tried", "What it does.")
    assert (call.__module__, call.__wrapped__) == (tried.__module__, tried)
    assert PRIMITIVES["tried"] is op


def test_the_name_is_the_one_given_or_that_of_the_function() -> None:
    class Nameless:
        def __call__(self, x):
            return x

    def _private_(x):
        return x

    assert tg.primitive()(_private_).primitive.name == "private"
    assert tg.primitive(name="given")(_private_).primitive.name == "given"
    call = tg.primitive(name="given")(_private_)
    assert call.__name__ == "_private_"
    nameless = Nameless()
    nameless.__doc__, nameless.__module__ = None, __name__
    call = tg.primitive(vjps=(lambda g, out, x: g,))(nameless)
    assert (call.primitive.name, call.__name__) == ("op", "op")
    assert tg.primitive(name="given")(nameless).__name__ == "given"
    assert call(tg.ones(1)).tolist() == [1.0]


def test_numpys_functions_come_to_the_op() -> None:
    class Function:
        __name__ = "function"

    one, two = Function(), Function()
    rule = lambda g, out, x: g
    single = tg.primitive(vjps=(rule,), numpy=one)(lambda x: x)
    assert NUMPY_FUNCTIONS.pop(one) is single
    several = tg.primitive(vjps=(rule,), numpy=(one, two))(lambda x: x)
    assert several.primitive.numpy == (one, two)
    assert [NUMPY_FUNCTIONS.pop(one), NUMPY_FUNCTIONS.pop(two)] == [several, several]
    handler = implements(one, two)(len)
    assert handler is len
    assert [NUMPY_FUNCTIONS.pop(one), NUMPY_FUNCTIONS.pop(two)] == [len, len]


def test_a_module_of_the_library_may_be_loaded_again() -> None:
    def exp(x):
        return x

    exp.__module__ = tg.exp.__module__
    _refuse_to_replace("exp", (np.exp,), exp)
    exp.__name__ = "exp2"
    with pytest.raises(ValueError, match="an op 'exp' already"):
        _refuse_to_replace("exp", (), exp)
    with pytest.raises(ValueError, match="numpy=exp:"):
        _refuse_to_replace("new", (np.exp,), exp)
    exp.__name__, exp.__module__ = "exp", "tinygrad_edu.elsewhere"
    with pytest.raises(ValueError, match="an op 'exp' already"):
        _refuse_to_replace("exp", (), exp)
    del exp.__module__
    nameless = type("Nameless", (), {"__module__": tg.exp.__module__, "__call__": lambda self, x: x})()
    with pytest.raises(ValueError, match="an op 'exp' already"):
        _refuse_to_replace("exp", (), nameless)
    _refuse_to_replace("new", (len,), nameless)


def test_a_users_op_for_a_numpy_function_may_be_defined_again() -> None:
    function = type("Function", (), {"__name__": "function"})()
    for _ in range(2):
        call = tg.primitive(vjps=(lambda g, out, x: g,), numpy=function)(lambda x: x)
        assert NUMPY_FUNCTIONS[function] is call
    del NUMPY_FUNCTIONS[function]


def test_an_op_of_the_library_cannot_be_replaced_unawares() -> None:
    known = PRIMITIVES["exp"]
    with pytest.raises(ValueError, match=r"an op 'exp' already, in tinygrad_edu\.ops\.transcendental.*name='my_exp'"):

        @tg.primitive(vjps=(lambda g, out, x: g * out,))
        def exp(x):
            return np.exp(x)

    with pytest.raises(ValueError, match=r"numpy=tanh: .*tinygrad_edu\.ops\.transcendental.*Leave numpy= out"):

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
    del PRIMITIVES["scaled_somewhere"]  # other tests go through all ops, by their modules


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


@pytest.mark.parametrize("joint", [False, True])
def test_float16_is_computed_in_float32_where_that_was_asked_for(joint: bool) -> None:
    seen = []

    def double(x):
        seen.append(x.dtype)
        return x + x

    def rule(g, out, x):
        seen.append(g.dtype)
        return g + g

    how = {"joint": lambda *values, needs: [rule(*values)]} if joint else {"vjps": (rule,)}
    for single, dtype in ((True, np.float32), (False, np.float16)):
        x = tg.tensor([1.5], dtype=tg.float16, requires_grad=True)
        result = tg.primitive(single=single, name="double", **how)(double)(x)
        result.backward()
        assert (result.dtype, x.grad.dtype, x.grad.tolist()) == (np.float16, np.float16, [2.0])
        assert seen == [dtype] * 2
        del seen[:]


def test_a_view_that_was_not_announced_cannot_be_written_to() -> None:
    x = tg.tensor(np.arange(4.0))
    head, halves = (lambda x, n: x[:n]), (lambda x, n: (x[:n], x[n:] + 0.0))
    assert not tg.primitive(name="head")(head)(x, 2).array.flags.writeable
    assert [part.array.flags.writeable for part in tg.primitive(name="halves")(halves)(x, 2)] == [False, True]
    assert tg.primitive(name="head", view=True)(head)(x, 2).array.flags.writeable
    assert tg.primitive(name="shifted")(lambda x, n: x + n)(x, 2).array.flags.writeable
    assert x.array.flags.writeable


def test_what_it_was_not_told() -> None:
    op = tg.primitive()(lambda *x: x).primitive
    assert (list(op.vjps), op.joint, op.saves, op.fresh, op.numpy) == ([], None, None, False, ())
    assert (op.domain, op.cases, op.symmetric, op.samples, op.variadic) == ((-2.0, 2.0), None, False, None, True)
    assert op.view is False
