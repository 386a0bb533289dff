"""Second derivatives: gradgradcheck, and gradcheck with order=2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import GradcheckError, gradcheck, gradgradcheck
from tinygrad_edu.testing.differences.second_order import of_gradients
from tinygrad_edu.testing.subject import Foreign, of_function

rng = np.random.default_rng(0)
A, B = rng.normal(size=(3, 4)), rng.normal(size=(4, 2))

RIGHT: dict[str, tuple[Callable[..., Any], Callable[[np.random.Generator], Any]]] = {
    "tanh(x @ w)": (lambda x, w: tg.tanh(x @ w), lambda r: (r.normal(size=(2, 3)), r.normal(size=(3, 2)))),
    "x @ w": (lambda x, w: x @ w, lambda r: (r.normal(size=(2, 3)), r.normal(size=(3, 2)))),
    "3 * x": (lambda x: 3 * x, lambda r: r.normal(size=(2, 3))),
    "x**3": (lambda x: x**3, lambda r: r.normal(size=(2, 3))),
    "x * y broadcast": (lambda x, y: x * y, lambda r: (r.normal(size=(3, 1)), r.normal(size=2))),
    "log": (tg.log, lambda r: r.uniform(0.1, 10, (2, 3))),
    "softmax": (lambda x: tg.softmax(x, 1), lambda r: r.normal(size=(2, 3))),
    "layer_norm": (lambda x: F.layer_norm(x, (4,)), lambda r: r.normal(size=(2, 4))),
    "relu": (tg.relu, lambda r: r.normal(size=(3, 4))),
    "inverse": (tg.linalg.inv, lambda r: r.normal(size=(3, 3)) + 3 * np.eye(3)),
    "cross_entropy": (
        lambda x, t: F.cross_entropy(x, t, reduction="none"),
        lambda r: (r.normal(size=(3, 4)), r.integers(0, 4, 3)),
    ),
    "several outputs": (lambda x: (x**3, tg.sin(x).sum()), lambda r: r.normal(size=(2, 3))),
    "the input itself": (lambda x: (x, x * x), lambda r: r.normal(size=(2, 3))),
    "large": (lambda x, w: tg.tanh(x @ w).sum(1), lambda r: (r.normal(size=(20, 30)), r.normal(size=(30, 20)))),
}


class Cube(tg.Function):
    """x³, whose backward forgets that one of its factors depends on x."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * 3 * x * x.detach()


@pytest.mark.parametrize("name", RIGHT)
def test_right_functions_are_not_accused(name: str) -> None:
    f, draw = RIGHT[name]
    for seed in range(2 if name == "large" else 8):
        report = gradgradcheck(f, draw(np.random.default_rng(seed)), seed=seed)
        assert report.ok
        assert report.order == 2
        assert "the second derivative is right" in str(report)


def test_order_2_is_gradgradcheck() -> None:
    one, other = gradcheck(tg.exp, A, order=2), gradgradcheck(tg.exp, A)
    for a, b in zip(one.findings, other.findings, strict=True):
        np.testing.assert_array_equal(a.analytic, b.analytic)


def test_the_inputs_are_those_of_the_function_and_the_cotangents() -> None:
    report = gradgradcheck(lambda x, n, w: x * w, (A, 3, A))
    assert [f.input.name for f in report.findings] == ["x", "w", "cotangent"]
    report = gradgradcheck(lambda x: (x * x, x.exp()), A)
    assert [f.input.name for f in report.findings] == ["x", "cotangent 0", "cotangent 1"]


def test_a_linear_function_is_checked_by_its_cotangent() -> None:
    report = gradgradcheck(lambda x: 3 * x, A)
    by_x, by_cotangent = report.findings
    assert not by_x.analytic.any()
    assert (by_cotangent.analytic != 0).all()


def test_a_gradient_that_cannot_be_differentiated_rightly() -> None:
    assert gradcheck(Cube.apply, A).ok  # its first derivative is right
    with pytest.raises(GradcheckError) as caught:
        gradgradcheck(Cube.apply, A)
    text = str(caught.value)
    assert "the second derivative is wrong" in text
    assert "input 'args[0]', float64 (3, 4): 12 of 12 elements are wrong" in text
    assert "relative error 0.5" in text
    by_x, by_cotangent = caught.value.report.findings
    assert by_x.wrong.all()
    assert not by_cotangent.wrong.any()


def test_a_backward_outside_of_the_graph_has_no_second_derivative() -> None:
    class Square(tg.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return tg.tensor(2 * x.array * g.array)

    with pytest.raises(GradcheckError, match="the second derivative is wrong") as caught:
        gradgradcheck(Square.apply, A)
    assert all(finding.wrong.all() for finding in caught.value.report.findings)


def test_a_large_one_with_one_wrong_element() -> None:
    class Odd(tg.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            mask = np.zeros(x.shape)
            mask[1234] = 1.0
            # The first derivative is right; of the second, one number is 10 % off.
            y = x + (0.2 * (x - x.detach())) * tg.tensor(mask)
            return 3 * g * x * y

    with pytest.raises(GradcheckError) as caught:
        gradgradcheck(Odd.apply, rng.normal(size=2000))
    assert np.flatnonzero(caught.value.report.findings[0].wrong).tolist() == [1234]


def test_the_cotangent_that_is_given_is_the_point_that_is_checked_at() -> None:
    report = gradgradcheck(lambda x: x**3, A, cotangent=2 * A)
    np.testing.assert_array_equal(report.findings[1].input.value, 2 * A)
    with pytest.raises(ValueError, match="cotangent: shapes"):
        gradgradcheck(lambda x: x**3, A, cotangent=np.ones(3))


def test_wrt() -> None:
    report = gradgradcheck(lambda x, w: x * w * w, (A, A + 3), wrt="w")
    assert [f.input.name for f in report.findings] == ["w", "cotangent"]


def test_kinks_of_the_gradient_are_jumps() -> None:
    # The gradient of relu jumps at 0, so differences say nothing there.
    x = np.array([0.0, 1.0, -2.0, 3.0, -4.0, 5.0])
    assert gradgradcheck(tg.relu, x).inconclusive == 1


@pytest.mark.parametrize(
    ("f", "inputs", "text"),
    [
        (lambda i: i * 1.0, np.array([1, 2]), "no input is a floating-point array"),
        (lambda x: x > 0, A, "returned no floating-point tensor"),
        (lambda x: x[:0], A, "are empty"),
        (tg.log, -np.ones(2), "not finite"),
        (lambda x: tg.floor(x), A, "zero everywhere"),
        (lambda x: F.dropout(x), A, "something else"),
    ],
)
def test_checks_that_show_nothing_fail(f: Any, inputs: Any, text: str) -> None:
    with pytest.raises(GradcheckError, match=text):
        gradgradcheck(f, inputs)


def test_a_backward_in_plain_numpy_has_none() -> None:
    subject = Foreign("f", np.exp, lambda g, x: g * np.exp(x), of_function(tg.exp, A).inputs)
    with pytest.raises(TypeError, match="f: there is no second derivative of a backward in plain NumPy"):
        of_gradients(subject, [A])


def test_evaluations_are_counted() -> None:
    calls = [0]

    def f(x: Any) -> Any:
        calls[0] += 1
        return x**3

    assert gradgradcheck(f, A).forwards == calls[0]


def test_it_works_where_gradients_are_switched_off() -> None:
    with tg.no_grad():
        assert gradgradcheck(lambda x: x**3, A).ok
