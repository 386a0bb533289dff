"""Splitting: the samples of a dataset split at random."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TypeVar

from ..ops.generator import AnyGenerator
from .dataset import Dataset, Subset
from .sampler import permutation

__all__ = ["random_split"]

T_co = TypeVar("T_co", covariant=True)


def random_split(
    dataset: Dataset[T_co], lengths: Sequence[int | float], generator: AnyGenerator | None = None
) -> list[Subset[T_co]]:
    """Split the samples at random.

    Args:
        dataset: the dataset.
        lengths: how many samples each part gets; or fractions that add up to 1, which are rounded down; the first parts
            get one extra sample each until none is left.
        generator: where the random numbers come from; None for the global one that `manual_seed` seeds.

    Returns:
        One Subset per length; every sample is in exactly one.

    Raises:
        ValueError: if the lengths do not add up to the dataset's, or the fractions to 1, or one is negative.

    >>> import tinygrad_edu as tg
    >>> parts = tg.data.random_split(range(10), [0.75, 0.25])
    >>> [len(part) for part in parts], sorted(i for part in parts for i in part)
    ([8, 2], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    size = len(dataset)
    if any(not n >= 0 for n in lengths):
        raise ValueError(f"random_split: lengths {list(lengths)}: a length must not be negative")
    if any(isinstance(n, float) for n in lengths):
        if not math.isclose(sum(lengths), 1.0, rel_tol=1e-9):
            raise ValueError(f"random_split: the fractions {list(lengths)} add up to {sum(lengths):g}, not to 1")
        counts = [math.floor(size * n) for n in lengths]
        for i in range(size - sum(counts)):
            counts[i % len(counts)] += 1
    else:
        counts = [int(n) for n in lengths]
        if sum(counts) != size:
            raise ValueError(
                f"random_split: the lengths {counts} add up to {sum(counts)}, the dataset has {size} samples"
            )
    order = permutation(size, generator)
    ends = itertools.accumulate(counts)
    return [Subset(dataset, order[end - n : end]) for n, end in zip(counts, ends)]
