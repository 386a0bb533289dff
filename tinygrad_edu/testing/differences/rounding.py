"""How much rounding there is in gradients: two right ones may differ by that much.

It cannot be told from the size of a gradient: where much cancels, as in E[x²] - E[x]², all that is left may be
rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ...dtypes import Array
from ..subject import is_floating
from .numeric import scale_of
from .regression import PLACES, fit

_WAY = 1e-11  # how far to move numbers, relative to their size: all last digits change, and no digit of float32
_LONG = 0.3  # the same, for cotangents
_FAR = 1e-4  # and for arguments
_NEARER = (1.0, 1 / 2, 1 / 8, 1 / 64)  # where to look for what numbers an argument's gradient is made of
_INNER = 16  # by how much numbers inside a function may be larger than those
_EPS = 2.0**-52
_AHEAD = 2  # places from 1 to 3, and not from -1 to 1: where the arguments are at a kink it is left and not crossed
_AGAIN = 2  # how often to compute the same again

Way: TypeAlias = "Callable[[list[Any], list[Array]], Sequence[Array]]"
"""How to compute gradients, or other results, from arguments and cotangents."""


def rounding_of(compute: Way, arrays: Sequence[Any], cotangents: Sequence[Array]) -> list[float]:
    """The standard deviation of the rounding errors in what is computed: for each result the largest of its elements.

    That of the arguments counts as well, since no result is more certain than they are. Results are computed at places
    of a short line, on which they are a polynomial but for rounding. Once the cotangents move along it, for there may
    be no way to move the arguments; then all numbers do; then with cotangents elsewhere, whose digits may be worse
    ones. What differs as much where nothing was moved is random, not rounding; nor does the effect of a coarser dtype
    count.

    Where p is nearly 1, g - p * g is rounded alike all along a short line. On a long one it is not, of cotangents or of
    arguments, but there a rule that is wrong may bend or jump: what is seen there counts up to some last digits of the
    numbers at hand.

    Args:
        compute: gives the results.
        arrays: the arguments; those that are real numbers can be moved.
        cotangents: what enters a backward pass.

    Returns:
        One number for each result; none at all if nothing can be computed nearby.

    >>> import numpy as np
    >>> def gradient(arrays, cotangents):  # of E[x²] - E[x]²; at equal numbers it is 0 but for rounding
    ...     x, g = arrays[0], cotangents[0]
    ...     return [g * (2 * x) / 3 - g * 2 * x.mean() / 3]
    >>> (noise,) = rounding_of(gradient, [np.full(3, 1e6)], [np.ones(())])
    >>> bool(1e-11 < noise < 1e-9)
    True
    """
    rng = np.random.default_rng(0)
    others = [np.asarray(3 * scale_of(c) * rng.normal(size=c.shape)) for c in cotangents]
    found: list[list[float]] = []
    for entering, way, far in (
        (cotangents, _WAY, 0),
        (cotangents, _WAY, _WAY),
        (others, _WAY, _WAY),
        (cotangents, _LONG, 0),
        (cotangents, _WAY, _FAR),
    ):
        directions = [_direction(a, far, rng) if far and is_floating(a) else None for a in arrays]
        seeds = [_direction(c, way, rng) for c in entering]

        def along(step: float, ways: Any = (directions, seeds), entering: Any = entering) -> Sequence[Array]:
            return compute(_moved(arrays, ways[0], step), _moved(entering, ways[1], step))

        try:
            noises = _noise(along)
        except Exception:  # it need not take other numbers, or may return other shapes for them
            continue
        if max(way, far) > _WAY and any(noises):
            digits = last_digits(compute, arrays, cotangents) or noises
            noises = [min(noise, _INNER * digit) for noise, digit in zip(noises, digits, strict=True)]
        found.append(noises)
    return [max(noises) for noises in zip(*found, strict=True)]


def last_digits(compute: Way, arrays: Sequence[Any], cotangents: Sequence[Array]) -> list[float]:
    """The last digit of the largest number in each result, here or nearer to 0, where less is saturated; but at least
    that of the cotangents.

    Args:
        compute: gives the results.
        arrays: the arguments.
        cotangents: what enters a backward pass.

    >>> import numpy as np
    >>> last_digits(lambda arrays, cotangents: [cotangents[0] / arrays[0]], [np.ones(2)], [np.ones(2)])[0] * 2**52
    64.0
    """
    sizes: list[list[float]] = []
    for part in _NEARER:
        try:
            results = compute([np.asarray(a * part) if is_floating(a) else a for a in arrays], list(cotangents))
        except Exception:
            continue
        sizes.append([_largest(r) for r in results])
    least = max([_largest(c) for c in cotangents], default=0.0)
    return [_EPS * max(least, *each) for each in zip(*sizes, strict=True)]


def _noise(along: Callable[[float], Sequence[Array]]) -> list[float]:
    """The noise of each result along a line; 0 where randomness is nearly as large."""
    rows = [along(place + _AHEAD) for place in PLACES]
    noises = [_largest(fit(np.stack(parts)).noise) for parts in zip(*rows, strict=True)]
    if not any(noises):
        return noises
    again = [along(_AHEAD) for _ in range(1 + _AGAIN)]
    spreads = [_largest(np.ptp(parts, axis=0)) for parts in zip(*again, strict=True)]
    return [noise if 8 * spread < noise else 0.0 for noise, spread in zip(noises, spreads, strict=True)]


def _direction(a: Array, way: float, rng: np.random.Generator) -> Array:
    return np.asarray(way * scale_of(a) * rng.normal(size=a.shape))


def _moved(arrays: Sequence[Any], directions: Sequence[Array | None], step: float) -> list[Any]:
    return [a if d is None else np.asarray(a + step * d) for a, d in zip(arrays, directions, strict=True)]


def _largest(numbers: Array) -> float:
    return float(np.max(np.abs(numbers), where=np.isfinite(numbers), initial=0.0))
