"""Contributions: what an op gives to the gradient of an argument that samples share, before the sum over samples.

A sample rule describes it in plain terms, from which `tinygrad_edu.samples` makes the gradients of the samples. An op
that is described needs no further support: a convolution, say, is the `Products` of patches and of its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Contribution", "Lettered", "Moved", "Products", "Summed", "Through", "WrittenOut"]

Lettered: TypeAlias = tuple[str, Any]
"""An array, and a letter for each of its axes; axes of one letter have one size, or size 1."""


class Products(NamedTuple):
    """A sum of products.

    Attributes:
        own: the letters of the argument.
        gradient: what comes of the gradient of the result, whose axes it has.
        others: the arrays that it is multiplied with; what is not in `own` is summed over.
        shape: the argument's, where letters name parts of its axes; default, as it is.
        ids: those of `gradient`, if it does not have the axes of the op's result.
    """

    own: str
    gradient: Lettered
    others: tuple[Lettered, ...]
    shape: tuple[int, ...] | None = None
    ids: Any = None


class Moved(NamedTuple):
    """The gradients of elements that the op has moved.

    Attributes:
        rows: for each element of the result, or each row of them, which row of the argument it came from; below 0,
            from nowhere.
        axes: how many axes a row has.
    """

    rows: Any
    axes: int


class Summed(NamedTuple):
    """What the op's own vjp rule gives, to be summed over the axes along which the argument was broadcast.

    Attributes:
        shape: its shape before that: of one that has another shape, nothing is known.
    """

    shape: tuple[int, ...]


class Through(NamedTuple):
    """Products with the gradient of another argument: as in a loop, where that has come through all later steps.

    The walk computes it anyway; a rule that gives this says so by its attribute `through`.

    Attributes:
        argument: which one; its gradient is taken before broadcasting is undone.
        ids: the sample of each element of that gradient.
        products: makes the products of that gradient, the result of the call and its arguments.
    """

    argument: int
    ids: Any
    products: Callable[[Any, Any, Sequence[Any]], Products]


class WrittenOut(NamedTuple):
    """Gradients written out: where they take less room than what they are sums of products of.

    Attributes:
        ids: the sample of each, (n,).
        values: (n, *sizes of the axes of the argument).
        axes: in which order `values` has these axes.
    """

    ids: Any
    values: Any
    axes: tuple[int, ...]


Contribution: TypeAlias = Products | Moved | Summed | WrittenOut | Through
