"""Starting values: in place, outside of graphs, from a generator; their distributions are compared with PyTorch's."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn import init

MORE: dict[str, tuple[float, ...]] = {"constant_": (2.0,), "sparse_": (0.5,)}
RANDOM = [name for name in init.__all__ if "generator" in inspect.signature(getattr(init, name)).parameters]


@pytest.mark.parametrize("name", [n for n in init.__all__ if n.endswith("_")])
def test_in_place_and_returned(name: str) -> None:
    weight = nn.Parameter(tg.full((4, 3, 1) if name == "dirac_" else (4, 3), 7.0))
    array, source = weight.array, weight.source
    assert getattr(init, name)(weight, *MORE.get(name, ())) is weight
    assert weight.array is array
    assert weight.source is source
    assert (array != 7).any()
    assert array.dtype == np.float32


@pytest.mark.parametrize("name", RANDOM)
def test_a_generator_decides(name: str) -> None:
    fill = partial(getattr(init, name), **({"sparsity": 0.5} if name == "sparse_" else {}))
    first, second = (fill(tg.zeros(4, 3), generator=tg.Generator().manual_seed(3)) for _ in range(2))
    np.testing.assert_array_equal(first.array, second.array)
    tg.manual_seed(0)
    third = fill(tg.zeros(4, 3))
    assert (third.array != first.array).any()
    tg.manual_seed(0)
    np.testing.assert_array_equal(fill(tg.zeros(4, 3)).array, third.array)


def test_filling_is_noticed_by_a_graph() -> None:
    w = nn.Parameter(tg.ones(2, 2))
    out = w * w
    init.zeros_(w)
    with pytest.raises(tg.GraphError, match="overwritten"):
        out.backward()


def test_constants() -> None:
    assert init.ones_(tg.zeros(2)).tolist() == [1.0, 1.0]
    assert init.eye_(tg.ones(2, 2)).tolist() == [[1.0, 0.0], [0.0, 1.0]]


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 3), (4, 4)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    w = init.orthogonal_(tg.zeros(*shape, dtype=tg.float64), gain=2.0).array.reshape(shape[0], -1)
    product = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(product, 4 * np.eye(min(w.shape)), atol=1e-12)


@pytest.mark.parametrize(("low", "high"), [(-2.0, 2.0), (3.0, 5.0), (-0.1, 0.1), (-9.0, -3.0), (6.0, 100.0)])
def test_truncated_normal_stays_inside_and_follows_the_density(low: float, high: float) -> None:
    w = init.trunc_normal_(tg.zeros(40_000, dtype=tg.float64), a=low, b=high).array
    assert low <= w.min()
    assert w.max() <= high
    grid = np.linspace(low, min(high, low + 12), 20_001)
    density = np.exp(-(grid**2) / 2 + min(grid**2) / 2)
    assert w.mean() == pytest.approx(np.average(grid, weights=density), abs=0.02 * (w.std() + 0.01) + 0.01)


def test_empty_tensors_are_left_alone() -> None:
    for name in ("xavier_uniform_", "kaiming_normal_", "orthogonal_", "trunc_normal_"):
        assert getattr(init, name)(tg.zeros(3, 0)).shape == (3, 0)


@pytest.mark.parametrize(
    ("name", "args", "kind", "message"),
    [
        (
            "kaiming_uniform_",
            (tg.zeros(3),),
            tg.ShapeError,
            r"kaiming_uniform_ needs a tensor of two axes .* got shape \(3,\)",
        ),
        ("xavier_normal_", (tg.zeros(3),), tg.ShapeError, "For a bias use zeros_ or uniform_"),
        ("orthogonal_", (tg.zeros(3),), tg.ShapeError, "orthogonal_ needs a tensor of two axes or more"),
        ("eye_", (tg.zeros(3),), tg.ShapeError, r"eye_ fills a matrix, got a tensor of shape \(3,\)"),
        ("kaiming_normal_", (tg.zeros(3, 3), 0, "fan"), ValueError, "unknown mode 'fan': use 'fan_in' or 'fan_out'"),
        ("calculate_gain", ("gelu",), ValueError, "unknown nonlinearity 'gelu': use 'linear'"),
        ("normal_", (tg.zeros(3), 0.0, -1.0), ValueError, "normal_: std must be 0 or more, got -1.0"),
        ("uniform_", (tg.zeros(3), 1.0, 0.0), ValueError, "a=1.0 must not be greater than b=0.0"),
        ("trunc_normal_", (tg.zeros(3), 0.0, 1.0, 2.0, 2.0), ValueError, "a=2.0 less than b=2.0"),
        ("zeros_", (tg.tensor([1]),), tg.DtypeError, "fill floating-point tensors, got dtype int64"),
        ("ones_", (np.zeros(2),), TypeError, "fill a Tensor in place, got ndarray$"),
        ("ones_", (tg.nn.Linear(2, 1),), TypeError, r"got Linear: pass its \.weight, or its \.bias"),
    ],
)
def test_errors(name: str, args: tuple[Any, ...], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        getattr(init, name)(*args)


@pytest.mark.parametrize(("shape", "groups"), [((4, 4, 3), 1), ((4, 2, 3, 5), 2), ((2, 3, 1, 3, 3), 1), ((6, 2, 2), 3)])
def test_dirac_hands_on_each_channel(shape: tuple[int, ...], groups: int) -> None:
    weight = nn.init.dirac_(tg.ones(*shape), groups).numpy()
    assert weight.sum() == groups * min(shape[0] // groups, shape[1])
    middle = weight[(..., *(n // 2 for n in shape[2:]))]
    for group in np.split(middle, groups):
        np.testing.assert_array_equal(group, np.eye(*group.shape))


def test_sparse_has_its_share_of_zeros_in_each_column() -> None:
    weight = nn.init.sparse_(tg.ones(50, 40), 0.33, std=0.5).numpy()
    np.testing.assert_array_equal((weight == 0).sum(0), 17)
    assert weight[weight != 0].std() == pytest.approx(0.5, abs=0.05)
    assert len({tuple(column == 0) for column in weight.T}) > 30


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: nn.init.dirac_(tg.ones(2, 2)), tg.ShapeError, r"three to five axes; got shape \(2, 2\)"),
        (lambda: nn.init.dirac_(tg.ones(3, 2, 1), 2), tg.ShapeError, r"not a multiple of groups=2"),
        (lambda: nn.init.sparse_(tg.ones(2), 0.5), tg.ShapeError, r"sparse_ fills a matrix"),
        (lambda: nn.init.sparse_(tg.ones(2, 2), 1.5), ValueError, "sparsity=1.5 is not a fraction"),
    ],
)
def test_dirac_and_sparse_refuse(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()
