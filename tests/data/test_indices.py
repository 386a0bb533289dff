"""Sample numbers: which there are, and what is said of others."""

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.data.indices import require_within, sample_number, sample_numbers


@pytest.mark.parametrize("index", [2, -2, np.int8(2), np.array(-2), tg.tensor(2)])
def test_one_number(index):
    number = sample_number("Owner", index, 4)
    assert number == 2
    assert type(number) is int


@pytest.mark.parametrize("index", [4, -5, np.int64(4)])
def test_one_number_that_no_sample_has(index):
    with pytest.raises(IndexError, match=rf"^Owner\[{index}\]: it has 4 samples$"):
        sample_number("Owner", index, 4)


@pytest.mark.parametrize("index", [1.0, "1", None, [1], slice(1), np.array([1, 2]), tg.tensor(1.0)])
def test_what_is_no_number(index):
    with pytest.raises(TypeError, match=r"^Owner\[.*\]: the number of a sample is an integer$"):
        sample_number("Owner", index, 4)


@pytest.mark.parametrize("indices", [[3, 1], (3, 1), range(3, 0, -2), np.array([3, 1], np.uint8), tg.tensor([3, 1])])
def test_many_numbers(indices):
    numbers = sample_numbers("Owner", indices)
    assert (numbers.tolist(), numbers.dtype) == ([3, 1], np.intp)


def test_no_numbers_are_numbers():
    for nothing in ([], (), np.array([]), tg.zeros(0)):
        assert sample_numbers("Owner", nothing).dtype == np.intp
    require_within("Owner", np.array([], np.intp), 0)


@pytest.mark.parametrize(
    ("indices", "said"),
    [
        ([0.0, 1.0], r"Owner: the numbers of samples are integers, got float64\[2\]"),
        (["a"], "Owner: the numbers of samples are integers"),
        ([True, False], r"Owner: a mask of booleans where .*np\.flatnonzero\(mask\) has them"),
    ],
)
def test_many_of_a_wrong_kind(indices, said):
    with pytest.raises(TypeError, match=said):
        sample_numbers("Owner", indices)


def test_the_first_number_that_no_sample_has_is_named():
    require_within("Owner", np.array([-4, 3]), 4)
    with pytest.raises(IndexError, match=r"^Owner\[-5\]: it has 4 samples$"):
        require_within("Owner", np.array([0, -5, 9]), 4)
