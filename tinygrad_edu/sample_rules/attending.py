"""The family of attention: how samples stay apart where queries look at keys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from string import ascii_lowercase
from typing import Any, TypeAlias

import numpy as np

from ..engine.graph import Node
from .families import Contraction, Terms
from .ids import NOBODY, Use
from .rule import Found, SampleRule

Axes: TypeAlias = "tuple[tuple[str | None, ...], str]"


class Attending(SampleRule):
    """Each result is a sum of products; the letters of the last axes are given, those in front broadcast.

    An argument without the axis of the samples is shared by them if it is a parameter. If it was computed, it is
    taken for a batch whose axes are in the wrong order: samples would look at one another.
    """

    def __init__(self, *results: Axes) -> None:
        """Of each result: the letters of the first arguments, None for one that it does not know, and its own."""
        self._results = results

    def ids_of(self, node: Node, ids: Any) -> Sequence[Found]:
        parts = ids if isinstance(ids, tuple) else (ids,)
        ndims = tuple([None if link is None else len(link.shape) for link in node.inputs])
        found = [
            _sums(axes, own.ndim, ndims).ids_of(node, own)
            for axes, own in zip(self._results, parts, strict=True)
            if own is not None
        ]
        return [
            None if link is None else _joined([use for use in said if use is not None], link)
            for link, *said in zip(node.inputs, *found, strict=True)
        ]


@lru_cache
def _sums(axes: Axes, ndim: int, ndims: tuple[int | None, ...]) -> Contraction:
    """The rule of a result of so many axes, for arguments of so many; None for one without a gradient."""
    inputs, output = axes
    known = (*inputs, *[None] * (len(ndims) - len(inputs)))
    letters = [None if own is None or n is None else _in_front(n, own) for own, n in zip(known, ndims, strict=True)]
    terms = Terms(letters, _in_front(ndim, output), ())
    return Contraction(lambda node: terms)


def _in_front(ndim: int, own: str) -> str:
    """The letters of so many axes; the last ones have their own."""
    return ascii_lowercase[20 - ndim + len(own) : 20] + own


def _joined(said: list[Any], link: Any) -> Found:
    """What the results that know an argument say of it; that it is shared, where they do not agree."""
    if not said:
        return np.full((1,) * len(link.shape), NOBODY)
    one, other = said[0], said[-1]
    if isinstance(one, Use) or isinstance(other, Use) or (one != other).any():
        return Use.MIXED if isinstance(link, Node) else Use.SHARED
    return np.broadcast_to(one, np.broadcast_shapes(one.shape, other.shape))
