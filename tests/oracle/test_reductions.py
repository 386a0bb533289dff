"""Reductions, softmax, scans and order against PyTorch's: values, dtypes, indices and gradients."""

from __future__ import annotations

import numpy as np
import pytest
from beside_torch import assert_same

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 5))
TIED = RNG.integers(0, 3, size=(4, 6)).astype(np.float64)
ZEROS = np.array([[1.0, 2.0, 0.0, 3.0], [0.0, 5.0, 0.0, 7.0], [1.0, 2.0, 3.0, 4.0]])
ONE = {"dim": 1}


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "var", "std", "logsumexp", "nansum", "nanmean"])
@pytest.mark.parametrize("dim", [0, -1, (0, 2), (1,)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_reductions_over_axes(name, dim, keepdim):
    assert_same(lambda lib, x: getattr(lib, name)(x, dim=dim, keepdim=keepdim), X)


@pytest.mark.parametrize(
    "name", ["sum", "mean", "max", "min", "amax", "amin", "prod", "var", "std", "median", "norm", "all", "any"]
)
@pytest.mark.parametrize("x", [X, TIED, X[0, 0]], ids=["x", "tied", "vector"])
def test_reductions_of_everything(name, x):
    assert_same(lambda lib, x: (getattr(lib, name)(x), getattr(x, name)()), x)


@pytest.mark.parametrize("name", ["max", "min", "median", "prod", "argmax", "argmin", "all", "any"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_reductions_over_one_axis(name, dim):
    assert_same(lambda lib, x: getattr(x, name)(dim), X)
    assert_same(lambda lib, x: getattr(lib, name)(x, dim=dim, keepdim=True), X)


def test_ties_share_evenly_but_an_index_takes_all():
    assert_same(lambda lib, x: (x.amax(1), x.amin(0), x.amax((0, 1)), x.max()), TIED)
    values = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]])
    assert_same(lambda lib, x: x.max(1).values, values)
    assert_same(lambda lib, x: x.min(1).values, values)


@pytest.mark.parametrize("correction", [0, 1, 2])
def test_variances(correction):
    assert_same(lambda lib, x: lib.var(x, dim=(0, 2), correction=correction), X)
    assert_same(lambda lib, x: lib.std(x, dim=1, correction=correction, keepdim=True), X)
    assert_same(lambda lib, x: (*lib.var_mean(x, dim=1), *lib.std_mean(x, dim=1, keepdim=True)), X)
    assert_same(lambda lib, x: (x.var(1, False), x.std(1, True, True), x.var(False), x.std(unbiased=False)), X)


def test_the_standard_deviation_of_equal_numbers():
    assert_same(lambda lib, x: x.std(1), np.array([[2.0, 2.0, 2.0], [1.0, 2.0, 4.0]]))


@pytest.mark.parametrize("p", [0, 0.5, 1, 1.5, 2, 3, float("inf"), -float("inf"), "fro"])
@pytest.mark.parametrize("dim", [None, 1, (0, 2)])
def test_norms(p, dim):
    assert_same(lambda lib, x: lib.norm(x, p=p, dim=dim, keepdim=True), X)


@pytest.mark.parametrize("p", [1, 2, 3, float("inf")])
def test_norms_of_zero(p):
    assert_same(lambda lib, x: lib.norm(x, p, 1), np.array([[0.0, 0.0], [3.0, -4.0], [0.0, 2.0]]))


def test_products_with_zeros():
    assert_same(lambda lib, x: (x.prod(0), x.prod(1), x.prod(), x.cumprod(0), x.cumprod(1)), ZEROS)


def test_second_derivative_of_products_with_zeros():
    def slope(lib, x):
        y = x.prod(1).sum() + x.cumprod(1).sum()
        return lib.autograd.grad(y, x, create_graph=True)[0]

    assert_same(slope, ZEROS)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.bool_])
def test_dtypes_of_integer_reductions(dtype):
    i = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype)
    assert_same(lambda lib, x: (x.sum(), x.sum(1), x.prod(1), x.cumsum(1), x.cumprod(1), (x > 0).any(1)), i)
    assert_same(lambda lib, x: x.count_nonzero(dim=1), i)


def test_conversion_before_reducing():
    i = np.array([1, 2, 4])
    assert_same(lambda lib, x: (x.sum(dtype=lib.float64), x.mean(dtype=lib.float64), x.prod(dtype=lib.float64)), i)
    assert_same(lambda lib, x: (x.cumsum(0, dtype=lib.float64), lib.softmax(x, 0, dtype=lib.float64)), i)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "softmin"])
@pytest.mark.parametrize("shape", [(7,), (3, 4), (50, 10), (50, 40), (2, 3, 4), (40, 2, 3), (0, 3), (3, 0)])
@pytest.mark.parametrize("dim", [0, -1])
def test_softmax(name, shape, dim):
    x = RNG.normal(size=shape) * 5
    home = {"softmin": lambda lib: lib.nn.functional if lib is torch else lib}.get(name, lambda lib: lib)
    assert_same(lambda lib, x: getattr(home(lib), name)(x, dim=dim), x)
    assert_same(lambda lib, x: getattr(home(lib), name)(x, dim=dim), x * 300)


def test_softmax_and_logsumexp_of_infinities():
    inf = np.inf
    x = np.array([[1.0, -inf, 2.0], [-inf, 0.0, -inf], [1.0, 2.0, 3.0]])
    assert_same(lambda lib, x: (lib.softmax(x, 1), lib.softmax(x, 0)), x)
    assert_same(lambda lib, x: lib.logsumexp(x, 1), np.array([[0.0, -inf], [1000.0, 1000.0], [-900.0, -800.0]]))
    assert_same(lambda lib, x: lib.logsumexp(x.detach(), 1), np.array([[inf, 0.0], [-inf, -inf], [inf, -inf]]))
    a, b = np.array([-inf, 3.0, 0.0]), np.array([1.0, -inf, 1000.0])
    assert_same(lambda lib, x, y: lib.logaddexp(x, y), a, b)


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_scans(dim):
    assert_same(lambda lib, x: (x.cumsum(dim), x.cumprod(dim), lib.logcumsumexp(x, dim=dim)), X)
    assert_same(lambda lib, x: (*lib.cummax(x, dim=dim), *lib.cummin(x, dim=dim)), X)
    assert_same(lambda lib, x: (lib.diff(x, dim=dim), lib.diff(x, n=2, dim=dim)), X)


def test_scans_with_ties_and_infinities():
    assert_same(lambda lib, x: (*lib.cummax(x, dim=1), *lib.cummin(x, dim=1)), TIED)
    assert_same(lambda lib, x: lib.logcumsumexp(x, 0), np.array([-800.0, 900.0, -700.0, 901.0]))
    assert_same(lambda lib, x: lib.logcumsumexp(x.detach(), 0), np.array([-np.inf, -np.inf, 1.0, 2.0]))


def test_differences_with_ends():
    a, b = RNG.normal(size=(3, 1)), RNG.normal(size=(3, 2))
    assert_same(lambda lib, x, a, b: lib.diff(x, prepend=a, append=b), X[:, :, 0].copy(), a, b)
    assert_same(lambda lib, x, a, b: lib.diff(x, n=0, prepend=a, append=b), X[:, :, 0].copy(), a, b)


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("descending", [False, True])
def test_sorting(dim, descending):
    assert_same(lambda lib, x: lib.sort(x, dim=dim, descending=descending), X)
    assert_same(lambda lib, x: x.argsort(dim=dim, descending=descending), X)
    assert_same(lambda lib, x: lib.sort(x, stable=True, dim=1, descending=descending), TIED)


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("largest", [False, True])
def test_topk(k, largest):
    assert_same(lambda lib, x: lib.topk(x, k, largest=largest), X)
    assert_same(lambda lib, x: x.kthvalue(k, -1), X)
    assert_same(lambda lib, x: x.topk(min(k, 3), dim=0, largest=largest, sorted=True), X)


def test_nan_is_the_largest():
    x = np.array([[1.0, np.nan, 3.0, 2.0], [4.0, 1.0, 2.0, 3.0]])
    assert_same(lambda lib, x: (lib.sort(x, 1).indices, lib.topk(x, 2).indices, lib.median(x, 1).indices), x)
    assert_same(lambda lib, x: (x.argmax(1), x.argmin(1), lib.sort(x, 1, descending=True).indices), x)
    assert_same(lambda lib, x: lib.isnan(lib.median(x)), x)


def test_counting():
    i = np.array([3, 1, 1, 0, 3, 3])
    assert_same(lambda lib, x: (lib.unique(x), lib.bincount(x), lib.bincount(x, minlength=7)), i)
    assert_same(lambda lib, x: lib.unique(x, return_inverse=True, return_counts=True), i.reshape(2, 3))
    assert_same(lambda lib, x: lib.unique(x, dim=0), np.array([[1, 2], [0, 5], [1, 2]]))
    assert_same(lambda lib, x: lib.bincount(x, lib.ones(6, dtype=lib.float64) / 2), i)
    for dtype in (np.int64, np.uint8, np.bool_):
        assert_same(lambda lib, x, w: lib.bincount(x, w), i, np.array([1, 0, 1, 1, 0, 1]).astype(dtype))
    edges, v = np.array([1, 2, 2, 5]), np.array([[0, 1, 2], [3, 5, 9]])
    for right in (False, True):
        assert_same(lambda lib, e, v, r=right: lib.searchsorted(e, v, right=r), edges, v)
        assert_same(lambda lib, e, v, r=right: lib.bucketize(v, e, right=r), edges, v)
        assert_same(lambda lib, e, v, r=right: lib.searchsorted(lib.stack([e, e + 1]), v, right=r), edges, v)
