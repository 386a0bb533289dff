"""Where samples meet: which op is named, which line, and in what words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made import normal, parameter

import tinygrad_edu as tg
from tinygrad_edu.sample_rules.ids import NOBODY
from tinygrad_edu.samples.opening.meetings import Coupling, by_rows, is_mixing

B, D = 5, 4
X, W = tg.tensor(normal(B, 3)), parameter(3, D, seed=1)


def hidden() -> Any:
    return (X @ W).tanh()


def rows(z: Any) -> Any:
    """A loss for each row."""
    return (np.sin(z) * 1.3 + z).sum(1)


def _line_of(text: str) -> int:
    with open(__file__, encoding="utf-8") as source:
        return next(number for number, found in enumerate(source, 1) if f"    {text}" in found)


def test_the_message_says_what_meets_where() -> None:
    h = hidden()
    with pytest.raises(tg.SampleCouplingError) as caught:
        rows(h @ h.T).backward(per_sample=True)
    first, second, *rest = str(caught.value).split("\n")
    assert first == (
        "the samples are coupled by 'matmul': it uses the result of 'tanh', of shape (5, 4), across samples, "
        "while 'matmul' uses it sample by sample. So the loss of one sample depends on the others, and has no gradient "
        "of its own."
    )
    assert second.startswith("  called at ")
    assert second.endswith(f"test_meetings.py:{_line_of('rows(h @ h.T)')}: rows(h @ h.T).backward(per_sample=True)")
    assert "layer_norm" in rest[0]


def test_where_only_elementwise_ops_meet_the_line_before_is_named() -> None:
    scores = hidden().sum(1)
    ones = tg.ones(B, B, dtype=tg.float64)
    with pytest.raises(tg.SampleCouplingError, match="coupled by 'sub'") as caught:
        (((ones - scores) ** 2).sum(1) + scores).backward(per_sample=True)
    assert caught.value.where.endswith("scores = hidden().sum(1)")
    assert f"\n  after {caught.value.where}\n" in str(caught.value)


def test_ops_that_users_never_call_by_their_names_are_called_what_they_write() -> None:
    h = hidden()[:, 1:]
    overwritten = h * 0.8
    overwritten[:] = h[0]
    for result, text in [
        (h / h.sum(0), "coupled by 'sum': it uses the result of 'x[index]', of"),
        (overwritten + h, "coupled by 'x[index] = value': it uses"),
    ]:
        with pytest.raises(tg.SampleCouplingError) as caught:
            rows(result).backward(per_sample=True)
        assert f"the samples are {text}" in str(caught.value)
        assert not any(name in str(caught.value).split("\n")[0] for name in ("sum_over", "getitem", "set_item"))


def test_what_is_not_known_is_left_out_of_the_message() -> None:
    known = Coupling("matmul", "file.py:3: h @ h.T", True, "tanh", (5, 4), "mul")
    assert str(known) == "matmul, file.py:3: h @ h.T"
    error = known.error()
    assert (error.op, error.where) == ("matmul", "file.py:3: h @ h.T")
    assert "across samples, while 'mul' uses it sample by sample. So" in str(error)
    assert "\n  called at file.py:3: h @ h.T\n" in str(error)
    assert "\n  after file.py:3: h @ h.T\n" in str(Coupling("sub", known.line, False, "tanh", (5, 4), "").error())
    little = str(Coupling("matmul", "", False, "tanh", (5, 4), "").error())
    assert "across samples. So" in little
    assert "called at" not in little
    assert "after" not in little


def test_samples_may_meet_in_ops_that_mix_and_at_the_losses() -> None:
    assert is_mixing(None)
    assert is_mixing((X @ W).source)
    assert not is_mixing(hidden().source)


def test_ids_lie_by_rows_where_all_along_one_axis_are_somebodys() -> None:
    columns = np.array([[0, 1, 2]])
    some = np.array([[0, NOBODY], [1, 1], [NOBODY, 2]])
    assert by_rows(columns) is columns
    np.testing.assert_array_equal(by_rows(some), [[0], [1], [2]])
    for scattered in (np.array([[0, 1], [1, 0]]), np.array([0, NOBODY]), None):
        assert by_rows(scattered) is scattered
