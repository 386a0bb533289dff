"""Datasets: samples by their number."""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Generic, TypeVar

from ..dtypes import Array
from ..engine.graph import array_of
from ..engine.recording import make_tensor
from ..errors import ShapeError
from ..ops.generator import AnyGenerator
from ..tensors.creation import as_tensor
from ..tensors.tensor import Tensor
from .sampler import permutation

__all__ = ["ConcatDataset", "Dataset", "IterableDataset", "Subset", "TensorDataset", "random_split"]

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Base class of the datasets: `dataset[i]` is sample i, and `len(dataset)` says how many there are.

    A subclass writes `__getitem__` and `__len__`; `a + b` is the samples of a, then those of b.

    >>> import tinygrad_edu as tg
    >>> class Squares(tg.data.Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, i):
    ...         return i, i * i
    >>> (Squares() + Squares())[7]
    (3, 9)
    """

    def __getitem__(self, index: Any) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__(i), which returns sample i")

    def __len__(self) -> int:
        # A TypeError is what list(dataset), which asks for a length as a mere hint, takes as "not known".
        raise TypeError(f"{type(self).__name__} does not define __len__(), the number of its samples")

    def __add__(self, other: Dataset[Any]) -> ConcatDataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Stub."""

    def __iter__(self) -> Any:
        raise NotImplementedError


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples cut out of tensors along their first axis.

    Args:
        tensors: tensors or arrays of shapes (N, ...), of any dtypes; they are not copied.

    Raises:
        ShapeError: if they do not have the same first size, or one has no axis.

    >>> import numpy as np, tinygrad_edu as tg
    >>> dataset = tg.data.TensorDataset(np.eye(3, dtype="float32"), np.array([5, 6, 7]))
    >>> dataset[1]
    (tensor([0., 1., 0.]), tensor(6))
    """

    def __init__(self, *tensors: Tensor | Array) -> None:
        if not tensors:
            raise ValueError("TensorDataset() needs at least one tensor")
        self.tensors: tuple[Tensor, ...] = tuple([as_tensor(t) for t in tensors])
        shapes = ", ".join(str(t.shape) for t in self.tensors)
        if any(not t.shape for t in self.tensors):
            raise ShapeError(f"TensorDataset: shapes {shapes}: a 0-d tensor has no axis to take samples from")
        sizes = [t.shape[0] for t in self.tensors]
        if len(set(sizes)) > 1:
            raise ShapeError(
                f"TensorDataset: shapes {shapes} have first sizes {', '.join(map(str, sizes))}: "
                "axis 0 is that of the samples, and must be equally long in all"
            )

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        index = array_of(index)
        try:
            return tuple([_rows(t, index) for t in self.tensors])
        except IndexError as error:
            raise IndexError(f"TensorDataset[{index}]: it has {len(self)} samples ({error})") from None

    def __len__(self) -> int:
        return self.tensors[0].shape[0]


class Subset(Dataset[T_co]):
    """Some samples of a dataset, in a given order.

    Args:
        dataset: where the samples are.
        indices: their numbers.

    >>> import tinygrad_edu as tg
    >>> list(tg.data.Subset("abcd", [3, 1]))
    ['d', 'b']
    """

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset[T_co]):
    """The samples of several datasets, one dataset after the other.

    Args:
        datasets: one or more datasets.

    Raises:
        ValueError: if there are none.

    >>> import tinygrad_edu as tg
    >>> list(tg.data.ConcatDataset(["ab", "cde"]))
    ['a', 'b', 'c', 'd', 'e']
    """

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets: list[Dataset[T_co]] = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset([]): there is no dataset")
        self.cumulative_sizes: list[int] = list(itertools.accumulate(len(d) for d in self.datasets))

    def __getitem__(self, index: int) -> T_co:
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"ConcatDataset[{index}]: it has {size} samples")
        index %= size
        which = bisect_right(self.cumulative_sizes, index)
        start = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - start]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


def random_split(
    dataset: Dataset[T_co], lengths: Sequence[int | float], generator: AnyGenerator | None = None
) -> list[Subset[T_co]]:
    """Share the samples out at random.

    Args:
        dataset: the dataset.
        lengths: how many samples each part gets; or fractions that add up to 1, which are rounded down and
            what is left over given to the first parts, one sample each.
        generator: what decides; None for the global one that `manual_seed` seeds.

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


def _rows(tensor: Tensor, index: Any) -> Tensor:
    """`tensor[index]`; where nothing is to be recorded, straight from the array."""
    return make_tensor(tensor.array[index], None) if tensor.source is None else tensor[index]
