"""Distances and shapes as modules against PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins import Call, compare, numbers, twins

import tinygrad_edu as tg
from tinygrad_edu import nn

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("options", [{}, {"dim": 0}, {"dim": -1, "eps": 0.1}])
@pytest.mark.parametrize("shapes", [((3, 4), (3, 4)), ((3, 4), (1, 4)), ((2, 3, 4), (3, 4))])
def test_cosine_similarity(shapes: Any, options: dict[str, Any]) -> None:
    one, other = (numbers(*shape, seed=i) for i, shape in enumerate(shapes))
    compare(*twins("CosineSimilarity", **options), one, other)


@pytest.mark.parametrize("options", [{}, {"p": 1.0}, {"p": 3.0, "eps": 0.1, "keepdim": True}, {"p": float("inf")}])
@pytest.mark.parametrize("shapes", [((3, 4), (3, 4)), ((3, 4), (1, 4)), ((4,), (4,))])
def test_pairwise_distance(shapes: Any, options: dict[str, Any]) -> None:
    one, other = (numbers(*shape, seed=i) for i, shape in enumerate(shapes))
    compare(*twins("PairwiseDistance", **options), one, other)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.5, float("inf")])
@pytest.mark.parametrize("shape", [(5, 3), (2, 1)])
def test_pdist(shape: tuple[int, ...], p: float) -> None:
    compare(Call(nn.functional.pdist, {"p": p}), Call(torch.nn.functional.pdist, {"p": p}), numbers(*shape))


@pytest.mark.parametrize("args", [(1, (2, 3)), (1, (2, -1)), (-1, (4, 1)), (0, (1, 5))])
def test_unflatten(args: Any) -> None:
    x = np.moveaxis(numbers(5, 6, 4), 0, 0)
    compare(nn.Unflatten(*args), torch.nn.Unflatten(*args), x)
    assert repr(nn.Unflatten(*args)) == repr(torch.nn.Unflatten(*args))


@pytest.mark.parametrize("args", [(1, (2, 4)), (3, (1, 1)), (1, (-1, -1))])
def test_unflatten_refuses_where_pytorch_does(args: Any) -> None:
    with pytest.raises((RuntimeError, IndexError)):
        torch.nn.Unflatten(*args)(torch.zeros(5, 6, 4))
    with pytest.raises((tg.ShapeError, IndexError)):
        nn.Unflatten(*args)(tg.zeros(5, 6, 4))


@pytest.mark.parametrize("shape", [4, (4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("options", [{}, {"eps": 0.2}, {"elementwise_affine": False}])
def test_rms_norm(options: dict[str, Any], shape: Any) -> None:
    ours, theirs = twins("RMSNorm", shape, **options)
    compare(ours, theirs, numbers(5, 2, 3, 4))
    assert repr(ours) == repr(theirs)
    with pytest.raises((RuntimeError, ValueError)):
        theirs(torch.zeros(2, 5, dtype=torch.float64))
    with pytest.raises(tg.ShapeError, match="RMSNorm expects"):
        ours(tg.zeros(2, 5, dtype=tg.float64))
