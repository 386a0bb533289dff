"""Batch sizes: checking them against the data, and reading them from text."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable
from typing import Any

from ...errors import describe
from ..errors import BenchError


class Ranged(list[int]):
    """Sizes of a range; those beyond the data are left out."""


FORMS = "give sizes as in 32,64,128, or from:to:xFACTOR as in 1:4096:x2"


def check_sizes(sizes: Any, n: int) -> list[int]:
    """Batch sizes in ascending order, each once.

    Args:
        sizes: integers from 1 to `n`; larger sizes of a range that was read from text are left out.
        n: the number of training samples.

    Raises:
        BenchError: if there is none, or one is not a possible batch size for these data.

    >>> check_sizes([64, 32, 64], 1000)
    [32, 64]
    """
    if not isinstance(sizes, Iterable) or isinstance(sizes, str | bytes):
        raise BenchError(f"batch_sizes: got {describe(sizes)}; give a list of integers, [32, 64, 128]")
    found = sorted({_integer(size) for size in sizes})
    if isinstance(sizes, Ranged):
        found = [size for size in found if size <= n] or found
    if not found:
        raise BenchError("batch_sizes is empty: give at least one, or None for powers of two")
    if found[0] < 1:
        raise BenchError(f"batch_sizes: got {found[0]}; a batch has at least 1 sample")
    if found[-1] > n:
        raise BenchError(
            f"batch_sizes: got {found[-1]}, but there are {n} samples to train on; {n}, the full batch, is the largest "
            "possible"
        )
    return found


def powers_of_two(most: int) -> list[int]:
    """1, 2, 4, … up to a number.

    >>> powers_of_two(10)
    [1, 2, 4, 8]
    """
    return [1 << i for i in range(most.bit_length())]


def parse_sizes(text: str) -> list[int]:
    """Batch sizes as written on the command line.

    Args:
        text: numbers and ranges, separated by commas. ``from:to:xFACTOR`` means the sizes from the first to the second,
            each `FACTOR` times the previous one. Sizes of a range beyond the data are left out later.

    Raises:
        BenchError: if it is anything else.

    >>> parse_sizes("32,64,128"), parse_sizes("1:100:x4,100")
    ([32, 64, 128], [1, 4, 16, 64, 100])
    """
    found: list[int] = Ranged() if ":" in text else []
    for part in text.split(","):
        numbers = re.fullmatch(r"\s*(\d+)\s*(?::\s*(\d+)\s*:\s*x(\d+)\s*)?", part, re.ASCII)
        if numbers is None:
            raise BenchError(f"batch sizes: {part.strip()!r} is not a batch size; {FORMS}")
        first = int(numbers[1])
        if numbers[2] is None:
            found.append(first)
        else:
            found += _range(part.strip(), first, int(numbers[2]), int(numbers[3]))
    if min(found) < 1:
        raise BenchError("batch sizes: got 0; a batch has at least 1 sample")
    return found


def _range(part: str, first: int, last: int, factor: int) -> list[int]:
    if first < 1 or last < first or factor < 2:
        raise BenchError(
            f"batch sizes: {part!r} has no sizes; the first must be at least 1 and at most the second, the factor at "
            f"least 2; {FORMS}"
        )
    found = [first]
    while found[-1] * factor <= last:
        found.append(found[-1] * factor)
    return found


def _integer(size: Any) -> int:
    try:
        if isinstance(size, bool):
            raise TypeError
        return operator.index(size)
    except TypeError:
        raise BenchError(f"batch_sizes: one of them is {describe(size)}; give integers, [32, 64, 128]") from None
