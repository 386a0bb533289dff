"""AvgPool as modules; the op is tested in tests/ops."""

from __future__ import annotations

from typing import Any

import pytest
from between_layers import check_between_layers
from made import normal

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.testing import check_laws, check_module

MODULES = [
    (nn.AvgPool1d(2), (2, 5)),
    (nn.AvgPool1d(3, stride=1, padding=1, count_include_pad=False), (2, 5)),
    (nn.AvgPool2d(2), (2, 4, 4)),
    (nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), (2, 5, 4)),
    (nn.AvgPool2d((2, 3), divisor_override=5), (1, 4, 6)),
    (nn.AvgPool3d(2, stride=1), (1, 3, 2, 3)),
]


@pytest.mark.parametrize(("module", "shape"), MODULES)
def test_gradients(module: Any, shape: tuple[int, ...]) -> None:
    x = normal(3, *shape)
    assert check_module(module, x, order=2).ok
    assert check_laws(module, x).ok
    assert check_laws(module, x[0]).ok


@pytest.mark.parametrize(("module", "shape"), MODULES)
def test_samples_stay_apart(module: Any, shape: tuple[int, ...]) -> None:
    check_between_layers(module, shape)


def test_padding_counts_unless_it_is_told_not_to() -> None:
    x = tg.ones(1, 2)
    assert nn.AvgPool1d(2, padding=1)(x).tolist() == [[0.5, 0.5]]
    assert nn.AvgPool1d(2, padding=1, count_include_pad=False)(x).tolist() == [[1.0, 1.0]]


def test_options_of_one_axis_are_checked_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="AvgPool1d: kernel_size must be at least 1, got 0"):
        nn.AvgPool1d(0)
