"""Logic, of booleans and bits, and questions about many elements at once."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg


def test_logic_of_booleans_and_bits():
    a, b = tg.tensor([True, True, False]), tg.tensor([True, False, False])
    assert (a & b).tolist() == [True, False, False]
    assert (a | b).tolist() == [True, True, False]
    assert (a ^ b).tolist() == [False, True, False]
    assert (~a).tolist() == [False, False, True]
    assert (np.array([False, True, True]) & a).tolist() == [False, True, False]
    assert (tg.tensor([6, 5]) & 3).tolist() == [2, 1]
    assert (1 | tg.tensor([6, 5])).tolist() == [7, 5]
    assert (~tg.tensor([0, 5])).tolist() == [-1, -6]


def test_bits_of_floats_are_refused():
    with pytest.raises(tg.DtypeError, match=r"bitwise_and\(float32\[2\], int64\[2\]\)"):
        tg.tensor([1.0, 2.0]) & tg.tensor([1, 2])


def test_logical_functions_take_any_numbers():
    a, b = tg.tensor([0.0, 2.0, 3.0]), tg.tensor([1, 1, 0])
    assert tg.logical_and(a, b).tolist() == [False, True, False]
    assert tg.logical_or(a, b).tolist() == [True, True, True]
    assert tg.logical_xor(a, b).tolist() == [True, False, True]
    assert np.logical_not(a).tolist() == [True, False, False]


def test_questions():
    x = tg.tensor([[1, 0], [2, 3]])
    assert x.all(1).tolist() == [False, True]
    assert x.any().item() is True
    assert x.count_nonzero(0).tolist() == [2, 1]
    assert tg.tensor(np.zeros(0)).all().item() is True
