"""sums: a plain backward pass beside the engine's."""

from __future__ import annotations

import numpy as np
import pytest
from testing.provoked import taped

import tinygrad_edu as tg
from tinygrad_edu.engine import backprop
from tinygrad_edu.testing import GradcheckError, gradcheck
from tinygrad_edu.testing.diagnosis import sums
from tinygrad_edu.testing.diagnosis.sums import unbroadcast, uses_of, wrong_sum
from tinygrad_edu.testing.report import Finding
from tinygrad_edu.testing.subject import Input

X = np.array([0.5, -1.0, 2.0])
A, B = "0 of 'sqrt', called at a line", "1 of 'mul', called at another"
WHERE = "arises where an op has no finite derivative, for argument"
BECOMES = "it becomes nan on the way to argument"


def found(f, *inputs):
    tape = taped(f, *inputs)
    return wrong_sum(tape, tape.order(), tape.of, np.random.default_rng(0))


def reused(x):
    y = tg.exp(x)
    return tg.sin(y) + tg.cos(y) * x


def test_the_engine_is_right():
    assert found(reused, X) == ""
    assert found(lambda x: (tg.split(x, 1)[0] * x, tg.split(x, 1)[2] + tg.split(x, 1)[2]), X) == ""
    assert found(lambda x: 1.0, X) == ""


def test_a_sum_of_which_only_the_last_part_is_kept(monkeypatch):
    monkeypatch.setattr(backprop, "_add", lambda held, part, owned, plain: (part, False))
    text = found(reused, X)
    assert text.startswith("the backward pass is wrong, though every rule is right: ")
    assert "the sum over the 2 uses of the result of 'exp', called at " in text
    assert found(lambda x: tg.sin(x) + x, X) == (
        "the backward pass is wrong, though every rule is right: the sum over the 2 uses of input 'x'"
    )


def test_a_gradient_that_the_engine_changes(monkeypatch):
    pull = backprop.apply_vjp
    monkeypatch.setattr(
        backprop, "backpropagate", lambda roots, wanted, **_: ({}, dict.fromkeys(wanted, roots[0][1] * 0 + 3))
    )
    assert "the gradient of the result of 'exp', called at " in found(lambda x: tg.exp(x), X)
    assert backprop.apply_vjp is pull


def test_a_hook():
    def f(x):
        y = tg.exp(x)
        if y.requires_grad:
            y.register_hook(lambda g: 2 * g)
        return y * x

    assert found(f, X).startswith("a hook changes the gradient of the result of 'exp', called at ")


def test_the_first_nan():
    def f(x):
        return tg.where(x > 0, tg.sqrt(tg.where(x > 0, x, 0.0 * x)), x)

    with pytest.raises(GradcheckError) as caught:
        gradcheck(f, np.array([1.0, -1.0, 2.0, -2.0]))
    text = caught.value.report.blame
    assert text.startswith(
        "the first nan arises where an op has no finite derivative, for argument 0 of 'sqrt', called at "
    )


def blamed(f, *inputs):
    with pytest.raises(GradcheckError) as caught:
        gradcheck(f, inputs)
    return caught.value.report.blame.split("\n")


def test_a_nan_that_comes_of_an_inf():
    for shape in ((), (3,)):
        first, second = blamed(lambda x: tg.sqrt((x * x).sum()) + tg.sin(x), np.zeros(shape))
        assert first.startswith(
            "the nan comes from an inf, which arises where an op has no finite derivative, for argument 0 of 'sqrt', "
        )
        assert second.startswith("  it becomes nan on the way to argument 0 of 'mul', called at ")


def test_a_nan_says_more_than_a_condition_without_a_graph():
    (text,) = blamed(lambda x: tg.where(x > 0, x * tg.log(x), 0 * x) + x, np.array([1.0, 0.0, 2.0]))
    assert text.startswith("the first nan arises where an op has no finite derivative, for argument 0 of 'mul', ")


@pytest.mark.parametrize(
    ("arisen", "gradient", "text"),
    [
        ({"inf": A}, np.inf, f"the first inf {WHERE} {A}"),
        ({"inf": A}, -np.inf, f"the first inf {WHERE} {A}"),
        ({"nan": B}, np.nan, f"the first nan {WHERE} {B}"),
        ({"inf": A, "nan": B}, np.inf, f"the first inf {WHERE} {A}"),
        ({"inf": A}, np.nan, f"the nan comes from an inf, which {WHERE} {A}"),
        ({"inf": A, "nan": B}, np.nan, f"the nan comes from an inf, which {WHERE} {A}\n  {BECOMES} {B}"),
        ({"nan": B}, np.inf, f"a nan {WHERE} {B}"),
    ],
)
def test_which_of_them_is_told(arisen, gradient, text, monkeypatch):
    monkeypatch.setattr(sums, "_totals", lambda *args: ({}, set(), arisen))
    tape, found = taped(tg.exp, X), Finding.of(Input("x", X, True), np.array([0.0, gradient, 1.0]))
    found.wrong[1] = True
    assert wrong_sum(tape, tape.order(), tape.of, np.random.default_rng(0), [found]) == text


def test_uses():
    tape = taped(lambda x, w: x * x + tg.sin(x), X, X)
    assert [uses_of(tape, tape.order(), i) for i in (0, 1)] == [3, 0]


def test_unbroadcast():
    part = np.arange(24.0).reshape(2, 3, 4)
    for shape in ((2, 3, 4), (3, 4), (1, 4), (3, 1), (4,), (1,), ()):
        x = np.zeros(shape)
        np.testing.assert_allclose(unbroadcast(part, shape), sum_by_difference(x, part), rtol=1e-13)


def sum_by_difference(x, part):
    """The derivative of the sum of x, broadcast, times part: linear, so a difference is exact."""
    found = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        one = x.copy()
        one[index] = 1.0
        found[index] = (np.broadcast_to(one, part.shape) * part).sum()
    return found


def test_a_broadcast_that_is_not_summed(monkeypatch):
    monkeypatch.setattr(backprop, "sum_to_shape", lambda part, shape: part[0])
    text = found(lambda x, b: x + b, np.ones((4, 3)), X)
    assert text.startswith("the backward pass is wrong, though every rule is right: ")
    assert text.endswith("the sum over the axes along which an op broadcasts input 'b'")
