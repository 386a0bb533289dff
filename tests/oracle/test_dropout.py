"""Dropout against PyTorch's: texts, what is dropped together, the two values that are given, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle

NAMES = ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("args", [(), (0.25,), (0.25, True)])
def test_text(name: str, args: tuple[Any, ...]) -> None:
    assert repr(getattr(nn, name)(*args)) == repr(getattr(torch.nn, name)(*args))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("Dropout", (40, 50)),
        ("Dropout1d", (40, 50, 2)),
        ("Dropout1d", (400, 2)),
        ("Dropout2d", (40, 50, 2, 2)),
        ("Dropout3d", (40, 50, 2, 1, 2)),
        ("Dropout3d", (400, 2, 1, 2)),
        ("AlphaDropout", (40, 50)),
        ("FeatureAlphaDropout", (40, 50, 2)),
        ("FeatureAlphaDropout", (40, 50)),
    ],
)
@pytest.mark.parametrize("p", [0.2, 0.7])
def test_the_values_and_what_is_dropped_together(p: float, name: str, shape: tuple[int, ...]) -> None:
    x = np.full(shape, 2.0)
    mine = getattr(nn, name)(p)(tg.tensor(x)).numpy()
    other = getattr(torch.nn, name)(p)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(np.unique(mine.round(9)), np.unique(other.round(9)), rtol=1e-8)
    for axis in range(len(shape)):
        differs = [bool((out != out.take([0], axis)).any()) for out in (mine, other)]
        assert differs[0] == differs[1], f"axis {axis}"


@pytest.mark.parametrize(("name", "shape"), [("Dropout1d", (3,)), ("FeatureAlphaDropout", (3,))])
def test_errors_where_pytorch_has_them(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(RuntimeError):
        getattr(torch.nn, name)()(torch.ones(shape))
    with pytest.raises(tg.ShapeError):
        getattr(nn, name)()(tg.ones(*shape))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_p_is_checked_where_pytorch_does(name: str, p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        getattr(torch.nn, name)(p)
    with pytest.raises(ValueError, match="between 0 and 1"):
        getattr(nn, name)(p)
