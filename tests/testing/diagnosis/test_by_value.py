"""by_value: what wrong elements have in common by their values."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_edu.testing.diagnosis.by_value import where_by_value
from tinygrad_edu.testing.diagnosis.clues import Case, Clues
from tinygrad_edu.testing.report import Finding
from tinygrad_edu.testing.subject import Input

rng = np.random.default_rng(0)
X = np.linspace(-2.2, 2.4, 12)


def said(x, wrong, arrays=()):
    x, wrong = np.asarray(x, dtype=np.float64), np.asarray(wrong)
    numeric = rng.normal(size=x.shape)
    everywhere, nowhere = np.ones(x.shape, bool), np.zeros(x.shape, bool)
    found = Finding(Input("x", x, True), numeric + wrong, numeric, 0 * numeric, wrong, everywhere, nowhere)
    return where_by_value(Case(found, Clues(arrays)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (X < 0, "where x < 0"),
        (X > 0, "where x > 0"),
        (X.max() == X, ""),
        (np.abs(X) > 1, "where |x| > 1"),
        (np.abs(X) > 1.2, "where |x| is large, 1.36 or more"),
        (np.abs(X) < 1.2, "where |x| is small, 1.15 or less"),
        (np.arange(12) % 2 == 0, ""),
        (np.ones(12, bool), ""),
    ],
)
def test_in_words(wrong, words):
    assert said(X, wrong) == (f"the wrong ones are those {words}" if words else "")


def test_extremes():
    x = rng.normal(size=(4, 5))
    assert said(x, x == x.max(1, keepdims=True)).endswith("that are the largest of each slice along axis 1")
    assert said(x, x != x.min(0, keepdims=True)).endswith("that are not the smallest of each slice along axis 0")


def test_ties_and_zeros_are_told_of_few_elements_too():
    x = [1.0, 2.0, 3.0, 2.0, 5.0, 0.0]
    assert said(x, np.equal(x, 2)) == "the wrong ones are those whose value occurs more than once (ties)"
    assert said(x, np.equal(x, 0)) == "the wrong ones are those where x = 0"


def test_what_may_be_chance_is_not_told():
    assert said([-1.0, 1.0, 2.0, 3.0], [True, False, False, False]) == ""


def test_beside_another_input():
    y = rng.normal(size=12)
    arrays = [("'x'", X), ("'y'", y), ("the incoming gradient", rng.normal(size=12))]
    assert said(X, y > X, arrays) == "the wrong ones are those where x < y"
    assert said(X, arrays[2][1] > X, arrays) == ""
