"""The checks themselves, put to the test: wrong gradients are found and explained, right ones are not accused."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from testing.faults import FAULTS, Fault, Use, examine

import tinygrad_edu as tg
from tinygrad_edu.engine import backprop
from tinygrad_edu.engine.primitives import PRIMITIVES
from tinygrad_edu.testing.checks import gradcheck
from tinygrad_edu.testing.property import gradient_property
from tinygrad_edu.testing.report import GradcheckError

SEEDS = 20
EACH = 1  # of these seeds, for each function that is right: all are too many for a run of the tests
RIGHT = list({fault.use.name: fault.use for fault in FAULTS}.values())


@cache
def failure(fault: Fault) -> Exception | None:
    """What is said of a fault, for the first of a few draws that shows it."""
    for seed in range(2):
        with fault.plant():
            found = examine(fault.use, seed)
        if found:
            return found[0]
    return None


def said(error: Exception) -> str:
    """All that an error says, but for the program that reproduces it."""
    return "\n".join([str(error).partition("to reproduce:")[0], *getattr(error, "__notes__", ())])


def explained(error: Exception) -> bool:
    """Whether it is a comparison with differences that failed, so that more can be said of it."""
    report = getattr(error, "report", None)
    return report is not None and report.mode in ("full", "elements", "project") and not report.problems


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.id) for fault in FAULTS])
def test_wrong_gradients_are_caught(fault: Fault) -> None:
    assert failure(fault) is not None


def test_there_are_many_different_faults() -> None:
    families = Counter(fault.family for fault in FAULTS)
    assert len(FAULTS) >= 150
    assert len(families) >= 30
    assert len({fault.id for fault in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize("number", range(len(RIGHT)), ids=[use.name for use in RIGHT])
def test_right_gradients_are_not_accused(number: int) -> None:
    use = RIGHT[number]
    seeds = [(number + k * 7) % SEEDS for k in range(1 if use.large else EACH)]
    for seed in seeds:
        assert [str(failure) for failure in examine(use, seed, everything=True)] == []


def test_nothing_is_left_of_a_fault() -> None:
    rules = {name: (op.vjps, op.joint, op.fresh, op.samples) for name, op in PRIMITIVES.items()}
    engine = backprop.apply_vjp, backprop._add, backprop.sum_to_shape
    for fault in FAULTS:
        with pytest.raises(KeyError), fault.plant():
            raise KeyError
    assert {name: (op.vjps, op.joint, op.fresh, op.samples) for name, op in PRIMITIVES.items()} == rules
    assert (backprop.apply_vjp, backprop._add, backprop.sum_to_shape) == engine


def test_the_op_to_blame_is_named() -> None:
    asked = [fault for fault in FAULTS if fault.blame and (error := failure(fault)) and explained(error)]
    missed = [fault.id for fault in asked if f"the rule of '{fault.blame}'" not in failure(fault).report.blame]  # type: ignore[union-attr]
    assert len(asked) > 150
    assert len(missed) <= 0.05 * len(asked), missed


def test_no_op_is_blamed_where_every_rule_is_right() -> None:
    innocent = [
        fault
        for fault in FAULTS
        if fault.where == "walk" or fault.where.startswith("nn.")
        if (error := failure(fault)) and "the rule of '" in getattr(getattr(error, "report", None), "blame", "")
    ]
    assert [fault.id for fault in innocent] == []


def test_the_hint_says_what_was_done() -> None:
    asked = [fault for fault in FAULTS if fault.hint and failure(fault) is not None]
    missed = [fault.id for fault in asked if not re.search(fault.hint or "", said(failure(fault) or Exception()))]
    assert len(asked) > 100
    assert len(missed) <= 0.1 * len(asked), missed


def _by_id(start: str) -> Fault:
    return next(fault for fault in FAULTS if fault.id.startswith(start))


@pytest.mark.parametrize(
    ("start", "f"),
    [
        ("factor 1.1: sin", tg.sin),
        ("wrong where negative: erf", tg.erf),
        ("wrong on non-contiguous: exp", tg.exp),
        ("float32 becomes float64: sin", tg.sin),
    ],
)
def test_a_property_finds_them(start: str, f: Any) -> None:
    from tinygrad_edu.testing.strategies import tensors

    prove = gradient_property(given=tensors(shape=(2, 2), domain="distinct"), profile="ci")(f)
    with _by_id(start).plant(), pytest.raises(GradcheckError):
        prove()


def test_a_fault_below_the_tolerance_is_not_found() -> None:
    x = np.array([[0.3, -1.2], [0.7, 1.9]])
    with _by_id("factor 1 + 1e-6: cosh").plant(), pytest.raises(GradcheckError):
        gradcheck(tg.cosh, x)
    with _by_id("factor 1 + 1e-6: cosh").plant():
        assert gradcheck(tg.cosh, x, rtol=1e-5).ok


def test_what_lies_beyond_the_arguments_is_not_found() -> None:
    """No check can see what is wrong only where it does not look."""
    with _by_id("wrong where beyond 1.5: sin").plant():
        assert examine(Use("sin", lambda: tg.sin, lambda rng: (rng.uniform(-1.0, 1.0, (3, 4)),))) == []
        assert examine(Use("sin", lambda: tg.sin, lambda rng: (rng.uniform(-2.0, 2.0, (3, 4)),))) != []
