"""For tests of products: matrices that lie in memory in all kinds of ways, and what is a product of them."""

from __future__ import annotations

from typing import Any

import numpy as np

LAYOUTS = ("rows", "columns", "every other", "backwards", "read-only")


def numbers(*shape: int, dtype: Any, layout: str = "rows", seed: int = 0) -> Any:
    """Normal numbers of this shape, whose last two axes lie as `layout` says."""
    values = np.random.default_rng([seed, *shape]).normal(size=shape).astype(dtype)
    if layout == "columns":
        return np.ascontiguousarray(values.mT).mT
    if layout == "every other":
        return np.repeat(np.repeat(values, 2, -1), 2, -2)[..., ::2, ::2]
    if layout == "backwards":
        return np.ascontiguousarray(values[..., ::-1, ::-1])[..., ::-1, ::-1]
    if layout == "read-only":
        values.flags.writeable = False
    return values


def assert_product(got: Any, x: Any, y: Any) -> None:
    """`got` is x @ y, to a few roundings of the magnitudes that are added up, and has memory of its own."""
    wider = np.float64 if x.dtype == np.float32 else np.longdouble
    wide_x, wide_y = x.astype(wider), y.astype(wider)
    exact, magnitudes = wide_x @ wide_y, np.abs(wide_x) @ np.abs(wide_y)
    assert got.shape == exact.shape
    assert got.dtype == x.dtype
    # Rounding adds up to k steps at worst; what is seen is a few, and grows like the square root.
    steps = 4 + np.sqrt(x.shape[-1])
    assert (np.abs(got - exact) <= steps * np.finfo(x.dtype).eps * magnitudes).all()
    assert not np.shares_memory(got, x)
    assert not np.shares_memory(got, y)
