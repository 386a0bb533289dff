"""Unfold and Fold: patches as columns, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import check_laws, check_module


def test_columns_times_a_weight_are_a_convolution() -> None:
    x, weight = normal(2, 3, 6, 5), normal(4, 3, 2, 3, seed=1)
    columns = F.unfold(x, (2, 3), padding=1, stride=2)
    expected = F.conv2d(x, weight, padding=1, stride=2)
    np.testing.assert_allclose((weight.reshape(4, -1) @ columns).reshape(expected.shape), expected, rtol=1e-12)


def test_fold_counts_how_often_a_place_is_under_a_window() -> None:
    ones = F.unfold(tg.ones(1, 1, 3, 3), 2)
    assert F.fold(ones, 3, 2).tolist() == [[[[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]]]
    assert F.fold(F.unfold(tg.ones(1, 1, 3, 3), 2, padding=1), 3, 2, padding=1).tolist() == [[[[4.0] * 3] * 3]]


@pytest.mark.parametrize("shape", [(2, 2, 4, 3), (2, 4, 3)])
def test_modules_are_right_by_differences_and_laws(shape: tuple[int, ...]) -> None:
    unfold, fold = nn.Unfold(2, padding=1, stride=2), nn.Fold((4, 3), 2, padding=1, stride=2)
    x = normal(*shape)
    columns = unfold(tg.tensor(x)).array
    check_module(unfold, x)
    check_module(fold, columns)
    if len(shape) == 4:
        check_laws(unfold, x)
        check_laws(fold, columns)


def test_samples_stay_apart() -> None:
    x = tg.tensor(normal(3, 1, 3, 3), requires_grad=True)
    kernel = tg.tensor(normal(2, 4), requires_grad=True)
    check_open_sum(lambda: F.fold(kernel.mT @ (kernel @ F.unfold(x, 2)), 3, 2).sin().sum((1, 2, 3)), [x, kernel])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: F.unfold(tg.zeros(5, 5), 3), r"unfold expects \(N, C, H, W\) or \(C, H, W\), .* got \(5, 5\)"),
        (lambda: F.unfold(tg.zeros(1, 1, 2, 5), 3), r"unfold: axis -2 has size 2, and a window of 3 does not fit"),
        (lambda: F.fold(tg.zeros(1, 8, 9), 5, 3), r"fold: axis 1 is 8, which is not divisible by the 9 numbers"),
        (
            lambda: F.fold(tg.zeros(9, 8), 5, 3),
            r"fold: axis 1 is 8, but in output_size=\(5, 5\) the window has 9 places",
        ),
        (lambda: nn.Unfold(3, padding=-1)(tg.zeros(1, 1, 5, 5)), r"unfold: padding must be at least 0, got -1"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
