"""What laws compare, and by how much it may differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from testing.provoked import with_backward

import tinygrad_edu as tg
from tinygrad_edu.testing import GradcheckError, check_laws
from tinygrad_edu.testing.laws.example import Example
from tinygrad_edu.testing.subject import of_function

X = np.random.default_rng(0).normal(size=(4, 3))


def example(f: Any = lambda x: 2 * x) -> Example:
    subject = of_function(f, X)
    values = subject.values([X])
    return Example(subject, [X], [np.ones(v.shape) for v in values], values, np.random.default_rng(0))


@pytest.mark.parametrize("shapes", [[(2,)], [(), ()], [(0,), (1, 2)]])
def test_other_cotangents_have_both_signs(shapes: list[tuple[int, ...]]) -> None:
    one = example(lambda x: [x[0, 0] * tg.ones(*s, dtype=tg.float64) for s in shapes])
    assert [v.shape for v in one.values] == shapes
    for _ in range(20):
        assert {bool(n < 0) for c in one.other_cotangents() for n in c.reshape(-1)} == {True, False}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_right(bad: float) -> None:
    one = example()
    wrong = [np.where(np.arange(12).reshape(4, 3) == 7, bad, one.gradients[0])]
    assert one.unlike(one.gradients, one.gradients) is None
    for found, expected in ((wrong, one.gradients), (one.gradients, wrong), (wrong, wrong)):
        assert f"{bad} " in str(one.unlike(found, expected))
    assert "is " + str(bad) + " at [2, 1] where 2 is right" in str(one.unlike(wrong, one.gradients))


def test_rounding_is_measured_only_where_something_differs() -> None:
    one = example()
    asked: list[int] = []
    rounding = lambda: asked.append(1) or [1e-7]  # type: ignore[func-returns-value]
    assert one.unlike(one.gradients, one.gradients, rounding=rounding) is None
    assert asked == []
    assert one.unlike([one.gradients[0] + 6e-6], one.gradients, rounding=rounding) is None
    assert one.unlike([one.gradients[0] + 7e-6], one.gradients, rounding=rounding) is not None
    assert asked == [1, 1]


class TestRtol:
    """Gradients that have errors of their own."""

    @staticmethod
    def inexact(error: float) -> Any:
        """Twice the numbers; the gradient is off by a share of its largest element, in no regular way."""

        def backward(g: Any, ctx: Any, x: Any) -> Any:
            right = 2 * g.array
            return tg.tensor(right + error * np.abs(right).max(initial=0.0) * np.cos(1e3 * right))

        return with_backward(backward, lambda x: 2 * x)

    def test_they_are_right_if_that_is_allowed(self) -> None:
        for seed in range(3):
            with pytest.raises(GradcheckError) as caught:
                check_laws(self.inexact(1e-6), X, seed=seed)
            assert {"linear_in_cotangent", "adjoint_identity"} <= set(caught.value.report.violated)
            report = check_laws(self.inexact(1e-6), X, seed=seed, rtol=1e-5)
            assert {"linear_in_cotangent", "adjoint_identity"} <= set(report.held)
            with pytest.raises(GradcheckError, match="linear_in_cotangent"):
                check_laws(self.inexact(1e-3), X, seed=seed, rtol=1e-5)

    def test_so_are_the_values_of_a_composed_function(self) -> None:
        composed = lambda x: 2 * x + 2e-7
        with pytest.raises(GradcheckError, match="its values are not those"):
            check_laws(lambda x: 2 * x, X, composed=composed, laws="fused_is_composed")
        assert check_laws(lambda x: 2 * x, X, composed=composed, laws="fused_is_composed", rtol=1e-6).ok
