"""What a backward in plain NumPy must not do: write into inputs, or return gradients of other shapes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..dtypes import Array
from ..errors import ShapeError

Shape = tuple[int, ...]


class WrongGradientError(ShapeError):
    """What a backward in plain NumPy returned for an input cannot be its gradient, whatever its numbers are."""


def layers_too(f: Any) -> str:
    """What checks an object that was given where a function belongs; empty if nothing does."""
    return ": gradcheck_layer() checks an object with forward and backward" if hasattr(f, "backward") else ""


@contextmanager
def kept_as_they_are(names: Sequence[str], arrays: Sequence[Any]) -> Iterator[None]:
    """A call of a backward, after which the inputs have to be as they are now.

    Raises:
        WrongGradientError: naming the first input that was changed; all are put back.
    """
    before = [a.copy() if isinstance(a, np.ndarray) else None for a in arrays]
    yield
    changed = ""
    for name, now, then in zip(names, arrays, before, strict=True):
        if then is not None and not np.array_equal(now, then, equal_nan=then.dtype.kind == "f"):
            now[...] = then
            changed = changed or name
    if changed:
        raise WrongGradientError(f"{changed} was changed in place by the backward: let it work on a copy")


def refuse_misfits(names: Sequence[str], arrays: Sequence[Any], gradients: Sequence[Array | None]) -> None:
    """Refuse gradients that are not of real numbers, or do not have the shapes of their inputs.

    Args:
        names: what the inputs are called, such as "input 'x'".
        arrays: the inputs.
        gradients: one for each; None where there is none, or where it does not matter.

    Raises:
        WrongGradientError: naming the input, both shapes, and what was probably forgotten.
    """
    shapes = [np.shape(a) for a in arrays]
    returned = [None if g is None else g.shape for g in gradients]
    for i, (name, g) in enumerate(zip(names, gradients, strict=True)):
        if g is None:
            continue
        if g.dtype.kind not in "fiub":
            raise WrongGradientError(f"the gradient of {name} has dtype {g.dtype}, not real numbers")
        if g.shape != shapes[i]:
            cause = _exchanged(i, names, shapes, returned) or misfit(g.shape, shapes[i])
            raise WrongGradientError(
                f"the gradient of {name} has shape {g.shape}, the {name.split()[0]} {shapes[i]}{cause and ': '}{cause}"
            )


def misfit(found: Shape, right: Shape) -> str:
    """What was probably forgotten; empty if nothing fits.

    >>> misfit((3, 4), (4, 3)), misfit((8, 4), (4,))
    ('is it transposed?', 'the sum over axis 0, along which the input was broadcast, is missing')
    """
    if found == right[::-1]:
        return "is it transposed?"
    if found in itertools.permutations(right):
        return "are its axes exchanged?"
    axes = _broadcast_axes(right, found)
    if axes:
        over = f"ax{'es' if len(axes) > 1 else 'is'} {' and '.join(map(str, axes))}"
        return f"the sum over {over}, along which the input was broadcast, is missing"
    if int(np.prod(found)) == int(np.prod(right)):
        return "it has as many numbers: reshape it to the shape of the input"
    if _broadcast_axes(found, right):
        return "an extra sum, or one without keepdims? There must be a number for each number of the input"
    return ""


def _broadcast_axes(own: Shape, wide: Shape) -> list[int]:
    """The axes of `wide` along which `own` is broadcast to it; none if it cannot be."""
    missing = len(wide) - len(own)
    if missing < 0 or any(n not in (1, m) for n, m in zip(own, wide[missing:], strict=True)):
        return []
    return [i for i, m in enumerate(wide) if i < missing or own[i - missing] != m]


def _exchanged(i: int, names: Sequence[str], shapes: Sequence[Shape], returned: Sequence[Shape | None]) -> str:
    """Whether it has the shape of another input, whose gradient has that of this one."""
    for j, name in enumerate(names):
        if shapes[j] != shapes[i] and returned[i] == shapes[j] and returned[j] == shapes[i]:
            return f"is that of {name} in its place? Gradients come in the order of the inputs"
    return ""
