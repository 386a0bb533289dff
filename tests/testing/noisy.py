"""Right gradients of functions in which rounding is large: none of them is to be called wrong.

Those of arrays are in `noisy_arrays.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from testing.handwritten import Case, Draw, draws

import tinygrad_edu as tg

__all__ = ["NOISY", "noisy", "signed"]

NOISY: dict[str, Case] = {}
"""By name: a file that is imported under two names adds nothing."""


def noisy(
    name: str,
    forward: Callable[..., Any],
    vjp: Callable[..., Any],
    draw: Draw,
    library: Callable[..., Any] | None = None,
) -> None:
    NOISY[name] = Case(name, forward, vjp, draw, library)


def unary(
    name: str,
    f: Callable[[Any], Any],
    slope: Callable[[Any], Any],
    low: float,
    high: float,
    library: Callable[..., Any] | None = None,
) -> None:
    """A function of each number by itself, and its slope."""
    noisy(name, f, lambda g, x: g * slope(x), draws((4,), low=low, high=high), library)


def signed(low: float, high: float, *shape: int) -> Draw:
    """Numbers of either sign, of a size evenly spread over powers of ten."""
    exponents = math.log10(low), math.log10(high)
    return lambda rng: (10 ** rng.uniform(*exponents, shape or 4) * rng.choice([-1.0, 1.0], shape or 4),)


# Large numbers added and taken away ---------------------------------------------------------------------------------

for _c in (1e4, 1e6, 1e12):
    _shift = lambda x, c=_c: (c + x) - c
    unary(f"({_c:g} + x) - {_c:g}", _shift, np.ones_like, -2.0, 2.0, _shift)
    noisy(f"({_c:g} + x) - {_c:g} at 0", _shift, lambda g, x: 1.0 * g, lambda rng: (np.zeros(4),), _shift)
    noisy(
        f"({_c:g} + x) - {_c:g} at eighths",
        _shift,
        lambda g, x: 1.0 * g,
        lambda rng: (rng.integers(-32, 33, 4) / 8,),
        _shift,
    )
unary("(1e8 x + 1) - 1e8 x, which is 1", lambda x: (x * 1e8 + 1) - x * 1e8, np.zeros_like, 0.5, 2.0)
unary("x (1 + 1e8) - 1e8 x", lambda x: x * (1 + 1e8) - x * 1e8, np.ones_like, 0.5, 2.0)
unary("cos(x + 1e8)", lambda x: np.cos(x + 1e8), lambda x: -np.sin(x + 1e8), -2.0, 2.0, lambda x: tg.cos(x + 1e8))
for _c in (1e2, 1e4, 1e6):

    def _moments(x: Any) -> Any:
        return (x * x).mean(-1) - x.mean(-1) ** 2

    _vjp = lambda g, x: 2 / x.shape[-1] * (x - x.mean(-1, keepdims=True)) * g[..., None]
    noisy(
        f"E[x²] - E[x]² around {_c:g}",
        _moments,
        _vjp,
        lambda rng, c=_c: (c + rng.normal(size=(2, 6)),),
        lambda x: (x * x).mean(-1) - x.mean(-1) ** 2,
    )
noisy(
    "E[xy] - E[x] E[y] around 1e4",
    lambda x, y: (x * y).mean() - x.mean() * y.mean(),
    lambda g, x, y: (g * (y - y.mean()) / x.size, g * (x - x.mean()) / x.size),
    lambda rng: (1e4 + rng.normal(size=5), 1e4 + rng.normal(size=5)),
    lambda x, y: (x * y).mean() - x.mean() * y.mean(),
)
noisy(
    "variance around 1e8, in two passes",
    lambda x: np.square(x - x.mean()).mean(),
    lambda g, x: 2 / x.size * ((x - x.mean()) - (x - x.mean()).mean()) * g,
    lambda rng: (1e8 + rng.normal(size=6),),
    lambda x: tg.square(x - x.mean()).mean(),
)
noisy(
    "cumulative sum less its trend of 1e6",
    lambda x: np.cumsum(x + 1e6) - 1e6 * np.arange(1, x.size + 1),
    lambda g, x: np.cumsum(g[::-1])[::-1].copy(),
    draws((6,)),
)
noisy(
    "differences of cumulative sums around 1e6",
    lambda x: np.diff(np.cumsum(x + 1e6)),
    lambda g, x: np.concatenate([[0.0], g]),
    draws((6,)),
)

# Results of subtraction that are small ------------------------------------------------------------------------------

unary(
    "-b + √(b² - 1e-3) at 10",
    lambda b: -b + np.sqrt(b * b - 1e-3),
    lambda b: 1e-3 / (np.sqrt(b * b - 1e-3) * (b + np.sqrt(b * b - 1e-3))),
    9.0,
    11.0,
    lambda b: -b + tg.sqrt(b * b - 1e-3),
)
unary("1 - tanh at 5 to 10", lambda x: 1 - np.tanh(x), lambda x: -(np.cosh(x) ** -2), 5, 10, lambda x: 1 - tg.tanh(x))
unary("1 - tanh at 18 to 25", lambda x: 1 - np.tanh(x), lambda x: -(np.cosh(x) ** -2), 18, 25, lambda x: 1 - tg.tanh(x))
unary(
    "log(1 + exp(-x)) at 25 to 45",
    lambda x: np.log(1 + np.exp(-x)),
    lambda x: -1 / (1 + np.exp(x)),
    25.0,
    45.0,
    lambda x: tg.log(1 + tg.exp(-x)),
)
unary("log(1 + x) at 1e-8", lambda x: np.log(1 + x), lambda x: 1 / (1 + x), 1e-9, 1e-8, lambda x: tg.log(1 + x))
noisy(
    "1 - cos x near 0", lambda x: 1 - np.cos(x), lambda g, x: g * np.sin(x), signed(1e-6, 1e-3), lambda x: 1 - tg.cos(x)
)
noisy(
    "(exp(x) - 1) / x near 0",
    lambda x: (np.exp(x) - 1) / x,
    lambda g, x: g * (1 / 2 + x / 3 + x**2 / 8 + x**3 / 30),
    signed(1e-4, 1e-3),
    lambda x: (tg.exp(x) - 1) / x,
)
noisy(
    "(exp(x) - 1 - x) / x² near 0",
    lambda x: (np.exp(x) - 1 - x) / x**2,
    lambda g, x: g * (1 / 6 + x / 12 + x**2 / 40 + x**3 / 180 + x**4 / 1008),
    signed(1e-4, 1e-2),
    lambda x: (tg.exp(x) - 1 - x) / x**2,
)
unary(
    "log(x + 1) - log(x) at 1e8",
    lambda x: np.log(x + 1) - np.log(x),
    lambda x: -1 / (x * (x + 1)),
    0.5e8,
    2e8,
    lambda x: tg.log(x + 1) - tg.log(x),
)
unary(
    "√(x + 1) - √x at 1e10",
    lambda x: np.sqrt(x + 1) - np.sqrt(x),
    lambda x: -1 / (2 * np.sqrt(x) * np.sqrt(x + 1) * (np.sqrt(x + 1) + np.sqrt(x))),
    0.5e10,
    2e10,
    lambda x: tg.sqrt(x + 1) - tg.sqrt(x),
)
noisy(
    "sinh by exponentials near 0",
    lambda x: (np.exp(x) - np.exp(-x)) / 2,
    lambda g, x: g * np.cosh(x),
    signed(1e-9, 1e-4),
    lambda x: (tg.exp(x) - tg.exp(-x)) / 2,
)
noisy(
    "x - sin x near 0",
    lambda x: x - np.sin(x),
    lambda g, x: 2 * g * np.sin(x / 2) ** 2,
    signed(1e-4, 1e-2),
    lambda x: x - tg.sin(x),
)
noisy("arccos(cos x) near 0", lambda x: np.arccos(np.cos(x)), lambda g, x: g * np.sign(x), signed(1e-5, 1e-2))
noisy("√(x²) near 0", lambda x: np.sqrt(x**2), lambda g, x: g * np.sign(x), signed(1e-8, 1e-4), lambda x: tg.sqrt(x**2))
unary("logit(sigmoid(x)) at 20 to 30", lambda x: -np.log(1 / (1 / (1 + np.exp(-x))) - 1), np.ones_like, 20.0, 30.0)
unary("(x - 1)⁷ written out, near 1", lambda x: np.polyval(np.poly([1.0] * 7), x), lambda x: 7 * (x - 1) ** 6, 0.9, 1.1)
unary(
    "Wilkinson's polynomial with 15 roots, written out",
    lambda x: np.polyval(np.poly(np.arange(1.0, 16.0)), x),
    lambda x: sum([np.prod([x - k for k in range(1, 16) if k != j], axis=0) for j in range(1, 16)]),
    7.0,
    12.0,
)


def _erf_series(x: Any) -> Any:
    term, total = x + 0.0, x + 0.0
    for n in range(1, 120):
        term = -term * x * x / n
        total = total + term / (2 * n + 1)
    return 2 / math.sqrt(math.pi) * total


unary("erf by its series at 3 to 5", _erf_series, lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x), 3.0, 5.0)


def _root(a: Any, b: Any, c: Any) -> Any:
    return 2 * c / (-b - np.sqrt(b * b - 4 * a * c))


noisy(
    "the small root of a x² + b x + c",
    lambda a, b, c: (-b + np.sqrt(b * b - 4 * a * c)) / (2 * a),
    lambda g, a, b, c: tuple(-g * _root(a, b, c) ** k / (2 * a * _root(a, b, c) + b) for k in (2, 1, 0)),
    lambda rng: (rng.uniform(0.5, 2, 3), rng.uniform(1e4, 1e5, 3), rng.uniform(0.5, 2, 3)),
    lambda a, b, c: (-b + tg.sqrt(b * b - 4 * a * c)) / (2 * a),
)

# Noise, few digits, iterations --------------------------------------------------------------------------------------


def _noise(x: Any) -> Any:
    """Numbers between -1 and 1 that change with every bit of x, and are always the same for the same x."""
    bits = np.ascontiguousarray(x, np.float64).view(np.uint64)
    for _ in range(2):
        bits = (bits ^ (bits >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
    return (bits >> np.uint64(11)) / 2.0**52 - 1


for _level in (1e-14, 1e-12, 1e-8):
    unary(f"sin, with noise of {_level:g}", lambda x, k=_level: np.sin(x) + k * _noise(x), np.cos, -2.0, 2.0)
unary("sin, to 10 decimals", lambda x: np.round(np.sin(x), 10), np.cos, -2.0, 2.0)
unary("float32 inside", lambda x: 2 * x.astype(np.float32).astype(float), lambda x: 2 * np.ones_like(x), -2.0, 2.0)
unary("float32 at the end", lambda x: np.sin(x).astype(np.float32), np.cos, -2.0, 2.0)
unary("float16 inside", lambda x: 2 * x.astype(np.float16).astype(float), lambda x: 2 * np.ones_like(x), -2.0, 2.0)
_GRID = np.linspace(-3, 3, 1001)
unary(
    "a table, by straight lines between its places",
    lambda x: np.interp(x, _GRID, np.sin(_GRID)),
    lambda x: (np.diff(np.sin(_GRID)) / np.diff(_GRID))[np.searchsorted(_GRID, x, side="right") - 1],
    -2.0,
    2.0,
)


def _newton(x: Any) -> Any:
    y = (x + 1) / 2
    for _ in range(8):
        y = (y + x / y) / 2
    return y


unary("√x by 8 of Newton's steps", _newton, lambda x: 0.5 / np.sqrt(x), 0.5, 4.0, _newton)


def _fixed_point(x: Any) -> Any:
    y = np.zeros_like(x)
    for _ in range(500):
        before, y = y, x * np.cos(y)
        if np.abs(y - before).max() < 1e-12:
            break
    return y


def _fixed_slope(x: Any) -> Any:
    y = _fixed_point(x)
    return np.cos(y) / (1 + x * np.sin(y))


unary("the fixed point of x cos y, to 1e-12", _fixed_point, _fixed_slope, 0.2, 0.9)


def _bisected(x: Any, within: float = 1e-10) -> Any:
    low, high = np.full_like(x, -4.0), np.full_like(x, 4.0)
    for _ in range(80):
        if (high - low).max() <= within:
            break
        middle = (low + high) / 2
        below = middle**3 + middle < x
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def _secant(x: Any) -> Any:
    """Of each number by itself, until it is found closely enough."""
    found = []
    for target in x:
        a, b = 0.0, 1.0
        for _ in range(80):
            if abs(b - a) <= 1e-10:
                break
            fa, fb = a**3 + a - target, b**3 + b - target
            a, b = b, b - fb * (b - a) / (fb - fa)
        found.append(b)
    return np.array(found)


for _how, _find in (("bisection", _bisected), ("secants", _secant)):
    unary(
        f"the root of y³ + y - x by {_how}, to 1e-10", _find, lambda x: 1 / (3 * _bisected(x, 1e-15) ** 2 + 1), 0.5, 4.0
    )
_TIMES = np.linspace(0, 1, 100001)
_WEIGHTS = np.full(100001, 1e-5)
_WEIGHTS[[0, -1]] /= 2
noisy(
    "a sum of 1e5 trapezoids",
    lambda x: np.array([(_WEIGHTS * np.sin(one * _TIMES)).sum() for one in x]),
    lambda g, x: g * np.array([(_WEIGHTS * _TIMES * np.cos(one * _TIMES)).sum() for one in x]),
    draws((2,), low=0.5, high=3.0),
)
_SIGNS = np.random.default_rng(0).normal(size=(250_000, 4))
noisy("a sum of 1e6 numbers of both signs", lambda x: (_SIGNS * x).sum(), lambda g, x: g * _SIGNS.sum(0), draws((4,)))
noisy(
    "1e5 terms of an alternating series, in float64 one by one",
    lambda x: np.cumsum(np.outer(x, (-1.0) ** np.arange(100_000)), axis=1)[:, -2],
    lambda g, x: 1.0 * g,
    draws((2,)),
)
for _size in (1e-6, 1e-12):
    noisy(
        f"tanh(x / {_size:g}) at {_size:g}",
        lambda x, k=_size: np.tanh(x / k),
        lambda g, x, k=_size: g / k / np.cosh(x / k) ** 2,
        lambda rng, k=_size: (k * rng.uniform(-2, 2, 4),),
        lambda x, k=_size: tg.tanh(x / k),
    )
