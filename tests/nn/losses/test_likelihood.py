"""Poisson and normal distributions: constants, variances of all shapes, and what is no variance."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from made import uniform

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F


def test_poisson_by_hand() -> None:
    rates, counts = np.array([0.5, 2.0, 3.5]), np.array([0, 1, 4])
    factorials = np.array([math.lgamma(n + 1) for n in counts])
    exact = rates - counts * np.log(rates) + factorials
    for x, log_input in ((np.log(rates), True), (rates, False)):
        losses = F.poisson_nll_loss(tg.tensor(x), tg.tensor(counts), log_input=log_input, full=True, reduction="none")
        np.testing.assert_allclose(losses.array, exact, atol=0.021)  # Stirling's approximation of log(4!)
        losses = F.poisson_nll_loss(tg.tensor(x), tg.tensor(counts), log_input, reduction="none")
        np.testing.assert_allclose(losses.array, exact - factorials, rtol=1e-7)


def test_the_whole_of_a_poisson_loss_has_finite_gradients_by_targets_of_0() -> None:
    t = tg.tensor([0.0, 1.0, 2.0], requires_grad=True, dtype=tg.float64)
    F.poisson_nll_loss(tg.zeros(3, dtype=tg.float64), t, full=True).backward()
    np.testing.assert_allclose(t.grad.array, [0.0, 0.0, math.log(2) + 0.25], rtol=1e-12)  # type: ignore[union-attr]


def test_a_rate_of_0_costs_what_eps_leaves() -> None:
    x = tg.zeros(1, requires_grad=True)
    loss = F.poisson_nll_loss(x, tg.ones(1), log_input=False, eps=0.5)
    assert loss.item() == pytest.approx(math.log(2))
    loss.backward()
    assert x.grad.tolist() == [-1.0]  # type: ignore[union-attr]


def test_normal_distributions_by_hand() -> None:
    x, t, v = uniform(4, 3), uniform(4, 3, seed=1), uniform(4, 3, seed=2, low=0.1)
    losses = F.gaussian_nll_loss(tg.tensor(x), tg.tensor(t), tg.tensor(v), full=True, reduction="none")
    density = np.exp(-((t - x) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)
    np.testing.assert_allclose(losses.array, -np.log(density), rtol=1e-12)


@pytest.mark.parametrize("shape", [(4, 3), (4, 1), (1, 3), (4,)])
def test_one_variance_for_many_numbers(shape: tuple[int, ...]) -> None:
    x, t, v = tg.tensor(uniform(4, 3)), tg.tensor(uniform(4, 3, seed=1)), tg.tensor(uniform(*shape, low=0.5))
    rows = v.reshape(4, 1) if shape == (4,) else v
    whole = F.gaussian_nll_loss(x, t, rows.expand(4, 3), reduction="none")
    assert np.array_equal(F.gaussian_nll_loss(x, t, v, reduction="none").array, whole.array)
    for number in (2, 2.0, np.float64(2.0)):
        expected = F.gaussian_nll_loss(x, t, tg.full((4, 3), 2.0, dtype=tg.float64))
        assert F.gaussian_nll_loss(x, t, number).item() == pytest.approx(expected.item(), rel=1e-14)


@pytest.mark.parametrize("shape", [(3,), (1, 1), (), (4, 3, 1), (3, 4), (2, 3)])
def test_variances_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(
        tg.ShapeError, match=r"input has shape \(4, 3\), var .* or the shape \(4,\) without the last axis"
    ):
        F.gaussian_nll_loss(tg.zeros(4, 3), tg.zeros(4, 3), tg.ones(*shape))


def test_what_is_no_variance_is_named() -> None:
    with pytest.raises(
        ValueError, match=r"var\[1\] is -0.5, but a variance is not negative. Let the model end in softplus"
    ):
        F.gaussian_nll_loss(tg.zeros(2), tg.zeros(2), tg.tensor([0.5, -0.5]))
    with pytest.raises(ValueError, match=r"var is -1.0, but"):
        F.gaussian_nll_loss(tg.zeros(2), tg.zeros(2), -1)
    with pytest.raises(tg.DtypeError, match="got None where a tensor belongs"):
        F.gaussian_nll_loss(tg.zeros(2), tg.zeros(2), None)
    with pytest.raises(tg.DtypeError, match="gaussian_nll_loss: var has dtype int64"):
        F.gaussian_nll_loss(tg.zeros(2), tg.zeros(2), tg.ones(2).long())


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_small_variances_count_as_eps_and_are_moved_away_from_it(dtype: Any) -> None:
    v = tg.tensor([0.0, 1e-9, 1.0], dtype=dtype, requires_grad=True)
    losses = F.gaussian_nll_loss(tg.zeros(3, dtype=dtype), tg.ones(3, dtype=dtype), v, eps=1e-2, reduction="none")
    np.testing.assert_allclose(losses.detach().array, (np.log([1e-2, 1e-2, 1.0]) + [100, 100, 1]) / 2, rtol=1e-6)
    losses.backward()
    np.testing.assert_allclose(v.grad.array, [-4950, -4950, 0], rtol=1e-5)  # type: ignore[union-attr]
    assert v.detach().tolist()[0] == 0.0
