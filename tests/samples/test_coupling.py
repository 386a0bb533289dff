"""Whether samples are coupled, element by element: no program is accused wrongly, and none gets away with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from per_sample import check_open_sum, one_hot_passes
from row_programs import D, RowProgram, reached, row_programs

import tinygrad_edu as tg


def setting(count: int) -> tuple[Any, Any, Any]:
    """A batch, a weight, and a function that gives h, (B, D)."""
    rng = np.random.default_rng(count)
    x, w = tg.tensor(rng.normal(size=(count, 3))), tg.tensor(rng.normal(size=(3, D)), requires_grad=True)
    return x, w, lambda: (x @ w).tanh()


def is_coupled(program: RowProgram) -> bool:
    """By derivatives: whether a number in h is used by more than one sample."""
    _, _, make = setting(program.count)
    return bool((reached(program, make()).sum(0) > 1).any())


@settings(max_examples=300)
@given(row_programs(mixing=False), st.booleans())
def test_rows_that_stay_their_samples_are_never_accused(program: RowProgram, anchored: bool) -> None:
    program.anchored = anchored
    _, w, make = setting(program.count)
    check_open_sum(lambda: program.losses(make()), [w], tolerance=1e-10)
    assert not is_coupled(program)


@settings(max_examples=300)
@given(row_programs(anchored=True))
def test_samples_are_accused_if_and_only_if_they_meet(program: RowProgram) -> None:
    _, w, make = setting(program.count)
    losses = program.losses(make())
    expected = one_hot_passes(losses, [w])[0]
    accused = None
    try:
        losses.backward(per_sample=True, retain_graph=True)
    except tg.SampleCouplingError as error:
        accused = error
        assert w.grad is None
        losses.backward(per_sample=True, coupled=True)
    assert (accused is not None) == is_coupled(program)
    np.testing.assert_allclose(w.sample_grads.materialize().array, expected, rtol=1e-10, atol=1e-11)
    w.grad = None


@settings(max_examples=150)
@given(row_programs())
def test_what_is_accused_is_coupled_and_all_else_is_exact(program: RowProgram) -> None:
    """Without a use that shows whose each row of h is: then a row that all use may be a table's, and is let be."""
    _, w, make = setting(program.count)
    try:
        program.losses(make()).requires_grad and program.losses(make()).backward(per_sample=True)
    except tg.SampleCouplingError:
        assert is_coupled(program)
    check_open_sum(lambda: program.losses(make()), [w], coupled=True, tolerance=1e-10)
