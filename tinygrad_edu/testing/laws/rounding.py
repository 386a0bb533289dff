"""How much rounding there is in gradients: two right ones differ by that, and nobody is to be accused of it.

It cannot be told from the size of a gradient: where much cancels, as in E[x²] - E[x]², all that is left may be
rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ...dtypes import Array
from ..differences.numeric import scale_of
from ..differences.regression import PLACES, fit
from ..subject import is_floating

_WAY = 1e-11  # how far to move numbers, relative to their size: all last digits change, and no digit of float32
_AHEAD = 2  # places from 1 to 3, and not from -1 to 1: where the arguments are at a kink it is left and not crossed
_AGAIN = 2  # how often to compute the same again

Way: TypeAlias = "Callable[[list[Any], list[Array]], Sequence[Array]]"
"""How to compute gradients, or other results, from arguments and cotangents."""


def rounding_of(compute: Way, arrays: Sequence[Any], cotangents: Sequence[Array]) -> list[float]:
    """The standard deviation of the rounding errors in what is computed: for each result the largest of its elements.

    Results are computed at several places of a short line, on which they are a polynomial but for rounding. Once the
    cotangents move along it, for there may be no way to move the arguments; then all numbers do; then with cotangents
    elsewhere, whose digits may be worse ones. What differs as much where nothing has been moved is by chance, and no
    rounding; nor is what a coarser dtype does.

    Args:
        compute: gives the results.
        arrays: the arguments; those that are real numbers can be moved.
        cotangents: what enters a backward pass.

    Returns:
        One number for each result; none at all if nothing can be computed near by.

    >>> import numpy as np
    >>> def gradient(arrays, cotangents):
    ...     x, g = arrays[0], cotangents[0]
    ...     return [g * 2 * (x - x.mean()), g * (2 * x) - g * 2 * x.mean()]
    >>> near, far = rounding_of(gradient, [np.full(3, 1e6)], [np.ones(())])
    >>> bool(near < 1e-9 < far < 1e-8)
    True
    """
    rng = np.random.default_rng(0)
    others = [np.asarray(3 * scale_of(c) * rng.normal(size=c.shape)) for c in cotangents]
    found: list[list[float]] = []
    for entering, far in ((cotangents, False), (cotangents, True), (others, True)):
        directions = [_direction(a, rng) if far and is_floating(a) else None for a in arrays]
        seeds = [_direction(c, rng) for c in entering]

        def along(step: float, places: Any = (directions, seeds), entering: Any = entering) -> Sequence[Array]:
            return compute(_moved(arrays, places[0], step), _moved(entering, places[1], step))

        try:
            found.append(_noise(along))
        except Exception:  # it need not take other numbers, or may return other shapes for them
            continue
    return [max(noises) for noises in zip(*found, strict=True)]


def _noise(along: Callable[[float], Sequence[Array]]) -> list[float]:
    """The noise of each result along a line; 0 where it is no smaller than what is by chance."""
    again = [along(_AHEAD) for _ in range(1 + _AGAIN)]
    rows = [along(place + _AHEAD) for place in PLACES]
    noises = [_largest(fit(np.stack(parts)).noise) for parts in zip(*rows, strict=True)]
    spreads = [_largest(np.ptp(parts, axis=0)) for parts in zip(*again, strict=True)]
    return [noise if spread < noise else 0.0 for noise, spread in zip(noises, spreads, strict=True)]


def _direction(a: Array, rng: np.random.Generator) -> Array:
    return np.asarray(_WAY * scale_of(a) * rng.normal(size=a.shape))


def _moved(arrays: Sequence[Any], directions: Sequence[Array | None], step: float) -> list[Any]:
    return [a if d is None else np.asarray(a + step * d) for a, d in zip(arrays, directions, strict=True)]


def _largest(noise: Array) -> float:
    return float(np.max(noise, where=np.isfinite(noise), initial=0.0))
