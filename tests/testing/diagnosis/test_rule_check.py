"""rule_check: the rules of one call against differences of its own forward."""

from __future__ import annotations

import numpy as np
from testing.provoked import planted, taped

import tinygrad_edu as tg
from tinygrad_edu.testing.diagnosis.rule_check import check_call, in_float64

rng = np.random.default_rng(0)
SMALL = np.array([0.5, -1.0, 2.0, 0.25])


def blamed(f, *inputs):
    """What is wrong with the first call that something is wrong with."""
    found = (check_call(call, np.random.default_rng(1)) for call in taped(f, *inputs).calls)
    return next(filter(None, found), "")


def test_right_rules():
    assert blamed(lambda x, w: tg.tanh(x @ w).sum(0), rng.normal(size=(3, 4)), rng.normal(size=(4, 20))) == ""
    assert blamed(lambda x: tg.relu(x), np.zeros(3)) == ""
    assert blamed(lambda x: tg.sort(x, 0)[0], np.array([1.0, 1.0, 2.0])) == ""


def test_a_rule_that_raises():
    def fails(part, *_):
        raise KeyError("oops")

    with planted("exp", fails):
        text = blamed(lambda x: tg.exp(x), SMALL)
    assert text.startswith("the rule of 'exp', called at ")
    assert text.endswith("\n  it raised KeyError: 'oops'")


def test_a_rule_of_the_wrong_shape():
    with planted("exp", lambda part, *_: part[:-1]):
        text = blamed(lambda x: tg.exp(x), SMALL)
    assert text.startswith("the rule of 'exp' for argument 0 ('x'), called at ")
    assert text.endswith("its gradient has shape (3,), the argument (4,)")


def test_a_rule_that_changes_its_gradient_in_place():
    def change(part, g, *_):
        g *= 2
        return part

    with planted("exp", change):
        text = blamed(lambda x: tg.exp(x) + x, SMALL)
    assert text.startswith("the rule of 'exp', called at ")
    assert text.endswith("\n  it changes the gradient that it is given, in place")


def test_a_rule_that_changes_what_was_saved():
    def change(part, g, out, *_):
        out *= 2
        return part

    with planted("exp", change):
        text = blamed(lambda x: tg.exp(x) * 3.0, SMALL)
    assert text.startswith("the rule of 'exp', called at ")
    assert text.endswith("\n  it changes what was kept for it, in place")


def test_a_result_that_was_overwritten():
    def f(x):
        y = tg.exp(x)
        z = y * 3.0
        y.array[...] = 1.0
        return z

    text = blamed(f, SMALL)
    assert text.startswith("'exp', called at ")
    assert text.endswith("\n  its result was saved for its rule, and overwritten afterwards")


def test_an_op_that_changes_its_operand():
    @tg.primitive(vjps=(lambda g, out, x: 2 * g,), name="spoils")
    def spoils(x):
        x *= 2
        return x.copy()

    text = blamed(lambda x: spoils(x * 1.0), SMALL)
    assert text.startswith("'spoils', called at ")
    assert text.endswith("\n  its operands do not give the same result again: it changes them, or keeps something")


def test_one_element_of_many():
    def change(part, *_):
        part = part.copy()
        part[77, 5] *= 1.1
        return part

    with planted("exp", change):
        text = blamed(lambda x: tg.exp(x) * 3.0, rng.normal(size=(100, 20)))
    assert text.split("\n")[1].endswith("at [77, 5] of (100, 20)")
    assert text.split("\n")[2] == "  where it is wrong, it is 11/10 of the numeric derivative"


def test_several_results_of_which_one_is_used():
    class Both(tg.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2.0, x * 5.0

        @staticmethod
        def backward(ctx, g, h):
            return 2 * g + 4 * h

    assert blamed(lambda x: Both.apply(x)[1], SMALL).startswith("the rule of 'Both' for argument 0 ('x')")
    assert blamed(lambda x: tg.split(x, 2)[1], SMALL) == ""


def test_a_wrong_element_beside_a_kink():
    x = np.array([0.0, 1.0, -2.0, 3.0])
    with planted("abs", lambda part, g, out, x: np.where(x == 3.0, 2 * part, part)):
        text = blamed(lambda x: abs(x), x)
    assert text.split("\n")[1].endswith("at [3] of (4,)")


def test_a_rule_that_is_different_each_time():
    count = []

    def change(part, *_):
        count.append(1)
        return part * len(count)

    with planted("exp", change):
        text = blamed(lambda x: tg.exp(x), SMALL)
    assert text.startswith("the rule of 'exp', called at ")
    assert text.endswith("\n  it gives a different gradient each time")


def test_a_rule_that_is_wrong_where_the_gradient_is_zero():
    with planted("exp", lambda part, g, *_: part + 1.0 * (g == 0)):
        text = blamed(lambda x: tg.exp(x), SMALL)
    assert text.startswith("the rule of 'exp', called at ")
    assert text.endswith("\n  for argument 0 it is not linear in the gradient that it is given")


def test_calls_in_other_dtypes_are_not_judged():
    cast, exp = taped(lambda x: tg.exp(x.float()), SMALL).calls
    assert not in_float64(cast)
    assert not in_float64(exp)
    assert check_call(exp, rng) == ""
    assert in_float64(taped(lambda x: x[np.array([0, 2])], SMALL).calls[0])
