"""Angles and distances; more of them is compared with PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu.testing import check_laws, check_module

F = tg.nn.functional


def test_cosines_of_zero_vectors_have_finite_gradients() -> None:
    x = tg.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    F.cosine_similarity(x, tg.ones(2, 2)).sum().backward()
    assert x.grad is not None
    assert np.isfinite(x.grad.array).all()


def test_cosines_of_inputs_that_broadcast_along_the_axis() -> None:
    a, b = tg.arange(1.0, 7.0).reshape(1, 2, 3).double(), tg.arange(2.0, 8.0).reshape(2, 1, 3).double()
    repeated = np.broadcast_to(b.array, (2, 2, 3))
    lengths = np.sqrt((a.array**2).sum(1) * (repeated**2).sum(1))
    expected = (a.array * repeated).sum(1) / lengths
    np.testing.assert_allclose(F.cosine_similarity(a, b, dim=-2).array, expected, rtol=1e-14)
    assert F.cosine_similarity(a[0, 0], b, dim=2).shape == (2, 1)
    for distance in (F.cosine_similarity, F.pairwise_distance):
        with pytest.raises(tg.ShapeError, match=rf"^{distance.__name__}: shapes .* axis -1 is 3 against 2"):
            distance(tg.ones(2, 3), tg.ones(2, 2))


@pytest.mark.parametrize(
    "module", [tg.nn.CosineSimilarity(), tg.nn.PairwiseDistance(3.0), tg.nn.PairwiseDistance(keepdim=True)]
)
def test_modules_have_the_gradients_of_the_functions(module: Any) -> None:
    x, y = normal(4, 3), normal(4, 3, seed=1)
    check_module(module, x, y)
    check_laws(lambda both: module(both[:, :3], both[:, 3:]), np.hstack([x, y]))
    linear = tg.nn.Linear(3, 3).double()
    check_open_sum(lambda: module(linear(x), y).reshape(4), list(linear.parameters()))


def test_distances_of_each_two_rows() -> None:
    x = normal(4, 3)
    out = F.pdist(tg.tensor(x), p=1.0).numpy()
    np.testing.assert_allclose(out, [np.abs(x[i] - x[j]).sum() for i in range(4) for j in range(i + 1, 4)], rtol=1e-13)
    assert F.pdist(tg.ones(1, 3)).shape == (0,)
    equal = tg.ones(3, 2, requires_grad=True)
    F.pdist(equal).backward()
    assert equal.grad is not None
    np.testing.assert_array_equal(equal.grad.numpy(), 0)
    with pytest.raises(tg.ShapeError, match=r"pdist expects \(N, D\), got \(3,\)"):
        F.pdist(tg.ones(3))
