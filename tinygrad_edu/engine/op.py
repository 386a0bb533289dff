"""What an op is: its function, its derivative rules, and what tests and docs need to know of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from .typing import SampleRule


Rule: TypeAlias = Callable[..., Any]
Cases: TypeAlias = Callable[[Callable[..., Any]], Iterable[tuple[Any, ...]]]


class Primitive:
    """One op of the registry: its forward function, its rules, and what tests and docs need to know.

    Attributes:
        name: the name in the registry, in messages and in drawings of the graph.
        forward: the function on arrays.
        vjps: the vjp rule of each argument; None for an argument that has no derivative.
        joint: one rule for all arguments, in place of `vjps`.
        saves: for each argument the names of what its rule reads by value: arguments, or "out".
        variadic: whether the trailing arguments are any number of arrays.
        fresh: whether what a rule returns is always `g` itself or a new array that nobody else holds.
        numpy: the NumPy functions that are this op when they are called on a Tensor.
        domain: the interval on which the generic tests draw arguments.
        cases: argument lists for the generic tests.
        symmetric: whether the first argument is a symmetric matrix, with one triangle read; its
            gradient is symmetric, too.
        samples: how the samples of a batch stay apart in it; None where that is not known.
        view: whether the result may be a view of the first argument, in its memory.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        *,
        name: str,
        vjps: Sequence[Rule | None],
        joint: Rule | None,
        saves: Sequence[str] | None,
        fresh: bool,
        numpy: tuple[Callable[..., Any], ...],
        domain: tuple[float, float],
        cases: Cases | None,
        symmetric: bool = False,
        samples: SampleRule | None = None,
        view: bool = False,
    ) -> None:
        self.forward = forward
        self.name = name
        self.vjps = vjps
        self.joint = joint
        self.fresh = fresh
        self.numpy = numpy
        self.domain = domain
        self.cases = cases
        self.symmetric = symmetric
        self.samples = samples
        self.view = view
        self.signature: inspect.Signature = inspect.signature(forward)
        parameters = list(self.signature.parameters.values())
        self.variadic: bool = bool(parameters) and parameters[-1].kind is parameters[-1].VAR_POSITIONAL
        self.parameters: list[str] = [p.name for p in parameters]
        self.saves: list[set[str]] | None = None if saves is None else [set(text.split()) for text in saves]

    @property
    def differentiable(self) -> bool:
        """Whether any argument has a rule."""
        return self.joint is not None or any(self.vjps)

    def saved(self, tracked: tuple[bool, ...]) -> tuple[bool, ...]:
        """Which arguments, and last of all whether the result, the rules of the `tracked` ones read."""
        if self.saves is None:
            return (True,) * (len(tracked) + 1)
        read: set[str] = set()
        last = len(self.parameters) - 1
        for index, wanted in enumerate(self.saves):
            if any(tracked[index:] if self.variadic and index == last else tracked[index : index + 1]):
                read |= wanted
        surplus = len(tracked) - len(self.parameters)  # more arguments of a variadic op
        names = self.parameters[: len(tracked)] + self.parameters[-1:] * max(surplus, 0)
        return (*(name in read for name in names), "out" in read)
