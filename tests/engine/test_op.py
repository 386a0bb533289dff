"""What an op says of itself."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine.op import Primitive


def described(function, **more):
    return Primitive(
        function,
        name="tried",
        vjps=(),
        joint=None,
        saves=None,
        fresh=True,
        numpy=(),
        domain=(0, 1),
        cases=None,
        **more,
    )


def test_what_it_is_without_being_told() -> None:
    assert (described(len).symmetric, described(len).samples, described(len).view) == (False, None, False)
    assert described(len, view=True).view
    assert not described(lambda: 1).variadic
    assert described(lambda first, *more: first).variadic


def test_it_is_differentiable_if_any_argument_has_a_rule() -> None:
    rule = lambda g, out, *args: g
    for rules, joint, expected in [
        ((), None, False),
        ((None,), None, False),
        ((None, rule), None, True),
        ((), rule, True),
    ]:
        assert tg.primitive(vjps=rules, joint=joint)(lambda x, y: x).primitive.differentiable is expected


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
    first = tg.primitive(vjps=(lambda g, out, *x: g,) * 2, saves=("a", "x"), name="first")(lambda a, *x: a).primitive
    assert first.saved((False, True)) == (False, True, False)
    assert first.saved((False, False, True)) == (False, True, True, False)
    assert first.saved((True, False, False)) == (True, False, False, False)
