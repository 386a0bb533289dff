"""What a law is: a function of one call, which it can differentiate again."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...autograd.running import backward
from ...dtypes import Array
from ...engine.graph import Leaf, array_of
from ...engine.recording import make_tensor
from ..differences.cotangents import of_both_signs
from ..differences.numeric import scale_of
from ..differences.rounding import Way, rounding_of
from ..subject import Subject, is_array, is_floating, or_zeros
from ..whereabouts import index_text

EXACT = 1e-9  # how far off results may be that ought to be equal, relative to the largest of them
GENEROUS = 64  # by how many standard deviations of their rounding they may differ


class NotApplicable(Exception):
    """Says why a law does not apply to an example."""


@dataclass(frozen=True)
class Law:
    """Something that holds for every right gradient, whatever the function.

    Attributes:
        name: its name, a key of `LAWS`.
        doc: what it says.
        function: takes an `Example`; returns None if the law holds, else what is wrong; raises `NotApplicable` where it
            does not apply.

    >>> from tinygrad_edu.testing import LAWS
    >>> LAWS["same_tensor_twice"].doc
    'If one tensor is passed for two inputs, its gradient is the sum of their gradients.'
    """

    name: str
    doc: str
    function: Callable[[Example], str | None]


LAWS: dict[str, Law] = {}
"""All laws by their names."""


def law(function: Callable[[Example], Any]) -> Callable[[Example], str | None]:
    """Add a function to the `LAWS`, under its name, with its docstring.

    It returns what is wrong, or is a generator that yields possible errors; None means none.
    """

    @functools.wraps(function)
    def first(example: Example) -> str | None:
        found: Any = function(example)
        if inspect.isgenerator(found):
            found = next(filter(None, found), None)
        return None if found is None else str(found)

    name = function.__name__
    LAWS[name] = Law(name, " ".join((function.__doc__ or "").split()), first)
    return first


def when(words: str, text: str | None) -> str | None:
    """What is wrong, and when; None if nothing is."""
    return text and f"{words} {text}"


@dataclass
class Example:
    """A function with its arguments, and its gradients there.

    Attributes:
        subject: the function.
        arrays: its arguments in float64.
        cotangents: one for each output.
        values: the outputs.
        gradients: for each checked input, zeros where it has none.
        rng: the source of random choices.
        batched: the positions of the arguments that have samples along axis 0.
        composed: another implementation of the same function, if there is one.
        rtol: by how much inexact gradients may be off, relative to the largest of their input.
        compared: how many numbers have been compared so far.
    """

    subject: Subject
    arrays: list[Any]
    cotangents: list[Array]
    values: list[Array]
    rng: np.random.Generator
    batched: Sequence[int] = ()
    composed: tuple[Subject, int] | None = None
    rtol: float = 0.0
    gradients: list[Array] = field(default_factory=list)
    compared: int = 0

    def __post_init__(self) -> None:
        self.gradients = self.pull(self.arrays, self.cotangents)

    @property
    def checked(self) -> list[int]:
        """The places of the inputs whose gradients are checked."""
        return self.subject.checked

    def names(self) -> list[str]:
        """The names of these inputs."""
        return [self.subject.inputs[i].name for i in self.checked]

    def pull(self, arrays: Sequence[Any], cotangents: Sequence[Array]) -> list[Array]:
        """The gradients of the checked inputs at other numbers; zeros for None."""
        return self.subject.full_gradients(arrays, cotangents)

    def record(self, arrays: Sequence[Any], constant: int | None = None) -> tuple[list[Any], list[Any]]:
        """The outputs with their graph and the leaves, made of the arrays as they are; one may be held constant."""
        leaves = [
            make_tensor(a, Leaf(a.shape, a.dtype) if given.checked and i != constant else None) if is_array(a) else a
            for i, (a, given) in enumerate(zip(arrays, self.subject.inputs, strict=True))
        ]
        return self.rerun(leaves), leaves

    def rerun(self, leaves: Sequence[Any]) -> list[Any]:
        """The outputs with their graph, for tensors that are there already; arrays are constants."""
        return self.subject.run([make_tensor(a, None) if is_array(a) else a for a in leaves])

    def run(self, results: Sequence[Any], cotangents: Sequence[Any], retain_graph: bool = False) -> None:
        """A backward pass that adds to the leaves' `.grad`."""
        pairs = [(out, c) for out, c in zip(results, cotangents, strict=True) if out.source is not None]
        if not pairs:
            return
        with self.subject.resumed():
            backward([out for out, _ in pairs], [c for _, c in pairs], retain_graph=retain_graph)

    def kept(self, leaves: Sequence[Any]) -> list[Array]:
        """What backward passes have left in the `.grad` of the checked inputs."""
        return or_zeros([array_of(leaves[i].grad) for i in self.checked], [leaves[i].array for i in self.checked])

    def another_point(self, places: Sequence[int] | None = None) -> list[Any]:
        """The arguments, a little elsewhere: all that are real numbers, or some of them."""
        moved = list(self.arrays)
        for i in range(len(moved)) if places is None else places:
            if is_floating(moved[i]):
                move = self.rng.normal(size=moved[i].shape)
                moved[i] = np.asarray(moved[i] + 1e-3 * scale_of(moved[i]) * move)
        return moved

    def points(self) -> list[list[Any]]:
        """The arguments; those with samples a little elsewhere (all, if these are not real numbers); all of them."""
        samples = [i for i in self.batched if is_floating(self.arrays[i])]
        return [self.arrays, self.another_point(samples or None), self.another_point()]

    def other_cotangents(self) -> list[Array]:
        """Random numbers of the shapes of the outputs, of both signs wherever there are two or more."""
        return of_both_signs([np.asarray(self.rng.normal(size=c.shape)) for c in self.cotangents])

    @functools.cached_property
    def rounding(self) -> list[float]:
        """For each checked input the standard deviation of the rounding errors of its gradient."""
        return self.rounding_by(self.pull)

    def rounding_by(self, way: Way, arrays: Sequence[Any] | None = None) -> list[float]:
        """The same, of gradients computed in another way, or at other numbers."""
        none = [0.0] * len(self.checked)
        return rounding_of(way, self.arrays if arrays is None else arrays, self.cotangents) or none

    def rounding_with(self, way: Way) -> list[float]:
        """Those of the gradients, and of the gradients in another way, added up."""
        return [a + b for a, b in zip(self.rounding, self.rounding_by(way), strict=True)]

    def unlike(
        self,
        found: Sequence[Array],
        expected: Sequence[Array],
        scales: Sequence[Array | float] | None = None,
        after: str = "",
        rounding: Callable[[], Sequence[float]] | None = None,
    ) -> str | None:
        """Where the gradients of the checked inputs are not what they should be, if they are not.

        Args:
            found: the gradients.
            expected: what they should be.
            scales: the sizes of what was added up for them, of which rounding errors are a share.
            after: what to add to the text.
            rounding: gives the standard deviations of their rounding errors; default, of those at these arguments.
        """
        whole = sum([float(np.abs(y * c).sum()) for y, c in zip(self.values, self.cotangents, strict=True)])
        for k, (name, a, b) in enumerate(zip(self.names(), found, expected, strict=True)):
            size = 1e-4 * whole / max(_largest(self.arrays[self.checked[k]]), 1e-2)
            text = self.differ(k, a, b, 0.0 if scales is None else _largest(scales[k]), size, rounding)
            if text:
                return f"the gradient of {name!r}{text}{after}"
        return None

    def differ(
        self,
        k: int,
        found: Array,
        expected: Array,
        added: float = 0.0,
        size: float = 0.0,
        rounding: Callable[[], Sequence[float]] | None = None,
    ) -> str | None:
        """Where one gradient is not what it should be, if it is not: as " is … at … where … is right".

        Args:
            k: of which of the checked inputs it is.
            found: the gradient.
            expected: what it should be.
            added: the size of what was added up for it.
            size: that of whatever else it was computed from.
            rounding: as for `unlike`; it is measured only if they differ.
        """
        if found.shape != expected.shape:
            return f" has shape {found.shape} where {expected.shape} is right"
        self.compared += found.size
        with np.errstate(all="ignore"):
            gap = np.abs(found - expected)
        gap = np.where(np.isnan(gap), np.inf, gap)  # neither is right if both are infinite
        largest = max(_largest(expected), added)
        allowed = max(EXACT * max(largest, size), self.rtol * max(largest, _largest(self.gradients[k])))
        if not (gap > allowed).any():
            return None
        allowed += GENEROUS * (self.rounding if rounding is None else rounding())[k]
        if not (gap > allowed).any():
            return None
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(gap)), gap.shape))
        ours, right, off = (float(array[at]) for array in (found, expected, gap))
        place = f" at {index_text(at)}" if at else ""
        return f" is {ours:.10g}{place} where {right:.10g} is right, off by {off:.2g}"


def _largest(numbers: Array | float) -> float:
    """The largest of the finite ones, without their signs."""
    size = np.abs(numbers)
    return float(np.max(size, where=np.isfinite(size), initial=0.0))
