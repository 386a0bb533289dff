"""Comparisons, tests and logic: Tensors of booleans without a gradient."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg

NAN, INF = float("nan"), float("inf")


def test_comparisons_give_boolean_tensors_without_gradient():
    x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    for result, expected in [
        (x == 2, [False, True, False]),
        (x != 2, [True, False, True]),
        (x < 2, [True, False, False]),
        (x <= 2, [True, True, False]),
        (x > 2, [False, False, True]),
        (x >= 2, [False, True, True]),
        (x > 2, [False, False, True]),
        (np.array([1.0, 0.0, 3.0]) == x, [True, False, True]),
        (x.eq(tg.tensor([1.0, 0.0, 0.0])), [True, False, False]),
    ]:
        assert isinstance(result, tg.Tensor)
        assert result.dtype == np.bool_
        assert not result.requires_grad
        assert result.tolist() == expected


def test_comparison_with_none_is_about_identity():
    x = tg.tensor([1.0])
    assert (x == None) is False  # noqa: E711 - what a program may write
    assert (x != None) is True  # noqa: E711
    assert (x == "text") is False


def test_tensors_can_still_be_keys():
    x, y = tg.tensor([1.0]), tg.tensor([1.0])
    assert {x: 1, y: 2}[x] == 1


def test_kinds_of_numbers():
    x = tg.tensor([1.0, NAN, INF, -INF, -0.0])
    assert tg.isnan(x).tolist() == [False, True, False, False, False]
    assert x.isinf().tolist() == [False, False, True, True, False]
    assert np.isfinite(x).tolist() == [True, False, False, False, True]
    assert tg.isposinf(x).tolist() == [False, False, True, False, False]
    assert tg.isneginf(x).tolist() == [False, False, False, True, False]
    assert tg.signbit(x).tolist() == [False, False, False, True, True]


def test_closeness_and_equality():
    x, y = tg.tensor([1.0, NAN]), tg.tensor([1.0 + 1e-7, NAN])
    assert tg.isclose(x, y).tolist() == [True, False]
    assert tg.isclose(x, y, equal_nan=True).tolist() == [True, True]
    assert tg.allclose(x, y) is False
    assert tg.allclose(x, y, equal_nan=True) is True
    assert np.allclose(x[:1], [1.1], atol=0.2) is True
    assert tg.equal(tg.tensor([1, 2]), tg.tensor([1, 2])) is True
    assert tg.equal(tg.tensor([1, 2]), tg.tensor([[1, 2]])) is False
    assert np.array_equal(tg.tensor([1, 2]), np.array([1, 2])) is True
