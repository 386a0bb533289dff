"""detached: an operand that depends on the input, though no path of the graph leads there."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import GradcheckError, gradcheck
from tinygrad_edu.testing.diagnosis.detached import detached
from tinygrad_edu.testing.diagnosis.tape import tape_of
from tinygrad_edu.testing.subject import of_function

X, W = np.array([0.5, -1.0, 2.0]), np.array([1.5, 0.25, -0.75])


def found(f, *inputs):
    subject = of_function(f, inputs)
    return detached(subject, subject.arrays(), (), tape_of(subject, subject.arrays()))


def no_grad_inside(x):
    y = x * 2.0
    with tg.no_grad():
        norm = (y * y).sum()
    return y / norm


def through_numpy(x, w):
    y = tg.exp(x)
    z = tg.tensor(np.sin(y.detach().numpy()))
    return z * w


def everything(x):
    return tg.exp(x).detach().numpy()


LOST = {
    "detach": (
        lambda x: tg.exp(x) * tg.exp(x).detach(),
        (X,),
        "the gradient of x[0] is lost on the way to argument 1 ('y') of 'mul', called at ",
        "It has no graph, but the numbers of the result of 'exp' on the same line",
    ),
    "detached input": (
        lambda x: tg.exp(x) * x.detach(),
        (X,),
        "lost on the way to argument 1 ('y') of 'mul'",
        "It has no graph, but the numbers of the input",
    ),
    "item": (
        lambda x: x / x.sum().item(),
        (X,),
        "lost on the way to argument 1 ('y') of 'div'",
        "the numbers of the result of 'sum' on the same line",
    ),
    "no_grad": (
        no_grad_inside,
        (X,),
        "lost on the way to argument 1 ('y') of 'div'",
        "It depends on x[0], but has no graph",
    ),
    "numpy": (
        through_numpy,
        (X, W),
        "the gradient of x[0] is lost on the way to argument 0 ('x') of 'mul'",
        "It depends on x[0], but the last recorded op is 'exp', called at ",
    ),
    "the result": (everything, (X,), "the gradient of x[0] is lost on the way to the result", "the result of 'exp'"),
    "another result": (
        lambda x: (x * 2, tg.sin(x).detach()),
        (X,),
        "the gradient of x[0] is lost on the way to result 1",
        "the numbers of the result of 'sin', called at ",
    ),
}


@pytest.mark.parametrize("name", LOST)
def test_where_it_is_lost(name):
    f, inputs, first, second = LOST[name]
    text = found(f, *inputs)
    assert first in text.split("\n")[0]
    assert text.split("\n")[1].startswith("  detach(), .numpy(), .item() or no_grad() ")
    assert second in text.split("\n")[1]


def test_nothing_is_lost():
    assert found(lambda x, w: tg.where(x > 0, x, w) + x.detach() * 0.0, X, W) == ""
    assert found(lambda x: x[tg.argmax(x.detach())] * 2.0, X) == ""


def test_a_function_that_uses_what_is_not_its_argument():
    kept = []

    class Scale(tg.Function):
        @staticmethod
        def forward(ctx, x):
            return x * kept[0]

        @staticmethod
        def backward(ctx, g):
            return g * kept[0]

    def f(x, w):
        kept[:] = [w.detach()]
        return Scale.apply(x)

    text = found(f, X, W)
    assert text.startswith("'Scale', called at ")
    assert text.endswith("its result depends on w[0], though no argument of it does: pass what it depends on as one")


def test_an_argument_without_a_rule():
    @tg.primitive(vjps=(lambda g, out, x, y: g * y, None), name="times")
    def times(x, y):
        return x * y

    text = found(lambda x, w: times(x, w), X, W)
    assert text.startswith("'times', called at ")
    assert text.endswith("\n  it has no rule for argument 1 ('y'), though its result depends on it")


def test_a_tensor_that_was_changed_in_place():
    def f(x):
        y = tg.sin(x) + 1.0
        y.array[1:] = 3.0
        return y * 2.0

    text = found(f, X)
    assert text.startswith(
        "a tensor was changed in place, which the graph does not record, before it became argument 0 "
    )
    assert " of 'mul', called at " in text.split("\n")[0]
    assert "\n  it was made by 'add', called at " in text


def test_another_way_through_the_code_is_not_compared():
    count = []

    def f(x):
        count.append(1)
        return tg.exp(x) if len(count) < 2 else tg.sin(x)

    assert found(f, X) == ""


def test_a_function_that_does_not_take_the_moved_input():
    def f(x):
        if x.array[0] != 0.5:
            raise ValueError("only 0.5")
        return x * x.detach()

    assert found(f, X) == ""


def test_the_wrong_element_is_the_one_that_is_followed():
    def f(x):
        return tg.cat([x[:2] * x[:2], x[2:] * x[2:].detach()])

    with pytest.raises(GradcheckError) as caught:
        gradcheck(f, X)
    assert caught.value.report.blame.startswith("the gradient of x[2] is lost on the way to argument 1 ('y') of 'mul'")
