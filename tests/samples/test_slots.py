"""What factors add to the gradient of one number, slot by slot. What comes of it is tested with `Explanation`."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.samples.slots import Slots, one_number, slots_of, together, totals


def opened(steps: int = 2) -> tg.samples.SampleGrads:
    w = tg.zeros(3, 2, dtype=tg.float64, requires_grad=True)
    x = tg.tensor(np.arange(4.0 * steps * 3).reshape(4, steps, 3))
    (x @ w).sum((1, 2)).backward(per_sample=True)
    return w.sample_grads


def slots(grads: tg.samples.SampleGrads, at: tuple[int, ...]) -> Slots:
    whole = grads.open_sum("a test")
    return together([slots_of(factor, whole, at, grads.written_out) for factor in whole.factors])


def test_there_is_a_slot_for_each_use_and_they_add_up() -> None:
    grads = opened()
    found = slots(grads, (2, 1))
    assert found.owner.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert found.x.tolist() == [2.0, 5.0, 8.0, 11.0, 14.0, 17.0, 20.0, 23.0]
    assert found.delta.tolist() == [1.0] * 8
    assert found.known.all()
    np.testing.assert_array_equal(np.bincount(found.owner, found.product), grads[:].array[:, 2, 1])


def test_no_factors_make_no_slots() -> None:
    assert [len(array) for array in together([])] == [0] * 5


def test_the_total_is_what_grad_holds_and_the_rest_is_beside_the_samples() -> None:
    grads = opened()
    terms = grads[:].array[:, 0, 0]
    assert totals(grads, (0, 0), terms, 8) == (terms.sum(), 0.0)


@pytest.mark.parametrize(("index", "place"), [((-1, 1), (2, 1)), ((np.int64(0), 0), (0, 0)), ((..., 2, 0), (2, 0))])
def test_a_place_has_a_number_for_each_axis(index: object, place: tuple[int, ...]) -> None:
    assert one_number(index, (3, 2)) == place


def test_a_place_is_one_number() -> None:
    with pytest.raises(IndexError, match=r"select one number, such as explain\(\(2, 1\)\)"):
        one_number(0, (3, 2))
