from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.bench.errors import BenchError
from tinygrad_edu.bench.problem.sizes import check_sizes, parse_sizes, powers_of_two


@given(st.lists(st.integers(1, 500), min_size=1), st.integers(500, 10**6))
def test_good_sizes_come_back_sorted_and_once(sizes: list[int], n: int) -> None:
    assert check_sizes(sizes, n) == sorted(set(sizes))


def test_integers_of_numpy_are_integers() -> None:
    found = check_sizes(np.array([8, 4]), 8)
    assert found == [4, 8]
    assert all(type(size) is int for size in found)


@pytest.mark.parametrize(
    ("sizes", "says"),
    [
        ([0, 4], "got 0; a batch has at least 1"),
        ([-3], "got -3"),
        ([8, 101], "got 101, but there are 100 samples to train on; 100, the full batch"),
        ([], "empty"),
        ([2.0], "2.0"),
        ([True], "True"),
        ([None], "None"),
        (32, "give a list of integers"),
        ("32", "give a list of integers"),
    ],
)
def test_what_cannot_be_a_batch_size(sizes: object, says: str) -> None:
    with pytest.raises(BenchError) as caught:
        check_sizes(sizes, 100)
    assert says in str(caught.value)


@given(st.integers(1, 10**9))
def test_powers_of_two(most: int) -> None:
    found = powers_of_two(most)
    assert found[0] == 1
    assert all(b == 2 * a for a, b in itertools.pairwise(found))
    assert found[-1] <= most < 2 * found[-1]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("32,64,128", [32, 64, 128]),
        (" 32 , 64", [32, 64]),
        ("7", [7]),
        ("1:8:x2", [1, 2, 4, 8]),
        ("1:4096:x2", powers_of_two(4096)),
        ("3:100:x3", [3, 9, 27, 81]),
        ("5:5:x2", [5]),
        ("1:4:x2,100", [1, 2, 4, 100]),
    ],
)
def test_sizes_from_text(text: str, sizes: list[int]) -> None:
    assert parse_sizes(text) == sizes


@pytest.mark.parametrize(
    "text",
    ["", "a", "32;64", "1:4096", "1:4096:2", "1:4096:x", "-4", "1.5", "8:4:x2", "1:8:x1", "0:8:x2", "0", "32,", "²"],
)
def test_text_that_holds_no_sizes(text: str) -> None:
    with pytest.raises(BenchError, match="batch sizes: "):
        parse_sizes(text)


def test_a_range_may_go_beyond_the_data_a_list_may_not():
    assert check_sizes(parse_sizes("1:4096:x4"), 100) == [1, 4, 16, 64]
    with pytest.raises(BenchError, match="got 4096"):
        check_sizes(parse_sizes("64,4096"), 100)
    with pytest.raises(BenchError, match="got 1024"):
        check_sizes(parse_sizes("256:1024:x4"), 100)
