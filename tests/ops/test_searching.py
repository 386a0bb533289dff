"""unique, bincount, searchsorted and bucketize."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg


def test_unique():
    x = tg.tensor([[3, 1], [3, 2]])
    assert x.unique().tolist() == [1, 2, 3]
    values, inverse, counts = tg.unique(x, return_inverse=True, return_counts=True)
    assert values[inverse].tolist() == x.tolist()
    assert counts.tolist() == [1, 1, 2]
    assert tg.unique(tg.tensor([[1, 2], [1, 2], [0, 1]]), dim=0).tolist() == [[0, 1], [1, 2]]
    values, index = np.unique(x, return_index=True)
    assert isinstance(values, tg.Tensor)
    assert index.tolist() == [1, 3, 0]


def test_bincount():
    x = tg.tensor([0, 2, 2])
    assert x.bincount().tolist() == [1, 0, 2]
    assert tg.bincount(x, minlength=5).tolist() == [1, 0, 2, 0, 0]
    weighted = np.bincount(x, tg.tensor([0.5, 1.0, 2.0]))
    assert weighted.tolist() == [0.5, 0.0, 3.0]
    assert weighted.dtype == tg.float32
    for whole in (tg.tensor([1, 2, 3]), tg.tensor([True, False, True])):
        weighted = tg.bincount(x, whole)
        assert weighted.dtype == tg.float64
        assert weighted.tolist() == [float(whole[0]), 0.0, float(whole[1] + 0 + whole[2])]


def test_places_among_sorted_numbers():
    edges, x = tg.tensor([1.0, 2.0, 2.0, 3.0]), tg.tensor([[0.0, 2.0], [2.5, 9.0]])
    assert tg.searchsorted(edges, x).tolist() == [[0, 1], [3, 4]]
    assert tg.searchsorted(edges, x, right=True).tolist() == [[0, 3], [3, 4]]
    assert np.searchsorted(edges, x, side="right").tolist() == [[0, 3], [3, 4]]
    assert tg.bucketize(x, edges).tolist() == [[0, 1], [3, 4]]
    rows = tg.tensor([[1.0, 2.0], [10.0, 20.0]])
    assert tg.searchsorted(rows, tg.tensor([[1.5], [15.0]])).tolist() == [[1], [1]]


def test_errors():
    with pytest.raises(tg.ShapeError, match=r"bincount: x has shape \(1, 2\)"):
        tg.bincount(tg.tensor([[1, 2]]))
    with pytest.raises(tg.ShapeError, match=r"weights have shape \(1,\), x \(2,\)"):
        tg.bincount(tg.tensor([1, 2]), tg.tensor([1.0]))
    with pytest.raises(ValueError, match="bincount"):
        tg.bincount(tg.tensor([-1, 2]))
    with pytest.raises(tg.ShapeError, match=r"searchsorted: sequences of shape \(2, 2\) and values of shape \(3, 1\)"):
        tg.searchsorted(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([[1.0]] * 3))


def test_nonzero_both_ways() -> None:
    x = tg.tensor([[0.0, 2.0], [3.0, 0.0]])
    assert x.nonzero().tolist() == tg.argwhere(x).tolist() == [[0, 1], [1, 0]]
    assert [p.tolist() for p in np.nonzero(x)] == [p.tolist() for p in x.nonzero(as_tuple=True)] == [[0, 1], [1, 0]]
    assert np.flatnonzero(x).tolist() == [1, 2]
    assert np.argwhere(tg.tensor([True, False, True])).tolist() == [[0], [2]]
