"""missing_scale: naming the factor by which a gradient is off."""

from __future__ import annotations

import math
import operator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tinygrad_edu.testing.diagnosis.missing_scale import factor_in_words, number_in_words

SIZES = [("the size of axis 0", 8), ("the size of axis 1", 5), ("the number of elements of 'x'", 40)]


@pytest.mark.parametrize(
    ("k", "words"),
    [
        (2, "2"),
        (-3, "-3"),
        (0.5, "1/2"),
        (-1.6, "-8/5"),
        (1 / 300, "1/300"),
        (-1 / 300, "-1/300"),
        (math.log(2), "log(2)"),
        (1 / math.log(10), "1/log(10)"),
        (-math.pi, "-pi"),
        (180 / math.pi, "1/(pi/180)"),
        (0.823, "0.823"),
        (0.7364, ""),
        (0.0, ""),
        (math.inf, ""),
        (math.nan, ""),
    ],
)
def test_number_in_words(k, words):
    assert number_in_words(k) == words
    assert number_in_words(k * (1 + 1e-9)) == words


@given(st.floats(-1e5, 1e5) | st.builds(operator.truediv, st.integers(-25, 25), st.integers(1, 12)))
def test_a_fraction_is_the_number(k):
    words = number_in_words(k)
    assume(words.replace("/", "").lstrip("-").isdigit())
    p, _, q = words.partition("/")
    assert math.isclose(int(p) / int(q or 1), k, rel_tol=1e-5)


@pytest.mark.parametrize(
    ("k", "uses", "words"),
    [
        (-1, 0, "the sign is wrong"),
        (2, 0, "it is 2 times the numeric derivative"),
        (1 / 2, 2, "used 2 times, but counted once?"),
        (3, 3, "used 3 times, and each use counted 3 times?"),
        (
            1 / 8,
            0,
            "1/8 of the numeric derivative: an extra division by 8, the size of axis 0 (a mean in place of a sum",
        ),
        (40, 0, "a missing division by 40, the number of elements of 'x' (a sum in place of a mean)?"),
        (-5, 0, "a missing division by 5, the size of axis 1 (a sum in place of a mean)? and the sign is wrong"),
        (7 / 8, 0, "n and n - 1 mixed up, where n is 8, the size of axis 0?"),
        (math.log(2), 0, "log(2) times the numeric derivative: a logarithm of another base?"),
        (math.pi / 180, 0, "degrees and radians?"),
    ],
)
def test_factor_in_words(k, uses, words):
    assert words in factor_in_words(k, SIZES, uses, several=False)


def test_a_factor_without_a_meaning_is_told_only_if_many_elements_share_it():
    assert factor_in_words(0.7364, SIZES, 0, several=False) == ""
    assert factor_in_words(0.7364, SIZES, 0, several=True) == "it is 0.7364 times the numeric derivative"


def test_a_mean_over_the_batch():
    says = factor_in_words(1 / 7, [("the size of axis 0 of the result", 7)], 0, several=False, batch=7)
    assert says == (
        "it is 1/7 of the numeric derivative: the mean over the batch: multiply by 7, or take the mean in the loss "
        "(batch_mean=True accepts it)"
    )
    assert "batch" not in factor_in_words(-1 / 7, SIZES, 0, several=False, batch=7)
    assert "batch" not in factor_in_words(1 / 2, SIZES, 0, several=False, batch=2)
    assert "batch" not in factor_in_words(1 / 7, SIZES, 0, several=False, batch=8)


def test_samples_in_columns():
    says = factor_in_words(1 / 5, SIZES, 0, several=False, batch=8, columns=5)
    assert says.endswith("(a mean in place of a sum)? Or, if its samples are columns, batch_mean=5 accepts it")
    assert "batch_mean" not in factor_in_words(-1 / 5, SIZES, 0, several=False, columns=5)
    assert factor_in_words(8 / 5, SIZES, 0, several=False, columns=5, times=8) == (
        "it is 8/5 of the numeric derivative: batch_mean multiplied it by 8: if its samples are columns, give "
        "batch_mean=5"
    )


def test_a_needless_batch_mean():
    assert factor_in_words(8, SIZES, 0, several=False, batch=8, times=8) == (
        "it is right without batch_mean, which multiplied it by 8"
    )
