"""At kinks and ties a gradient is judged by those near by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.testing import GradcheckError, gradcheck

Array = Any


def verdict(f: Callable[..., Any], x: Any, vjp: Callable[..., Any], **options: Any) -> str:
    try:
        return gradcheck(f, x, vjp=vjp, **options).verdict
    except GradcheckError as error:
        return error.report.verdict


def winner(pick: Callable[[Array], Array]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """A function that picks numbers, by their places; of tied ones always the same."""

    def vjp(g: Array, x: Array) -> Array:
        found = np.zeros(x.shape)
        np.add.at(found, pick(x), g)
        return found

    return lambda x: x[pick(x)], vjp


MEDIAN = winner(lambda x: np.argsort(x, kind="stable")[len(x) // 2])
SORT = winner(lambda x: np.argsort(x, kind="stable"))
TOP2 = winner(lambda x: np.argsort(-x, kind="stable")[:2])
POOL = winner(lambda x: np.array([k + np.argmax(x[k : k + 3]) for k in range(len(x) - 2)]))
TIED = np.array([1.0, 2.0, 2.0, 2.0, 3.0, -1.0, 0.5])


@pytest.mark.parametrize("name", ["median", "sort", "top 2", "pool"])
def test_one_winner_among_tied_numbers_is_no_fault(name: str) -> None:
    f, vjp = {"median": MEDIAN, "sort": SORT, "top 2": TOP2, "pool": POOL}[name]
    for seed in range(10):
        assert verdict(f, TIED, vjp, seed=seed) != "wrong"
        assert verdict(f, TIED, lambda g, x: 1.1 * vjp(g, x), seed=seed) == "wrong"


def shares(g: Array, x: Array) -> Array:
    tied = x == x.max(-1, keepdims=True)
    return g[..., None] * tied / tied.sum(-1, keepdims=True)


def whole(g: Array, x: Array) -> Array:
    return g[..., None] * (x == x.max(-1, keepdims=True))


def none(g: Array, x: Array) -> Array:
    tied = x == x.max(-1, keepdims=True)
    return g[..., None] * (tied & (tied.sum(-1, keepdims=True) == 1))


@pytest.mark.parametrize("shape", [(2, 3), (100, 3), (400, 3)])
def test_shares_of_a_tie_add_up_to_one(shape: tuple[int, int]) -> None:
    largest = lambda x: x.max(-1)
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=shape)
        x[0, :2] = x[0].max() + 1
        assert verdict(largest, x, shares, seed=seed) != "wrong"
        assert verdict(largest, x, whole, seed=seed) == "wrong"
        assert verdict(largest, x, none, seed=seed) == "wrong"


def rectified(slope: float) -> Callable[[Array, Array], Array]:
    return lambda g, x: g * np.where(x == 0, slope, x > 0)


@pytest.mark.parametrize("size", [6, 100, 1600])
@pytest.mark.parametrize("zeros", [1, 20])
def test_the_slope_at_a_kink_is_between_those_near_by(size: int, zeros: int) -> None:
    relu = lambda x: np.maximum(x, 0)
    for seed in range(3):
        x = np.random.default_rng(seed).normal(size=size)
        x[: min(zeros, size - 4)] = 0.0
        assert verdict(relu, x, rectified(0.0), seed=seed) != "wrong"
        assert verdict(relu, x, rectified(0.5), seed=seed) != "wrong"
        assert verdict(lambda x: relu(x).sum(), x, rectified(0.0), seed=seed) != "wrong"
        assert verdict(lambda x: relu(x).sum(), x, rectified(1.0), seed=seed) != "wrong"
        assert verdict(relu, x, rectified(7.0), seed=seed) == "wrong"
        assert verdict(lambda x: relu(x).sum(), x, rectified(7.0), seed=seed) == "wrong"


def test_what_is_wrong_at_a_kink_is_shown_with_its_gradient() -> None:
    x = np.random.default_rng(0).normal(size=1000)
    x[3] = 0.0
    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda x: np.maximum(x, 0), x, vjp=rectified(7.0))
    finding = caught.value.report.findings[0]
    assert np.flatnonzero(finding.wrong).tolist() == [3]
    assert finding.analytic[3] == 7.0
    assert "at a kink or a tie, and not a mixture of the gradients nearby" in str(finding)


def test_what_is_not_finite_is_no_convention() -> None:
    vjp = lambda g, x: np.where(x == 0, np.nan, g * np.sign(x))
    for x in (np.array(0.0), np.array([0.0, 1.0, 2.0, 3.0, 4.0])):
        assert verdict(np.abs, x, vjp) == "wrong"


def test_what_is_wrong_near_by_as_well_is_not_excused() -> None:
    x = np.array([0.0, 0.0, 1.0, -1.0, 2.0, 3.0, 4.0, 5.0])
    vjp = lambda g, x: g * np.where(x >= 0, 1.5, 0.0)
    assert verdict(lambda x: np.maximum(x, 0), x, vjp) == "wrong"


def test_a_small_fault_where_nothing_bends_is_not_excused() -> None:
    x = np.array([0.0, 1.0, -1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    for fault in (1e-7, 1e-5):
        vjp = lambda g, x, fault=fault: g * (x > 0) * np.where(x == 3, 1 + fault, 1)
        assert verdict(lambda x: np.maximum(x, 0), x, vjp) == "wrong"


@pytest.mark.parametrize(("rule", "right"), [(shares, True), (whole, False), (none, False)])
def test_an_op_has_its_convention_judged_too(rule: Callable[..., Any], right: bool) -> None:
    class Largest(tg.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return tg.amax(x, -1)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return tg.tensor(rule(g.array, x.array))

    x = np.array([[1.0, 1.0, 0.0], [2.0, -1.0, 0.5], [0.0, 3.0, 1.0]])
    try:
        found = gradcheck(Largest.apply, x)
    except GradcheckError as error:
        found = error.report
    assert (found.verdict != "wrong") is right
    if not right:
        assert found.blame.startswith("the rule of 'Largest'")
