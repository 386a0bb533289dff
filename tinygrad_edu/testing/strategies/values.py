"""Strategies for tensors: numbers that are easy to read, and arrays and tensors of them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Literal, TypeAlias

import numpy as np
from hypothesis import strategies as st

from ...dtypes import Array
from ...tensors.tensor import Tensor
from .sizes import Shape, shapes

Domain: TypeAlias = Literal["wide", "smooth", "positive", "unit", "distinct", "hard"]
Numbers: TypeAlias = "str | float"  # a domain; or "smooth" with numbers of another size among them
Layout: TypeAlias = Literal["C", "F", "strided", "reversed", "expanded", "any"]

DOMAINS = ("wide", "smooth", "positive", "unit", "distinct", "hard")
LAYOUTS = ("C", "F", "strided", "reversed", "expanded")
_MANY = 128  # numbers that are drawn one by one; for more, only a seed is drawn
_PLAIN, _OTHER = 50, 10  # ways to choose plain numbers, and others: enough that neither runs out of new examples


def _simplest_first(numbers: list[float]) -> list[float]:
    """Integers before halves, halves before quarters; small before large; positive before negative."""
    return sorted(numbers, key=lambda x: (Fraction(x).denominator, abs(x), x < 0))


_EIGHTHS = _simplest_first([k / 8 for k in range(-32, 33)])

# A number that is drawn shrinks towards the beginning of its list.
POOLS: dict[str, list[float]] = {
    "smooth": _EIGHTHS,
    "positive": [x for x in _EIGHTHS if x > 0],
    "unit": _simplest_first([k / 16 for k in range(1, 16)] + [1 / 64, 63 / 64]),
    "distinct": _simplest_first([k / 8 for k in range(-48, 49) if k]),
    "weights": _simplest_first([k / 8 for k in range(-16, 17) if k]),
}


def tensors(
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    dtype: Any = np.float64,
    domain: Domain = "wide",
    layout: Layout = "C",
    requires_grad: bool = True,
) -> st.SearchStrategy[Tensor]:
    """Tensors whose numbers shrink to readable ones.

    Up to 128 numbers are drawn, and shrink, one by one; larger tensors are filled from a seed.

    Args:
        shape: the shape, or a strategy for it; None for `shapes()`.
        dtype: a floating dtype.
        domain: which numbers:
            "wide": like "smooth", but in about one example of seven (over many: hypothesis varies an example before it
            goes on) most numbers are of another magnitude, the same for the whole example: 1e-9 to 1e-3, 1e3 to 1e9,
            where exp overflows, or where squares do;
            "smooth": multiples of 1/8 between -4 and 4, towards 0;
            "positive": those above 0, towards 1;
            "unit": between 0 and 1, both excluded, towards 1/2;
            "distinct": multiples of 1/8, none twice and none of them 0, for functions that have ties or kinks;
            "hard": like "smooth", and ±0, subnormal numbers, 1e±30, infinities and NaN.
        layout: the memory layout: "C" or "F"; "strided" (every other number of an array twice as long), "reversed"
            (negative strides), "expanded" (one axis has stride 0: the same numbers at each of its indices), or "any" of
            them. Where the shape leaves no choice, it is "C".
        requires_grad: whether they are leaves that require a gradient.

    Raises:
        ValueError: for an unknown domain or layout, a dtype that is not floating, or distinct numbers that are
            expanded.

    >>> from tinygrad_edu.testing.strategies import simplest, tensors
    >>> simplest(tensors((2, 2)), lambda x: x.sum() > 0.7)
    tensor([[0., 0.],
            [0., 1.]], dtype=float64, requires_grad=True)
    >>> simplest(tensors((3,), domain="distinct"))
    tensor([ 1., -1.,  2.], dtype=float64, requires_grad=True)
    """
    kind = np.dtype(dtype)
    if domain not in DOMAINS:
        raise ValueError(f"tensors: domain={domain!r}: use {', '.join(map(repr, DOMAINS[:-1]))} or {DOMAINS[-1]!r}")
    if layout not in (*LAYOUTS, "any"):
        raise ValueError(f"tensors: layout={layout!r}: use {', '.join(map(repr, LAYOUTS))} or 'any'")
    if kind.kind != "f":
        raise ValueError(f"tensors: dtype={kind}: use a floating dtype")
    if domain == "distinct" and layout == "expanded":
        raise ValueError("tensors: numbers of an expanded tensor are not distinct: use another layout")
    sizes = shapes() if shape is None else shape if isinstance(shape, st.SearchStrategy) else st.just(shape)
    return _tensors(sizes, sized(kind) if domain == "wide" else st.just(domain), kind, layout, requires_grad)


@st.composite
def _tensors(
    draw: st.DrawFn,
    sizes: st.SearchStrategy[Shape],
    numbers: st.SearchStrategy[Numbers],
    dtype: np.dtype[Any],
    layout: str,
    wanted: bool,
) -> Tensor:
    shape = tuple(draw(sizes))
    return draw(like(shape, dtype, draw(numbers), layout, wanted))


@st.composite
def like(draw: st.DrawFn, shape: Shape, dtype: np.dtype[Any], numbers: Numbers, layout: str, wanted: bool) -> Tensor:
    """Tensors as `tensors` makes them, when it is settled of what numbers."""
    if layout == "any":
        layout = draw(st.sampled_from(LAYOUTS[:4] if numbers == "distinct" else LAYOUTS))
    return Tensor(draw_array(draw, shape, numbers, layout, dtype), requires_grad=wanted)


def sized(dtype: Any) -> st.SearchStrategy[Numbers]:
    """What "wide" means in one example: "smooth", or the size of the other numbers."""
    sizes = st.sampled_from(_sizes(np.dtype(dtype)))
    plain: st.SearchStrategy[Numbers] = st.just("smooth")
    return st.sampled_from([plain] * _PLAIN + [sizes] * _OTHER).flatmap(lambda chosen: chosen)


def _sizes(dtype: np.dtype[Any]) -> list[Any]:
    """Sizes that a dtype has: of numbers that are large, tiny, or too large for exp or for squares."""
    largest = math.log10(float(np.finfo(dtype).max))
    exp, squares = math.ceil(1.1 * largest * math.log(10)), 10.0 ** math.ceil(largest / 2 + 0.5)
    usual = [2e3, 1e-4, 1e4, 1e-6, 1e6, 1e-9, 1e9]
    with np.errstate(over="ignore", under="ignore"):
        return [x for x in [*usual, float(exp), squares] if x and 0 < dtype.type(x / 4) < dtype.type(2 * x) < np.inf]


def draw_array(draw: st.DrawFn, shape: Shape, domain: Numbers, layout: str = "C", dtype: Any = np.float64) -> Array:
    """An array of a shape, with numbers of a domain, in a given memory layout."""
    long = [axis for axis, side in enumerate(shape) if side > 1]
    drawn = shape
    if layout == "expanded" and long:
        drawn = tuple(1 if axis == long[0] else side for axis, side in enumerate(shape))
    array = np.asarray(draw_numbers(draw, math.prod(drawn), domain, dtype)).reshape(drawn)
    return np.broadcast_to(array, shape) if drawn != shape else laid_out(array, layout)


def draw_numbers(draw: st.DrawFn, count: int, domain: Numbers, dtype: Any = np.float64) -> Array:
    """So many numbers of a domain."""
    pool = _pool(domain, count, dtype)
    if count > _MANY:
        rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        return rng.choice(np.array(pool, dtype), count, replace=domain != "distinct")
    numbers = st.lists(st.sampled_from(pool), min_size=count, max_size=count, unique=domain == "distinct")
    return np.array(draw(numbers), dtype)


def _pool(domain: Numbers, count: int, dtype: Any) -> list[float]:
    if not isinstance(domain, str):
        # Twice as many as there are plain ones; these come first, so that numbers shrink to them.
        return [*_EIGHTHS, *[domain * k for k in (1.0, -1.0, 1.5, -1.5)] * (len(_EIGHTHS) // 2)]
    if domain == "hard":
        limits = np.finfo(dtype)
        tiny = [float(limits.smallest_subnormal), float(limits.smallest_normal) / 2]
        with np.errstate(over="ignore"):
            far = [float(np.dtype(dtype).type(x)) for x in (1e-30, 1e30)]
        special = [x * sign for x in (*tiny, *far, math.inf) for sign in (1.0, -1.0)]
        return [0.0, -0.0, 1.0, -1.0, *_EIGHTHS[3:], *special, math.nan]
    if domain == "distinct" and 2 * count > len(POOLS[domain]):
        return _simplest_first([k / 8 for k in range(-count, count + 1) if k])
    return POOLS[domain]


def laid_out(array: Array, layout: str) -> Array:
    """The same numbers, lying in memory as "C", "F", "strided" or "reversed"."""
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "strided" and array.ndim:
        room = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        room[..., ::2] = array
        return room[..., ::2]
    if layout == "reversed" and array.ndim:
        back = (slice(None, None, -1),) * array.ndim
        return np.ascontiguousarray(array[back])[back]
    return array
