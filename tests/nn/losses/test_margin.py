"""Margins between scores: by hand, at any size of scores, and what is no list of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import normal, rng

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_soft_margins_of_scores_of_any_size(dtype: Any) -> None:
    x = tg.tensor([1e4, -1e4, 40.0, -40.0, 0.0], dtype=dtype, requires_grad=True)
    losses = F.soft_margin_loss(x, tg.tensor([1, 1, 1, -1, -1]), reduction="none")
    assert losses.dtype == dtype
    expected = [0.0, 1e4, np.exp(-40.0), np.exp(-40.0), np.log(2)]
    np.testing.assert_allclose(losses.detach().array, expected, rtol=1e-6, atol=1e-300)
    losses.backward()
    slopes = [0.0, -1.0, -np.exp(-40.0), np.exp(-40.0), 0.5]
    np.testing.assert_allclose(x.grad.array, slopes, rtol=1e-6, atol=1e-300)  # type: ignore[union-attr]


def test_a_soft_margin_is_the_cross_entropy_of_signs() -> None:
    x, signs = tg.tensor(normal(20)), tg.tensor(rng(1).choice([1, -1], size=20))
    expected = F.binary_cross_entropy_with_logits(x, (signs + 1) / 2)
    np.testing.assert_allclose(F.soft_margin_loss(x, signs).item(), expected.item(), rtol=1e-13)


@given(
    count=st.integers(0, 5),
    classes=st.integers(1, 6),
    p=st.sampled_from([1, 2]),
    margin=st.floats(-1, 2),
    seed=st.integers(0, 99),
)
def test_multi_margin_by_hand(count: int, classes: int, p: int, margin: float, seed: int) -> None:
    x, t = normal(count, classes, seed=seed), rng(seed).integers(0, classes, count)
    weight = rng(seed).uniform(0, 2, classes)
    expected = [
        weight[t[n]] * sum(max(0, margin - x[n, t[n]] + x[n, i]) ** p for i in range(classes) if i != t[n]) / classes
        for n in range(count)
    ]
    losses = F.multi_margin_loss(tg.tensor(x), tg.tensor(t), p, margin, tg.tensor(weight), reduction="none")
    np.testing.assert_allclose(losses.array, expected, rtol=1e-12, atol=1e-12)


@given(count=st.integers(0, 5), classes=st.integers(1, 6), seed=st.integers(0, 99))
def test_multilabel_margin_by_hand(count: int, classes: int, seed: int) -> None:
    x, t = normal(count, classes, seed=seed), rng(seed).integers(-1, classes, (count, classes))
    expected = []
    for scores, row in zip(x, t, strict=True):
        right = row[: [*row, -1].index(-1)]
        wrong = [i for i in range(classes) if i not in right]
        expected.append(sum(max(0, 1 - scores[j] + scores[i]) for j in right for i in wrong) / classes)
    losses = F.multilabel_margin_loss(tg.tensor(x), tg.tensor(t), reduction="none")
    np.testing.assert_allclose(losses.array, expected, rtol=1e-12, atol=1e-12)


def test_one_sample_has_no_axis_of_samples() -> None:
    x = tg.tensor(normal(4))
    for target in (tg.tensor(2), 2):
        loss = F.multi_margin_loss(x, target, reduction="none")
        assert loss.shape == ()
        assert loss.item() == F.multi_margin_loss(x.unsqueeze(0), tg.tensor([2])).item()
    listed = tg.tensor([2, 0, -1, 1])
    assert F.multilabel_margin_loss(x, listed, reduction="none").shape == ()


@pytest.mark.parametrize("name", ["multi_margin_loss", "multilabel_margin_loss"])
@pytest.mark.parametrize("shape", [(), (2, 3, 4), (2, 0)])
def test_shapes_of_scores(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(tg.ShapeError, match=rf"{name}: input has shape .*, it must be \(C,\) or \(N, C\)"):
        getattr(F, name)(tg.zeros(*shape), tg.zeros(*shape).long())


def test_targets_of_multi_margin() -> None:
    x = tg.zeros(2, 3)
    for wrong in (3, -1, -100):
        with pytest.raises(IndexError, match=rf"multi_margin_loss: target\[1\] is {wrong}, .* from 0 to 2$"):
            F.multi_margin_loss(x, tg.tensor([0, wrong]))
    with pytest.raises(tg.ShapeError, match=r"multi_margin_loss: .* target must have the shape \(2,\), got \(3,\)"):
        F.multi_margin_loss(x, tg.tensor([0, 1, 2]))
    with pytest.raises(tg.DtypeError, match="multi_margin_loss: target has dtype float32, it must be integer class"):
        F.multi_margin_loss(x, tg.zeros(2))
    with pytest.raises(tg.ShapeError, match=r"multi_margin_loss: weight has shape .* each of the 3 classes"):
        F.multi_margin_loss(x, tg.tensor([0, 1]), weight=tg.ones(2))
    with pytest.raises(ValueError, match=r"multi_margin_loss: p must be 1 or 2, got 1.5"):
        F.multi_margin_loss(x, tg.tensor([0, 1]), p=1.5)  # type: ignore[arg-type]


def test_targets_of_multilabel_margin() -> None:
    x = tg.zeros(2, 3)
    for wrong in (3, -2):
        with pytest.raises(IndexError, match=rf"multilabel_margin_loss: target\[1, 2\] is {wrong}, .* with -1 behind"):
            F.multilabel_margin_loss(x, tg.tensor([[0, -1, -1], [0, -1, wrong]]))
    with pytest.raises(tg.ShapeError, match=r"input has shape \(2, 3\), target \(2, 2\); .*: fill it up with -1"):
        F.multilabel_margin_loss(x, tg.zeros(2, 2).long())
    with pytest.raises(tg.DtypeError, match="target has dtype float32, it must be integer class indices, with -1"):
        F.multilabel_margin_loss(x, x)
    masked = np.ma.masked_array(np.zeros((2, 3), int), mask=np.eye(2, 3, dtype=bool))
    with pytest.raises(tg.DtypeError, match="multilabel_margin_loss: target: a tensor has no mask"):
        F.multilabel_margin_loss(x, masked)


def test_a_score_at_the_margin_has_no_gradient() -> None:
    x = tg.tensor([[1.0, 0.0, 2.0]], requires_grad=True)
    F.multi_margin_loss(x, tg.tensor([0])).backward()
    np.testing.assert_allclose(x.grad.array, [[-1 / 3, 0, 1 / 3]], rtol=1e-6)  # type: ignore[union-attr]
