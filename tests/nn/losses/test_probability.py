"""Binary cross-entropy and the Kullback-Leibler divergence at their edges."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg

F = tg.nn.functional


def test_logits_of_any_size() -> None:
    x = tg.tensor([-1e4, 1e4, 60.0, 1e4], requires_grad=True, dtype=tg.float64)
    t = tg.tensor([0.0, 1.0, 1.0, 0.0])
    losses = F.binary_cross_entropy_with_logits(x, t, reduction="none")
    np.testing.assert_allclose(losses.detach().array, [0.0, 0.0, np.exp(-60.0), 1e4], rtol=1e-12)
    losses.backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.array, [0.0, 0.0, -np.exp(-60.0), 1.0], rtol=1e-12, atol=1e-300)


def test_logits_and_probabilities_agree() -> None:
    x, t = tg.randn(6, 2, dtype=tg.float64), tg.rand(6, 2, dtype=tg.float64)
    np.testing.assert_allclose(
        F.binary_cross_entropy_with_logits(x, t).array, F.binary_cross_entropy(x.sigmoid(), t).array, rtol=1e-12
    )


@pytest.mark.parametrize(("values", "place"), [([0.5, 1.5], r"\[1\] is 1.5"), ([-0.5, 0.5], r"\[0\] is -0.5")])
def test_what_is_no_probability_is_named(values: list[float], place: str) -> None:
    with pytest.raises(ValueError, match=rf"input{place}, which is not a probability. Use .*_with_logits for scores"):
        F.binary_cross_entropy(tg.tensor(values), tg.zeros(2))
    with pytest.raises(ValueError, match="is nan, which is not a probability"):
        F.binary_cross_entropy(tg.tensor(float("nan")), tg.tensor(1.0))


def test_integer_and_boolean_targets() -> None:
    x = tg.zeros(3)
    for target in (tg.tensor([0, 1, 1]), tg.tensor([False, True, True])):
        loss = F.binary_cross_entropy_with_logits(x, target)
        assert loss.dtype == tg.float32
        assert loss.item() == pytest.approx(3 * np.log(2))
        assert F.binary_cross_entropy(x + 0.5, target).item() == pytest.approx(3 * np.log(2))


def test_shapes_of_weights() -> None:
    with pytest.raises(
        tg.ShapeError, match=r"pos_weight has shape \(2,\), input \(4, 3\): shapes .* axis -1 is 2 against 3"
    ):
        F.binary_cross_entropy_with_logits(tg.zeros(4, 3), tg.zeros(4, 3), pos_weight=tg.ones(2))
    with pytest.raises(tg.ShapeError, match=r"weight has shape \(5, 3\), input \(3,\): it is larger than input"):
        F.binary_cross_entropy(tg.zeros(3), tg.zeros(3), tg.ones(5, 3))
    with pytest.raises(tg.ShapeError, match=r"binary_cross_entropy: input has shape \(3, 1\), target \(3,\)"):
        F.binary_cross_entropy(tg.zeros(3, 1), tg.zeros(3))


def test_kl_div_is_zero_for_equal_distributions_and_never_negative() -> None:
    p = tg.rand(5, 4, dtype=tg.float64).softmax(1)
    np.testing.assert_allclose(F.kl_div(p.log(), p).item(), 0.0, atol=1e-14)
    q = tg.rand(5, 4, dtype=tg.float64).softmax(1)
    assert (F.kl_div(p.log(), q, reduction="none").sum(1) >= 0).all()


def test_kl_div_reductions() -> None:
    x, t = tg.zeros(5, 4), tg.ones(5, 4)
    x = x - 1
    assert F.kl_div(x, t).item() == 20.0
    assert F.kl_div(x, t, reduction="batchmean").item() == 4.0
    assert F.kl_div(x, t, reduction="mean").item() == 1.0
    with pytest.raises(ValueError, match="use one of 'sum', 'mean', 'none', 'batchmean'"):
        F.kl_div(x, t, reduction="avg")
    with pytest.raises(ValueError, match="divides by zero"):
        F.kl_div(tg.zeros(0, 4), tg.zeros(0, 4), reduction="batchmean")
    with pytest.raises(tg.ShapeError, match="input has no axis"):
        F.kl_div(tg.tensor(0.0), tg.tensor(1.0), reduction="batchmean")


@pytest.mark.parametrize("weight", [None, 3.0])
@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_small_losses_of_logits_keep_their_digits_for_either_answer(dtype: Any, weight: float | None) -> None:
    sizes = np.array([10.0, 15.0, 20.0, 40.0, 80.0])
    small = np.log1p(np.exp(-sizes))
    slope = 1 / (1 + np.exp(sizes))
    positive = 1.0 if weight is None else weight
    pos_weight = None if weight is None else tg.tensor([weight], dtype=dtype)
    for target, signed, factor in ((0.0, -sizes, 1.0), (1.0, sizes, positive)):
        x = tg.tensor(signed, dtype=dtype, requires_grad=True)
        t = tg.full((5,), target, dtype=dtype)
        losses = F.binary_cross_entropy_with_logits(x, t, reduction="none", pos_weight=pos_weight)
        losses.backward()
        rtol = 4 * np.finfo(dtype).eps
        np.testing.assert_allclose(losses.detach().array, factor * small, rtol=rtol)
        assert x.grad is not None
        np.testing.assert_allclose(x.grad.array, (1 - 2 * target) * factor * slope, rtol=rtol)


def test_sigmoid_before_a_loss_of_scores_is_noticed() -> None:
    x = tg.zeros(3, requires_grad=True)
    with pytest.warns(UserWarning, match="input comes from sigmoid, but it takes scores") as caught:
        F.binary_cross_entropy_with_logits(F.sigmoid(x), tg.ones(3))
    assert caught[0].filename == __file__
    F.binary_cross_entropy(F.sigmoid(x), tg.ones(3))
    F.binary_cross_entropy_with_logits(x, tg.ones(3))


@pytest.mark.parametrize("name", ["binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div"])
def test_a_mean_of_float16_is_right_where_the_sum_is_too_large(name: str) -> None:
    number, target, mean = {
        "binary_cross_entropy": (0.0, 1.0, 100.0),
        "binary_cross_entropy_with_logits": (-100.0, 1.0, 100.0),
        "kl_div": (-100.0, 1.0, 6400.0),
    }[name]
    x = tg.full((64, 64), number, dtype=tg.float16, requires_grad=True)
    reduction = "batchmean" if name == "kl_div" else "mean"
    loss = getattr(tg.nn.functional, name)(x, tg.full((64, 64), target, dtype=tg.float16), reduction=reduction)
    assert loss.item() == mean
    assert loss.dtype == tg.float16
