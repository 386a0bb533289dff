"""Wrong gradients that a test makes for itself, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from testing.planting import in_rule

import tinygrad_edu as tg
from tinygrad_edu.testing import GradcheckError, gradcheck
from tinygrad_edu.testing.diagnosis.tape import Tape, tape_of
from tinygrad_edu.testing.report import Report
from tinygrad_edu.testing.subject import of_function


def planted(name: str, change: Callable[..., Any], index: int = 0) -> AbstractContextManager[None]:
    """The rule of an op for one argument, changed: ``change(part, g, out, *args)``."""
    return in_rule(name, lambda: lambda right, *given: change(right(), *given), index)()


def with_backward(backward: Callable[..., Any], forward: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a backward of our own, which is called with the gradient, the context and the arguments."""

    class Planted(tg.Function):
        @staticmethod
        def forward(ctx: Any, *args: Any) -> Any:
            ctx.save_for_backward(*args)
            ctx.calls = 0
            return forward(*args)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            ctx.calls += 1
            return backward(g, ctx, *ctx.saved_tensors)

    return Planted.apply


def failed(f: Any, inputs: Any, check: Callable[..., Any] = gradcheck, **options: Any) -> Report:
    """The report of a check that fails."""
    with pytest.raises(GradcheckError) as caught:
        check(f, inputs, **options)
    report: Report = caught.value.report
    return report


def taped(f: Any, *inputs: Any) -> Tape:
    """What a function does with these arguments, op by op."""
    subject = of_function(f, inputs)
    return tape_of(subject, subject.arrays())
