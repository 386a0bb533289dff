"""values: what can be written, and what can be imported."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_edu as tg
from tinygrad_edu.testing import gradient_property
from tinygrad_edu.testing.repro.values import can_be_found, importable, literal, property_of
from tinygrad_edu.testing.strategies import tensors


@given(
    hnp.arrays(
        st.sampled_from([np.dtype(c) for c in ("f8", "f4", "f2", "i8", "u1", "?")]),
        hnp.array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=4),
    )
)
def test_literals_have_all_digits(array):
    found = eval(literal(array), {"np": np})
    assert found.dtype == array.dtype
    assert found.shape == array.shape
    np.testing.assert_array_equal(found, array)
    if array.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(found[~np.isnan(found)]), np.signbit(array[~np.isnan(array)]))


def test_long_literals_have_lines():
    text = literal(np.random.default_rng(0).normal(size=(4, 5)))
    assert max(map(len, text.splitlines())) <= 110
    assert len(text.splitlines()) == 6


@gradient_property(given=tensors())
def test_tanh(x):
    return tg.tanh(x)


def plain(x):
    return x


def test_what_can_be_imported():
    assert importable(plain)
    assert importable(np.linalg.norm)
    assert importable(test_tanh)
    assert not importable(test_tanh.function)
    assert not importable(lambda x: x)
    assert not importable(3)


def test_the_test_of_a_function():
    assert property_of(test_tanh.function) is test_tanh
    assert property_of(plain) is None
    assert property_of(lambda x: x) is None
    assert property_of(gradient_property(given=tensors())(tg.tanh)) is None


@pytest.mark.parametrize(("module", "found"), [("numpy.linalg", True), ("__main__", False), ("there.is.none", False)])
def test_modules(module, found):
    assert can_be_found(module) is found
