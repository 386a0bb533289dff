"""Random programs of views and changes in place: values and gradients as PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from view_programs import programs, run

import tinygrad_edu as tg

torch = pytest.importorskip("torch")


@settings(max_examples=300, deadline=None)
@given(programs)
def test_values_and_gradients_are_pytorchs(program: list[tuple[int, int, int, int]]) -> None:
    refusals = (RuntimeError, ValueError, IndexError)
    theirs, their_leaves, they_refused = run(torch, program, True, refusals)
    ours, our_leaves, we_refused = run(tg, program, True, (*refusals, tg.GraphError))
    first = next((i for i, (a, b) in enumerate(zip(we_refused, they_refused, strict=True)) if a != b), None)
    assert first is None or they_refused[first], program[first]
    assume(first is None)  # PyTorch takes some views of a constant that came into the graph for leaves
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        np.testing.assert_allclose(a.array, b.detach().numpy(), rtol=1e-12, atol=1e-12, err_msg=str(i))
        assert a.requires_grad == b.requires_grad, i
    ours_sum = sum((t * (i + 1)).sum() for i, t in enumerate(ours))
    theirs_sum = sum((t * (i + 1)).sum() for i, t in enumerate(theirs))
    assume(theirs_sum.requires_grad)
    theirs_sum.backward()
    ours_sum.backward()
    for a, b in zip(our_leaves, their_leaves, strict=True):
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None:
            np.testing.assert_allclose(a.grad.array, b.grad.numpy(), rtol=1e-10, atol=1e-10)
