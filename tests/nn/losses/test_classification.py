"""cross_entropy and nll_loss: stable, and clear about targets that are none."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn

F = tg.nn.functional


def test_huge_logits_stay_exact() -> None:
    x = tg.tensor([[1e4, 0.0, -1e4], [-1e30, 1e30, 0.0]], requires_grad=True)
    losses = F.cross_entropy(x, tg.tensor([1, 1]), reduction="none", label_smoothing=0.0)
    assert losses.tolist() == [1e4, 0.0]
    losses.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1.0, -1.0, 0.0], [0.0, 0.0, 0.0]]


def test_the_gradient_is_probabilities_less_the_target() -> None:
    x = tg.randn(4, 3, dtype=tg.float64, requires_grad=True)
    target = np.array([0, 2, 1, 2])
    F.cross_entropy(x, target).backward()
    p = np.exp(x.array) / np.exp(x.array).sum(1, keepdims=True)
    np.testing.assert_allclose(x.grad.array, p - np.eye(3)[target], rtol=1e-12)  # type: ignore[union-attr]


def test_ignored_targets_count_nothing_even_where_the_score_is_infinite() -> None:
    x = tg.tensor([[0.0, 0.0], [float("-inf"), 0.0]], requires_grad=True)
    loss = F.cross_entropy(x, tg.tensor([1, 0]), ignore_index=0, reduction="mean")
    np.testing.assert_allclose(loss.item(), np.log(2), rtol=1e-6)
    loss.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[0.5, -0.5], [0.0, 0.0]]
    each = F.cross_entropy(x, tg.tensor([1, 0]), ignore_index=0, reduction="none")
    assert each.tolist()[1] == 0.0


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
def test_empty_batches(loss: Any) -> None:
    x, t = tg.zeros(0, 3, requires_grad=True), tg.zeros(0, dtype=tg.int64)
    total = loss(x, t)
    assert total.item() == 0.0
    total.backward()
    assert loss(x, t, reduction="none").shape == (0,)
    with pytest.raises(
        ValueError, match=r"reduction='mean' divides by zero: the batch is empty .*'sum', which gives 0"
    ):
        loss(x, t, reduction="mean")
    with pytest.raises(ValueError, match="every target is ignore_index"):
        loss(tg.zeros(2, 3), tg.tensor([1, 1]), ignore_index=1, reduction="mean")
    with pytest.raises(ValueError, match="the weights of the targets are all 0"):
        loss(tg.zeros(1, 3), tg.tensor([1]), tg.tensor([1.0, 0.0, 1.0]), reduction="mean")


@pytest.mark.parametrize(
    ("x", "target", "options", "kind", "message"),
    [
        (tg.zeros(4, 3), tg.tensor([0, 1]), {}, tg.ShapeError, r"target must have the shape \(4,\), got \(2,\)"),
        (tg.zeros(4, 3), tg.zeros(4, 1, dtype=tg.int64), {}, tg.ShapeError, r"Use target.squeeze\(-1\)"),
        (
            tg.zeros(4, 3),
            tg.zeros(4, 3, dtype=tg.int64),
            {},
            tg.ShapeError,
            r"one-hot\? Use target.argmax\(1\), or make",
        ),
        (tg.tensor(1.0), tg.tensor(0), {}, tg.ShapeError, r"input has shape \(\), but it needs an axis of classes"),
        (
            tg.zeros(4, 3),
            tg.zeros(4),
            {},
            tg.ShapeError,
            r"must have the shape \(4, 3\) of input; got \(4,\). For class",
        ),
        (tg.zeros(4, 3), tg.zeros(4, dtype=tg.bool_), {}, tg.DtypeError, "target has dtype bool, it must be integer"),
        (tg.zeros(4, 3, dtype=tg.int64), tg.zeros(4, dtype=tg.int64), {}, tg.DtypeError, "input has dtype int64"),
        (tg.zeros(4, 3), tg.zeros(4, 3), {"ignore_index": 1}, ValueError, "ignore_index=1 is for class indices"),
        (
            tg.zeros(4, 3),
            tg.zeros(4, dtype=tg.int64),
            {"weight": tg.ones(2)},
            tg.ShapeError,
            r"weight has shape \(2,\), it needs one number for each of the 3 classes",
        ),
        (tg.zeros(4, 3), tg.zeros(4, dtype=tg.int64), {"reduction": "avg"}, ValueError, "unknown reduction 'avg'"),
        (
            tg.zeros(4, 3),
            tg.zeros(4, dtype=tg.int64),
            {"label_smoothing": -0.1},
            ValueError,
            "label_smoothing=-0.1 must",
        ),
    ],
)
def test_misfits(x: Any, target: Any, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        F.cross_entropy(x, target, **options)


def test_float32_stays_float32_with_every_option() -> None:
    x = tg.randn(4, 3, requires_grad=True)
    weight = tg.tensor([1.0, 2.0, 3.0], dtype=tg.float64)
    for reduction in ("sum", "mean", "none"):
        loss = F.cross_entropy(x, tg.tensor([0, 1, 2, -100]), weight, label_smoothing=0.1, reduction=reduction)
        assert loss.dtype == tg.float32


def test_the_second_derivative_of_a_smoothed_weighted_loss() -> None:
    x = tg.randn(3, 2, dtype=tg.float64, requires_grad=True)
    weight = tg.tensor([1.0, 3.0])
    loss = F.cross_entropy(x, tg.tensor([0, 1, 1]), weight, label_smoothing=0.2)
    (g,) = tg.autograd.grad(loss, x, create_graph=True)
    (h,) = tg.autograd.grad(g[:, 0].sum(), x)
    p = np.exp(x.array[:, 0]) / np.exp(x.array).sum(1)
    counts = np.array([1.0, 3.0, 3.0]) * 0.8 + 0.1 * 4.0
    np.testing.assert_allclose(h.array[:, 0], counts * p * (1 - p), rtol=1e-10)  # type: ignore[union-attr]


@pytest.mark.parametrize("target", [tg.tensor([0, 1, 2]), tg.full((3, 4), 0.25)])
def test_softmax_before_cross_entropy_is_noticed(target: tg.Tensor) -> None:
    x = tg.zeros(3, 4, requires_grad=True)
    for probabilities in (F.softmax(x, 1), nn.Softmax(1)(x), x.softmax(-1)):
        with pytest.warns(UserWarning, match="input comes from softmax, but it takes scores") as caught:
            F.cross_entropy(probabilities, target)
        assert caught[0].filename == __file__
    F.cross_entropy(F.log_softmax(x, 1), target)  # harmless: the same numbers
    F.cross_entropy(x, target)


@pytest.mark.parametrize("reduction", ["sum", "mean", "none"])
def test_scores_in_nll_loss_are_noticed(reduction: str) -> None:
    target = tg.tensor([0, 1])
    for scores in (tg.tensor([[2.0, -9.0], [-9.0, -9.0]]), tg.tensor([[2.0, 0.0], [0.0, 0.0]], requires_grad=True)):
        with pytest.warns(UserWarning, match="nll_loss: input is positive, so it is not a log-prob") as caught:
            F.nll_loss(scores, target, reduction=reduction)
        assert caught[0].filename == __file__
        F.nll_loss(F.log_softmax(scores, 1), target, reduction=reduction)
        F.nll_loss(F.softmax(scores, 1).log(), target, reduction=reduction)
    F.nll_loss(tg.zeros(2, 2), target, reduction=reduction)
    assert F.nll_loss(tg.zeros(0, 2), tg.zeros(0, dtype=tg.int64), reduction="none").shape == (0,)


def test_a_hint_is_given_once_for_each_line() -> None:
    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("default")
        for _ in range(3):
            F.nll_loss(tg.ones(2, 2), tg.tensor([0, 1]))
    assert len(records) == 1


def test_input_and_target_exchanged() -> None:
    with pytest.raises(tg.DtypeError, match=r"input has dtype int64, .* \(the order is input, target\)"):
        F.cross_entropy(tg.tensor([0, 1]), tg.zeros(2, 3))


def test_a_mean_of_many_rows_of_float16_does_not_overflow() -> None:
    x = tg.zeros(40_000, 8, dtype=tg.float16, requires_grad=True)
    loss = tg.nn.functional.cross_entropy(x, tg.zeros(40_000, dtype=tg.int64), reduction="mean")
    assert loss.item() == float(np.float16(np.log(8)))
    loss.backward()
    assert np.isfinite(x.grad.numpy()).all()


@pytest.mark.parametrize("soft", [False, True])
def test_the_weights_of_classes_have_no_gradient(soft: bool) -> None:
    x, weight = tg.zeros(2, 3, requires_grad=True), tg.ones(3, requires_grad=True)
    target = tg.full((2, 3), 1 / 3) if soft else tg.tensor([0, 1])
    with pytest.raises(tg.GraphError, match=r"cross_entropy: weight is a constant here.*weight\.detach\(\)"):
        tg.nn.functional.cross_entropy(x, target, weight)
    if not soft:
        with pytest.raises(tg.GraphError, match="nll_loss: weight is a constant here"):
            tg.nn.functional.nll_loss(x, target, weight)
    assert tg.nn.functional.cross_entropy(x, target, weight.detach()).requires_grad
    with tg.no_grad():
        assert tg.nn.functional.cross_entropy(x, target, weight).item() == pytest.approx(2 * np.log(3))
