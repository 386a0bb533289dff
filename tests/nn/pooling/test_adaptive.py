"""AdaptiveAvgPool and AdaptiveMaxPool: windows that share an input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from between_layers import check_between_layers
from made import normal

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F
from tinygrad_edu.testing import check_laws, check_module

MODULES = [
    (kind + "Pool" + axes, size, shape)
    for kind in ("AdaptiveAvg", "AdaptiveMax")
    for axes, size, shape in [
        ("1d", 3, (2, 7)),
        ("1d", 5, (2, 3)),
        ("2d", 1, (2, 4, 3)),
        ("2d", (2, None), (2, 5, 3)),
        ("3d", (1, 2, 2), (1, 2, 3, 4)),
    ]
]


@pytest.mark.parametrize(("name", "size", "shape"), MODULES)
def test_gradients(name: str, size: Any, shape: tuple[int, ...]) -> None:
    module, x = getattr(nn, name)(size), normal(3, *shape)
    assert check_module(module, x, order=2).ok
    assert check_laws(module, x).ok
    assert check_laws(module, x[0]).ok


@pytest.mark.parametrize(("name", "size", "shape"), MODULES)
def test_samples_stay_apart(name: str, size: Any, shape: tuple[int, ...]) -> None:
    check_between_layers(getattr(nn, name)(size), shape)


@pytest.mark.parametrize("name", ["adaptive_avg_pool2d", "adaptive_max_pool2d"])
def test_every_window_is_reduced(name: str) -> None:
    x = normal(2, 3, 7, 5)
    out = getattr(F, name)(x, (3, 2))
    reduce = np.mean if "avg" in name else np.max
    bounds = [[(i * n // m, -(-(i + 1) * n // m)) for i in range(m)] for n, m in ((7, 3), (5, 2))]
    for i, (top, bottom) in enumerate(bounds[0]):
        for j, (left, right) in enumerate(bounds[1]):
            expected = reduce(x[:, :, top:bottom, left:right], axis=(2, 3))
            np.testing.assert_allclose(out[:, :, i, j], expected, atol=1e-14)


def test_no_windows_at_all() -> None:
    assert F.adaptive_avg_pool2d(tg.ones(2, 3, 4, 4), (0, 2)).shape == (2, 3, 0, 2)
    assert F.adaptive_max_pool2d(tg.ones(2, 3, 4, 4), (2, 0)).shape == (2, 3, 2, 0)


@pytest.mark.parametrize("name", ["adaptive_avg_pool2d", "adaptive_max_pool2d"])
@pytest.mark.parametrize(
    ("size", "shape", "kind", "said"),
    [
        (2, (4, 4), tg.ShapeError, r"expects \(N, C, H, W\) or \(C, H, W\), got \(4, 4\)"),
        (2, (1, 0, 4), tg.ShapeError, r"of shape \(1, 0, 4\), the last 2 axes must not be empty"),
        ((2,), (1, 4, 4), ValueError, r"output_size=\(2,\) has 1 numbers, it needs one, or 2"),
        (-1, (1, 4, 4), ValueError, "output_size=-1: a size cannot be negative"),
        (2.0, (1, 4, 4), TypeError, "output_size must be an integer, or 2 of them or None, got 2.0"),
        (None, (1, 4, 4), TypeError, "output_size must be an integer"),
    ],
)
def test_misfits(name: str, size: Any, shape: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=f"{name}.*{said}|{name}: {said}"):
        getattr(F, name)(tg.ones(*shape), size)


def test_integers_are_refused() -> None:
    for function in (F.adaptive_avg_pool1d, F.adaptive_max_pool1d):
        with pytest.raises(tg.DtypeError, match="must be floating-point"):
            function(tg.tensor([[1, 2]]), 1)
