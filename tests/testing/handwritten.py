"""Functions in plain NumPy with gradients written by hand, and what each of the checks says of them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from tinygrad_edu.testing import checks
from tinygrad_edu.testing.checks import gradcheck, gradcheck_vjp
from tinygrad_edu.testing.laws.checking import check_laws
from tinygrad_edu.testing.property import gradient_property
from tinygrad_edu.testing.report import GradcheckError

__all__ = [
    "CHECKS",
    "Case",
    "Draw",
    "Habit",
    "Verdict",
    "draws",
    "judged",
    "run_property",
    "unexplained",
    "verdict",
]

Array: TypeAlias = Any
Draw: TypeAlias = Callable[[np.random.Generator], tuple[Any, ...]]
Verdict: TypeAlias = Literal["right", "inconclusive", "wrong"]
Written: TypeAlias = "tuple[Callable[..., Any], Callable[..., Any]]"


@dataclass(frozen=True)
class Case:
    """A function with the right gradient.

    Attributes:
        name: what to call it.
        forward: takes arrays, returns an array.
        vjp: called with the gradient of the output and the arrays; returns a gradient for each, or a tuple of them.
        draw: makes the arguments.
        library: the same function made of the library's ops, if there is one.
        given: makes a strategy of the arguments for a property; None for draws from seeds.
    """

    name: str
    forward: Callable[..., Any]
    vjp: Callable[..., Any]
    draw: Draw
    library: Callable[..., Any] | None = None
    given: Callable[[], Any] | None = None

    def arguments(self, seed: int) -> tuple[Any, ...]:
        """The arguments of one seed."""
        return self.draw(np.random.default_rng(seed))

    def plant(self) -> Written:
        """Forward and backward, as a `Habit` has them."""
        return self.forward, self.vjp


@dataclass(frozen=True)
class Habit:
    """A gradient that is written as many write it, and wrong.

    Attributes:
        name: what is done wrong.
        right: the function, with the right gradient.
        plant: makes forward and backward anew, with no memory of earlier calls.
    """

    name: str
    right: Case
    plant: Callable[[], Written]

    @property
    def given(self) -> Callable[[], Any] | None:
        """As of the right one."""
        return self.right.given

    def arguments(self, seed: int) -> tuple[Any, ...]:
        """The arguments of one seed."""
        return self.right.arguments(seed)


def draws(*shapes: tuple[int, ...], low: float = -2.0, high: float = 2.0, near: float = 0.0) -> Draw:
    """Uniform numbers between two limits, around a third."""
    return lambda rng: tuple(near + rng.uniform(low, high, shape) for shape in shapes)


@contextlib.contextmanager
def unexplained() -> Iterator[None]:
    """No search for what else could be said of a failure, which takes longer than the check."""
    before = checks.explain
    checks.explain = lambda *args: None
    try:
        yield
    finally:
        checks.explain = before


def by_vjp(case: Case | Habit, seed: int) -> None:
    """`gradcheck_vjp`."""
    gradcheck_vjp(*case.plant(), case.arguments(seed), seed=seed)


def by_laws(case: Case | Habit, seed: int) -> None:
    """`check_laws`."""
    forward, vjp = case.plant()
    check_laws(forward, case.arguments(seed), vjp=vjp, seed=seed)


def by_property(case: Case | Habit, seed: int, max_examples: int = 25, **options: Any) -> None:
    """`gradient_property`."""
    from hypothesis import strategies as st

    given = case.given() if case.given else st.integers(0, 2**16).map(case.arguments)
    forward, vjp = case.plant()
    run_property(forward, given, seed, max_examples, vjp=vjp, **options)


def run_property(function: Any, given: Any, seed: int, max_examples: int = 25, **options: Any) -> None:
    """A property with the numbers that hypothesis draws from a seed: none that failed before, and a failure is not made
    smaller.
    """
    import hypothesis

    usual = hypothesis.settings.default
    hypothesis.settings.register_profile("afresh", usual, database=None, phases=[hypothesis.Phase.generate])
    hypothesis.settings.register_profile("usual", usual)
    hypothesis.settings.load_profile("afresh")
    try:
        test = gradient_property(given=given, profile="quick", max_examples=max_examples, **options)(function)
    finally:
        hypothesis.settings.load_profile("usual")
    with contextlib.redirect_stdout(io.StringIO()):
        hypothesis.seed(seed)(test)()


def by_library(case: Case, seed: int) -> None:
    """`gradcheck` of the same function made of the library's ops."""
    assert case.library is not None
    gradcheck(case.library, case.arguments(seed), seed=seed)


CHECKS: dict[str, Callable[..., None]] = {"gradcheck_vjp": by_vjp, "laws": by_laws, "property": by_property}


def judged(error: Exception | None) -> Verdict:
    """What a check means by the error that it raised, or did not raise.

    One that has shown nothing, and says so, has not called the gradient wrong.
    """
    if error is None:
        return "right"
    return error.report.verdict if isinstance(error, GradcheckError) else "wrong"


def verdict(check: Callable[..., None], case: Case | Habit, seed: int) -> tuple[Verdict, str]:
    """What a check says of a function, and its words."""
    try:
        with unexplained():
            check(case, seed)
    except Exception as error:
        return judged(error), f"{type(error).__name__}: {error}"
    return "right", ""
