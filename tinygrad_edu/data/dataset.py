"""Datasets: samples by their number, or one after another."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar, cast

import numpy as np

from ..dtypes import Array
from ..engine.graph import array_of
from ..engine.recording import make_tensor
from ..errors import ShapeError, describe
from ..tensors.creation import as_tensor
from ..tensors.tensor import Tensor
from .indices import require_within, sample_number, sample_numbers

__all__ = ["ChainDataset", "ConcatDataset", "Dataset", "IterableDataset", "StackDataset", "Subset", "TensorDataset"]

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Base class of datasets: `dataset[i]` is sample i, and `len(dataset)` says how many there are.

    A subclass defines `__getitem__` and `__len__`; `a + b` is the samples of a, then those of b. If reading many
    samples at once is faster, it also defines `__getitems__(numbers)`, which returns a list of them: a loader calls it
    once per batch.

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

    def __add__(self, other: Dataset[Any]) -> Dataset[Any]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Base class of streams: datasets whose samples come one after another, without numbers.

    A subclass defines `__iter__`, which starts from the beginning each time; and `__len__`, if it is known. `a + b` is
    the samples of a, then those of b. A loader reads them in that order.

    >>> import tinygrad_edu as tg
    >>> class Halving(tg.data.IterableDataset):
    ...     def __iter__(self):
    ...         number = 4
    ...         while number:
    ...             yield number
    ...             number //= 2
    >>> list(Halving() + Halving())
    [4, 2, 1, 4, 2, 1]
    """

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__(), which gives its samples")

    def __getitem__(self, index: Any) -> T_co:
        raise TypeError(f"{type(self).__name__}[{describe(index)}]: the samples of a stream have no numbers")

    def __add__(self, other: Dataset[Any]) -> ChainDataset[Any]:
        return ChainDataset([self, cast("Iterable[Any]", other)])  # which refuses what is none


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples along the first axis of tensors.

    No dataset is faster: a loader reads a whole batch by indexing each tensor once.

    Args:
        tensors: tensors or arrays of shapes (N, ...), of any dtypes; they are not copied.

    Raises:
        ShapeError: if their first sizes differ, or one has no axis.

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
        """Sample `index`; the tensors of several samples for a slice, a mask, or a list or array of numbers."""
        if type(index) is not int:
            index = self._plain(index)
        try:
            return tuple([_rows(t, index) for t in self.tensors])
        except IndexError as error:
            require_within("TensorDataset", np.asarray(index), len(self))
            raise IndexError(f"TensorDataset: {error}") from None  # a mask of another length

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def _plain(self, index: Any) -> Any:
        """The index as a number, a slice, or an array of numbers or booleans."""
        index = array_of(index)
        if isinstance(index, slice):
            return index
        if isinstance(index, list | range | np.ndarray) and np.ndim(index):
            index = np.asarray(index)
            return index if index.dtype.kind == "b" else sample_numbers("TensorDataset", index)
        return sample_number("TensorDataset", index, len(self))


class Subset(Dataset[T_co]):
    """Some samples of a dataset, in a given order.

    Args:
        dataset: the dataset with all samples.
        indices: their numbers.

    Raises:
        TypeError: if `indices` are not integers, or the dataset is a stream.
        IndexError: if the dataset has no sample with one of these numbers.
        ShapeError: if `indices` are not one-dimensional.

    >>> import tinygrad_edu as tg
    >>> list(tg.data.Subset("abcd", [3, 1]))
    ['d', 'b']
    """

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        _refuse_streams("Subset", [dataset], "write another IterableDataset that passes some of its samples on")
        ends = [indices[0], indices[-1]] if isinstance(indices, range) and indices else indices
        numbers = sample_numbers("Subset", ends)
        if numbers.ndim != 1:
            raise ShapeError(f"Subset: indices have shape {numbers.shape}: give one number for each sample")
        size = _length(dataset)
        if size is not None:
            require_within("Subset: dataset", numbers, size)
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> T_co:
        if isinstance(index, slice):
            index = list(range(len(self))[index])
        if isinstance(index, list):
            return self.dataset[[self._number(i) for i in index]]
        return self.dataset[self._number(index)]

    def __getitems__(self, indices: Sequence[int]) -> list[T_co]:
        return samples_of(self.dataset, [self._number(i) for i in indices])

    def __len__(self) -> int:
        return len(self.indices)

    def _number(self, index: Any) -> int:
        """The number in the whole dataset."""
        return int(self.indices[sample_number("Subset", index, len(self.indices))])


class ConcatDataset(Dataset[T_co]):
    """The samples of several datasets, one dataset after the other.

    Args:
        datasets: one or more datasets.

    Raises:
        ValueError: if there are none.
        TypeError: if one of them is a stream.

    Attributes:
        cumulative_sizes: the number of samples up to the end of each dataset.

    >>> import tinygrad_edu as tg
    >>> list(tg.data.ConcatDataset(["ab", "cde"]))
    ['a', 'b', 'c', 'd', 'e']
    """

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets: list[Dataset[T_co]] = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset([]): there is no dataset")
        _refuse_streams("ConcatDataset", self.datasets, "chain streams with streams only, by ChainDataset")
        self.cumulative_sizes: list[int] = list(itertools.accumulate(len(d) for d in self.datasets))

    def __getitem__(self, index: int) -> T_co:
        which, number = self._place(index)
        return self.datasets[which][number]

    def __getitems__(self, indices: Sequence[int]) -> list[T_co]:
        asked: dict[int, list[tuple[int, int]]] = {}  # by dataset: the place in `indices`, the number in the dataset
        for place, index in enumerate(indices):
            which, number = self._place(index)
            asked.setdefault(which, []).append((place, number))
        found: dict[int, T_co] = {}
        for which, pairs in asked.items():
            places, numbers = zip(*pairs)
            found.update(zip(places, samples_of(self.datasets[which], list(numbers))))
        return [found[place] for place in range(len(indices))]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def _place(self, index: int) -> tuple[int, int]:
        """Which dataset a sample is in, and its number there."""
        index = sample_number("ConcatDataset", index, len(self))
        which = bisect_right(self.cumulative_sizes, index)
        return which, index - (self.cumulative_sizes[which - 1] if which else 0)


class StackDataset(Dataset[Any]):
    """Samples that combine those with the same number from several datasets.

    Args:
        datasets: datasets of the same length; a sample is a tuple.
        named: the same, by name; a sample is a dict.

    Raises:
        ValueError: if the lengths differ, if there are no datasets, or if only some have names.
        TypeError: if one of them is a stream.

    >>> import tinygrad_edu as tg
    >>> tg.data.StackDataset(image=["cat.png", "dog.png"], label=[0, 1])[1]
    {'image': 'dog.png', 'label': 1}
    """

    def __init__(self, *datasets: Any, **named: Any) -> None:
        if bool(datasets) == bool(named):
            raise ValueError("StackDataset: give datasets without names, for tuples, or all with names, for dicts")
        self.datasets: tuple[Any, ...] | dict[str, Any] = datasets or named
        parts = self._parts()
        _refuse_streams("StackDataset", parts, "zip streams in the __iter__ of an IterableDataset")
        sizes = [len(part) for part in parts]
        if len(set(sizes)) > 1:
            raise ValueError(f"StackDataset: the datasets have {', '.join(map(str, sizes))} samples: make these equal")

    def __getitem__(self, index: Any) -> Any:
        return self._sample([part[index] for part in self._parts()])

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        columns = [samples_of(part, indices) for part in self._parts()]
        return [self._sample(values) for values in zip(*columns)]

    def __len__(self) -> int:
        return len(self._parts()[0])

    def _parts(self) -> list[Any]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def _sample(self, values: Sequence[Any]) -> Any:
        """What the datasets have for one sample, as it is given out."""
        return dict(zip(self.datasets, values)) if isinstance(self.datasets, dict) else tuple(values)


class ChainDataset(IterableDataset[T_co]):
    """The samples of several streams, one stream after the other.

    Args:
        datasets: one or more streams, or anything else that can be iterated over repeatedly.

    Raises:
        ValueError: if there are none.
        TypeError: if one of them cannot be iterated over, or only once.

    >>> import tinygrad_edu as tg
    >>> list(tg.data.ChainDataset(["ab", "cde"]))
    ['a', 'b', 'c', 'd', 'e']
    """

    def __init__(self, datasets: Iterable[Iterable[T_co]]) -> None:
        self.datasets: list[Iterable[T_co]] = list(datasets)
        if not self.datasets:
            raise ValueError("ChainDataset([]): there is no dataset")
        for dataset in self.datasets:
            kind = type(dataset).__name__
            if not isinstance(dataset, Iterable):
                raise TypeError(f"ChainDataset: a {kind} is not a stream: for samples by number there is ConcatDataset")
            if isinstance(dataset, Iterator):
                raise TypeError(f"ChainDataset: a {kind} can be read only once: make it an IterableDataset")

    def __iter__(self) -> Iterator[T_co]:
        return itertools.chain.from_iterable(self.datasets)

    def __len__(self) -> int:
        return sum([len(cast("Sized", dataset)) for dataset in self.datasets])


def samples_of(dataset: Any, numbers: Sequence[int]) -> list[Any]:
    """The samples with these numbers, in order: read in one call, if the dataset supports that.

    Raises:
        ValueError: if its way gives another number of samples.
    """
    if not reads_many(dataset):
        return [dataset[number] for number in numbers]
    samples = dataset.__getitems__(numbers)
    if not isinstance(samples, list | tuple) or len(samples) != len(numbers):
        given = f"{len(samples)} samples" if isinstance(samples, list | tuple) else f"a {type(samples).__name__}"
        raise ValueError(
            f"{type(dataset).__name__}.__getitems__ returned {given} for {len(numbers)} numbers: "
            "it must return a list with a sample for each number"
        )
    return list(samples)


def reads_many(dataset: Any) -> bool:
    """Whether a dataset should be read by `__getitems__`.

    It should not if a subclass has redefined `__getitem__` but not `__getitems__`.
    """
    for kind in type(dataset).__mro__:
        if "__getitems__" in vars(kind):
            return vars(kind)["__getitems__"] is not None
        if "__getitem__" in vars(kind):
            return False
    return False


def _rows(tensor: Tensor, index: Any) -> Tensor:
    """`tensor[index]`; straight from the array if nothing is recorded."""
    return make_tensor(tensor.array[index], None) if tensor.source is None else tensor[index]


def _refuse_streams(owner: str, datasets: Iterable[Any], way_out: str) -> None:
    """Raise TypeError if one of the datasets is a stream."""
    for dataset in datasets:
        if isinstance(dataset, IterableDataset):
            raise TypeError(
                f"{owner}: a {type(dataset).__name__} is a stream, whose samples have no numbers: {way_out}"
            )


def _length(dataset: Any) -> int | None:
    """How many samples there are; None if the dataset does not say."""
    try:
        return len(dataset)
    except TypeError:
        return None
