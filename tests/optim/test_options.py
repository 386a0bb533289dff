"""What counts as a number, a range and a number of samples."""

import math
from fractions import Fraction

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.optim.options import (
    number,
    require_betas,
    require_between,
    require_count,
    require_order,
    sample_count,
)


@pytest.mark.parametrize(
    "value",
    [2, 2.0, np.float32(2), np.int64(2), np.array(2.0), np.array([[2]]), tg.tensor(2), tg.tensor([2.0]), Fraction(2)],
)
def test_what_is_a_number(value):
    assert type(number(value)) is float
    assert number(value) == 2.0


class Foreign:
    """An array of another library."""

    def __init__(self, value):
        self.value = np.array(value)

    def __array__(self, dtype=None, copy=None):
        return self.value


def test_a_number_of_another_library():
    assert number(Foreign(2.0)) == 2.0
    assert math.isnan(number(Foreign([2.0, 3.0])))


@pytest.mark.parametrize(
    "value", ["2", None, [2], 2j, np.array([2, 3]), tg.tensor([2.0, 3.0]), np.array("2"), np.array([])]
)
def test_what_is_none(value):
    assert math.isnan(number(value))


def test_a_range_has_its_lower_end_and_not_its_upper():
    for value in (0, 0.5, np.float32(2), 1e300):
        require_between("Op", {"lr": value}, "lr")
    require_between("Op", {"alpha": 0.75}, "alpha", 1.0)
    for value in (-0.5, math.inf, math.nan, "1", None):
        with pytest.raises(ValueError, match=r"^Op: lr=.*: the learning rate must be a finite number >= 0$"):
            require_between("Op", {"lr": value}, "lr")
    for value in (1.0, 2.0, -0.5):
        with pytest.raises(ValueError, match=rf"^Op: alpha={value}: must be a finite number >= 0 and < 1$"):
            require_between("Op", {"alpha": value}, "alpha", 1.0)


def test_betas_are_two_numbers_below_1():
    for betas in ((0.0, 0.0), [0.999, 0], (np.float32(0.5), 0.5)):
        require_betas("Op", {"betas": betas})
    for betas in (0.9, (0.9,), (0.9, 0.9, 0.9), "ab", {0.9, 0.5}):
        with pytest.raises(ValueError, match=r"^Op: betas=.* must be two numbers, such as \(0\.9, 0\.999\)$"):
            require_betas("Op", {"betas": betas})
    for wrong in (1.0, -0.125, math.nan, "1", None):
        with pytest.raises(ValueError, match=r"^Op: betas=.*: betas\[0\] must be >= 0 and < 1$"):
            require_betas("Op", {"betas": (wrong, 0.5)})
        with pytest.raises(ValueError, match=r"betas\[1\] must be"):
            require_betas("Op", {"betas": (0.5, wrong)})


def test_a_count_is_a_whole_number_from_1():
    for value in (1, 7, np.int64(3)):
        require_count("Op", {"n": value}, "n")
    for value in (0, -1, 2.0, "2", None, True, np.float64(2)):
        with pytest.raises(ValueError, match=r"^Op: n=.*: must be a whole number >= 1$"):
            require_count("Op", {"n": value}, "n")


def test_a_set_has_no_order():
    for ordered in ([1], (1,), {"a": 1}, iter([1])):
        require_order("Op", ordered)
    for unordered in ({1}, frozenset([1])):
        with pytest.raises(TypeError, match="Op: params is a set"):
            require_order("Op", unordered)


def test_the_number_of_samples_is_positive():
    assert sample_count("Op", 0.5) == 0.5
    assert sample_count("Op", np.int64(4)) == 4.0
    with pytest.raises(ValueError, match=r"Op\.step\(samples=-1\): .*must be positive$"):
        sample_count("Op", -1)
    with pytest.raises(
        ValueError, match=r"Op\.step\(samples=0\): .*must be positive\. An empty batch .*skip the step$"
    ):
        sample_count("Op", 0)
    for wrong, came in (
        (math.inf, "inf"),
        (math.nan, "nan"),
        (None, "a NoneType"),
        ("4", "a str"),
        (tg.sum, "a function"),
        (True, "a bool"),
        (np.bool_(True), "a bool"),
        (tg.tensor(True), "a bool"),
    ):
        with pytest.raises(ValueError, match=rf"must be a finite number, got {came}\. Write samples=len\(x\)$"):
            sample_count("Op", wrong)
    for batch in ([1, 2], np.ones(3), tg.ones(2, 2)):
        with pytest.raises(ValueError, match=r"not the samples themselves: write samples=len\(x\)"):
            sample_count("Op", batch)
