"""Largest numbers and means of windows, window by window."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import normal

import tinygrad_edu as tg
from tinygrad_edu.ops.pooling import avg_pool, max_pool, windows_of
from tinygrad_edu.ops.windows import Windows


@st.composite
def pools(draw: Any) -> tuple[Windows, tuple[int, ...], bool]:
    """Windows, the sizes of an input, and `ceil_mode`; some of them do not fit."""
    axes = draw(st.integers(1, 3))

    def several(low: Any, high: Any) -> Any:
        return [draw(st.integers(low, high)) for _ in range(axes)]

    kernel = several(1, 3)
    padding = [draw(st.integers(0, k // 2)) for k in kernel]
    windows = windows_of("op", axes, kernel, several(1, 3), padding, several(1, 2))
    return windows, tuple(several(1, 5)), draw(st.booleans())


def inside(windows: Windows, sizes: tuple[int, ...], at: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The places of a window that are in the input, in memory order."""
    places = []
    for i, (n, (before, _)) in enumerate(zip(sizes, windows.padding, strict=True)):
        start = at[i] * windows.stride[i] - before
        steps = [start + k * windows.dilation[i] for k in range(windows.kernel[i])]
        places.append([p for p in steps if 0 <= p < n])
    return list(product(*places))


def first_largest(numbers: list[float]) -> int:
    """The place of the largest: the first; or the last NaN."""
    nan = [i for i, v in enumerate(numbers) if np.isnan(v)]
    return nan[-1] if nan else int(np.argmax(numbers))


@given(pools(), st.integers(0, 2**32 - 1))
def test_the_first_of_the_largest_numbers_gets_the_gradient(case: Any, seed: int) -> None:
    windows, sizes, ceil_mode = case
    rng = np.random.default_rng(seed)
    array = rng.integers(-2, 3, (2, 2, *sizes)).astype(float)
    array[rng.random(array.shape) < 0.05] = np.nan
    x = tg.tensor(array, requires_grad=True)
    try:
        out, indices = max_pool("op", x, windows, ceil_mode, True)
    except tg.ShapeError:
        assert not ceil_mode or min(sizes) < max(windows.spans)
        return
    g = rng.normal(size=out.shape)
    g.flat[0] = np.inf  # which stays where it belongs
    expected = np.zeros(array.shape)
    for at in np.ndindex(out.shape):
        places = inside(windows, sizes, at[2:])
        if not places:
            assert out.array[at] == -np.inf
            continue
        best = places[first_largest([array[(*at[:2], *place)] for place in places])]
        np.testing.assert_equal(out.array[at], array[(*at[:2], *best)])
        assert indices.array[at] == np.ravel_multi_index(best, sizes)
        expected[(*at[:2], *best)] += g[at]
    if out.requires_grad:
        out.backward(g)
        np.testing.assert_allclose(x.grad.array, expected, atol=1e-13)  # type: ignore[union-attr]


@given(pools(), st.booleans())
def test_means_are_of_what_is_there(case: Any, count_include_pad: bool) -> None:
    windows, sizes, ceil_mode = case
    windows = windows._replace(dilation=(1,) * windows.axes)
    array = normal(2, 2, *sizes)
    try:
        out = avg_pool("op", array, windows, ceil_mode, count_include_pad, None)
    except tg.ShapeError:
        return
    for at in np.ndindex(*out.shape[2:]):
        places = inside(windows, sizes, at)
        size = len(places)
        if count_include_pad:
            rows = zip(at, sizes, windows.kernel, windows.stride, windows.padding, strict=True)
            size = int(np.prod([min(i * s - b + k, n + a) - (i * s - b) for i, n, k, s, (b, a) in rows]))
        total = sum((array[(slice(None), slice(None), *place)] for place in places), np.zeros((2, 2)))
        np.testing.assert_allclose(out[(slice(None), slice(None), *at)], total / size, atol=1e-13)


def test_a_sum_divided_otherwise() -> None:
    windows = windows_of("op", 2, 2)
    assert avg_pool("op", tg.ones(1, 2, 2), windows, False, True, 8).tolist() == [[[0.5]]]
    for divisor in (0, 2.5):
        with pytest.raises(ValueError, match="op: divisor_override must be an integer other than 0, got"):
            avg_pool("op", tg.ones(1, 2, 2), windows, False, True, divisor)  # type: ignore[arg-type]


def test_integers_stay_integers_and_half_is_rounded_once() -> None:
    windows = windows_of("op", 1, 4)
    out = max_pool("op", tg.tensor([[-5, -3, -4, -9]]), windows, False, False)
    assert (out.dtype, out.tolist()) == (tg.int64, [[-3]])
    half = tg.tensor([[2048.0, 1.0, 1.0, 2.0]], dtype=tg.float16)
    assert avg_pool("op", half, windows, False, True, None).tolist() == [[513.0]]


@pytest.mark.parametrize(
    ("options", "shape", "kind", "said"),
    [
        (
            (2,),
            (4, 4),
            tg.ShapeError,
            r"op expects \(N, C, H, W\) or \(C, H, W\), got \(4, 4\): x\[None\] adds a leading axis",
        ),
        ((2,), (1, 1, 1, 4, 4), tg.ShapeError, r"x\.flatten\(0, 1\) makes one axis of two"),
        ((2,), (2, 0, 4, 4), tg.ShapeError, r"of shape \(2, 0, 4, 4\), only the batch axis may be empty"),
        ((5,), (2, 3, 4, 6), tg.ShapeError, "axis -2 has size 4, and a window of 5 does not fit"),
        (
            (3, 1, 2),
            (2, 3, 4, 6),
            ValueError,
            r"padding=2 is more than half of kernel_size=3: .* Use padding=1 at most$",
        ),
        ((3, 1, 2, 2), (2, 3, 4, 6), ValueError, r"a window longer, not fuller\)"),
        ((2, 0), (2, 3, 4, 6), ValueError, "op: stride must be at least 1, got 0"),
        ((2, 1, -1), (2, 3, 4, 6), ValueError, "op: padding must be at least 0, got -1"),
        ((2.5,), (2, 3, 4, 6), TypeError, "op: kernel_size must be an integer, or 2 of them, got 2.5"),
        (((2, 2, 2),), (2, 3, 4, 6), ValueError, "3 numbers, it needs one, or one for each of 2 axes"),
    ],
)
def test_misfits(options: Any, shape: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        max_pool("op", tg.zeros(*shape), windows_of("op", 2, *options), False, False)


def test_what_has_no_largest_number_or_no_mean() -> None:
    windows = windows_of("op", 1, 2)
    with pytest.raises(tg.DtypeError, match="op: booleans have no maximum"):
        max_pool("op", tg.tensor([[True, False]]), windows, False, False)
    with pytest.raises(tg.DtypeError, match=r"op: input has dtype int64, it must be floating-point: use \.float\(\)"):
        avg_pool("op", tg.tensor([[1, 2]]), windows, False, True, None)
