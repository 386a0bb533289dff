"""pad_sequence: sequences side by side, their gradients, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import normal, parameter
from per_sample import check_open_sum

import tinygrad_edu as tg
from tinygrad_edu.nn.utils.rnn import pad_sequence
from tinygrad_edu.testing import gradcheck


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.sampled_from([(), (2,), (2, 3)]), st.booleans())
def test_each_sequence_stands_in_its_row(lengths: list[int], rest: tuple[int, ...], left: bool) -> None:
    sequences = [normal(n, *rest, seed=i) for i, n in enumerate(lengths)]
    tensors = [tg.tensor(x) for x in sequences]
    side: Any = "left" if left else "right"
    out = pad_sequence(tensors, True, 7.0, side).numpy()
    assert out.shape == (len(lengths), max(lengths), *rest)
    for row, x in zip(out, sequences, strict=True):
        gap = len(row) - len(x)
        np.testing.assert_array_equal(row[gap:] if left else row[: len(x)], x)
        np.testing.assert_array_equal(row[:gap] if left else row[len(x) :], 7.0)
    np.testing.assert_array_equal(pad_sequence(tensors, False, 7.0, side).numpy(), out.swapaxes(0, 1))


def test_gradients_and_samples() -> None:
    gradcheck(lambda x, y: pad_sequence([x, y], padding_value=2.0) ** 2, [normal(3, 2), normal(1, 2, seed=1)])
    shared, xs = parameter(2), [normal(n, 2, seed=n) for n in (3, 1, 2)]

    def losses() -> Any:
        return pad_sequence([tg.tensor(x) * shared for x in xs], batch_first=True).sin().sum((1, 2))

    check_open_sum(losses, [shared])


def test_rows_of_a_tensor_and_dtypes() -> None:
    assert pad_sequence(tg.ones(2, 3)).shape == (3, 2)
    sequences, _ = zip((tg.ones(3), 0), (tg.ones(1), 1))  # as a collate_fn takes samples apart
    assert pad_sequence(sequences).tolist() == [[1.0, 1.0], [1.0, 0.0], [1.0, 0.0]]
    assert pad_sequence([tg.tensor([1, 2]), tg.tensor([3])], padding_value=9).tolist() == [[1, 3], [2, 9]]
    assert pad_sequence([tg.ones(2, dtype=tg.float64)]).dtype == tg.float64


@pytest.mark.parametrize(
    ("sequences", "options", "kind", "message"),
    [
        ([], {}, tg.ShapeError, "pad_sequence: there are no sequences"),
        ([tg.ones(2, 3), tg.ones(2, 4)], {}, tg.ShapeError, r"sequence 1 has shape \(2, 4\), sequence 0 \(2, 3\)"),
        ([tg.tensor(1.0)], {}, tg.ShapeError, r"sequence 0 has shape \(\)"),
        ([tg.ones(2), [1.0]], {}, TypeError, r"pad_sequence: number 1 is a list, not a tensor: wrap it in"),
        ([tg.ones(2)], {"padding_side": "top"}, ValueError, "padding_side is 'left' or 'right', got 'top'"),
    ],
)
def test_what_is_refused(sequences: Any, options: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        pad_sequence(sequences, **options)
