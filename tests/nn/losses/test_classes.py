"""Targets that are class indices: of any size of integers, and what is said of those that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg

F = tg.nn.functional


@pytest.mark.parametrize("dtype", [tg.int64, tg.int32, tg.int8, tg.uint8])
def test_integers_of_any_size_are_classes(dtype: Any) -> None:
    x = tg.randn(4, 3)
    for loss in (F.cross_entropy, F.multi_margin_loss):
        expected = loss(x, tg.tensor([0, 2, 1, 2])).item()
        assert loss(x, tg.tensor([0, 2, 1, 2], dtype=dtype)).item() == expected


@pytest.mark.parametrize("loss", [F.cross_entropy, F.nll_loss])
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ([0, 3, 1], r"target\[1\] is 3, but input of shape \(3, 3\) has 3 classes: targets go from 0 to 2"),
        ([0, 1, -1], r"target\[2\] is -1, .*\(or are ignore_index=-100\)"),
        ([-100, -5, 0], r"target\[1\] is -5"),
    ],
)
def test_a_target_that_is_no_class_is_named(loss: Any, target: list[int], message: str) -> None:
    for dtype in (tg.int64, tg.int32):
        with pytest.raises(IndexError, match=message):
            loss(tg.zeros(3, 3), tg.tensor(target, dtype=dtype))


def test_the_place_in_a_picture_is_named() -> None:
    target = np.zeros((2, 4, 5), int)
    target[1, 2, 3] = 9
    with pytest.raises(IndexError, match=r"target\[1, 2, 3\] is 9, but input of shape \(2, 3, 4, 5\) has 3 classes"):
        F.cross_entropy(tg.zeros(2, 3, 4, 5), target)


@pytest.mark.parametrize(
    ("got", "said"),
    [
        (
            (1,),
            r"the scores of one sample for 4 classes, so target must have the shape \(\), got \(1,\): use input",
        ),
        ((7,), r"got \(7,\): a batch of them has the shape \(N, C\)$"),
        ((4,), r"a batch .*; for one score per sample use binary_cross_entropy_with_logits$"),
    ],
)
def test_scores_of_one_axis_are_those_of_one_sample(got: tuple[int, ...], said: str) -> None:
    for loss in (F.cross_entropy, F.nll_loss, F.multi_margin_loss):
        with pytest.raises(tg.ShapeError, match=said):
            loss(tg.zeros(4), tg.zeros(*got, dtype=tg.int64))


def test_classes_on_the_last_axis() -> None:
    said = r"has 7 classes on axis 1, .* Are the 3 classes on the last axis\? Use input\.permute\(0, 2, 1\)$"
    for loss in (F.cross_entropy, F.nll_loss):
        with pytest.raises(tg.ShapeError, match=said):
            loss(-tg.ones(4, 7, 3), tg.zeros(4, 7, dtype=tg.int64))
    with pytest.raises(tg.ShapeError, match=r"Use input\.permute\(0, 3, 1, 2\)$"):
        F.cross_entropy(tg.zeros(4, 7, 6, 3), tg.zeros(4, 7, 6, dtype=tg.int64))
