"""For tests of precision: how far float16 and float32 are from the same computation in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_edu as tg


def worst_ulps(call: Callable[..., Any], *arrays: Any, dtype: Any) -> tuple[float, float]:
    """The largest error of `call(*tensors)`, and of its gradients, in ulps of the largest number in the same row.

    The arrays are rounded to `dtype` first, so that both computations begin with the same numbers.
    """
    rounded = [np.asarray(a).astype(dtype) for a in arrays]
    value, slopes = _run(call, rounded)
    exact, exact_slopes = _run(call, [a.astype(np.float64) for a in rounded])
    assert value.dtype == dtype
    assert all(slope.dtype == dtype for slope in slopes)
    return _distance(value, exact), max(_distance(a, b) for a, b in zip(slopes, exact_slopes, strict=True))


def _run(call: Callable[..., Any], arrays: list[Any]) -> tuple[Any, list[Any]]:
    tensors = [tg.tensor(a, requires_grad=True) for a in arrays]
    out = call(*tensors)
    size = out.detach().numpy().size
    out.backward((0.75 + np.arange(size) % 5 / 8).reshape(out.shape))
    return out.detach().numpy(), [t.grad.numpy() for t in tensors]  # type: ignore[union-attr]


def _distance(got: Any, exact: Any) -> float:
    size = np.abs(exact)
    largest = size.max(-1, keepdims=True) if size.ndim else size
    one = np.spacing(largest.astype(got.dtype)).astype(np.float64)
    assert np.isfinite(one).all(), "the exact result is too large for the dtype"
    assert np.isfinite(got).all(), "an overflow on the way"
    return float((np.abs(got.astype(np.float64) - exact) / one).max(initial=0.0))
