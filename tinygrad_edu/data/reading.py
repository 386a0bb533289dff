"""Reading: what a loader makes of the numbers of samples, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..dtypes import Array
from ..ops.joining import cat
from ..tensors.tensor import Tensor
from .collate import default_collate
from .dataset import ConcatDataset, Subset, TensorDataset, reads_many, samples_of
from .indices import require_within, sample_numbers

ColumnsReader: TypeAlias = Callable[[Array], Sequence[Tensor]]
"""From sample numbers to one tensor for each part of a sample."""

FEW = 4
"""With fewer samples than that of each dataset, on average, it is faster to read them one by one."""


def reader(dataset: Any, collate: Callable[[list[Any]], Any] | None, batched: bool) -> Callable[[Any], Any]:
    """The function that makes a batch of sample numbers (a sample of a number, if not `batched`)."""
    if not batched:
        return dataset.__getitem__ if collate is None else lambda number: collate(dataset[number])
    assert collate is not None
    if collate is default_collate:
        at_once = columns_reader(dataset)
        if at_once is not None:
            return lambda numbers: list(at_once(sample_numbers("DataLoader", numbers)))
    elif reads_many(dataset):  # what it returns is between it and its collate_fn
        return lambda numbers: collate(dataset.__getitems__(list(numbers)))
    return lambda numbers: collate(samples_of(dataset, list(numbers)))


def columns_reader(dataset: Any) -> ColumnsReader | None:
    """A function that reads many samples as one tensor for each of their parts; None if there is no such way.

    There is one for tensors, for parts of such datasets, and for several of them after another.
    """
    if _is_plain(dataset, TensorDataset):
        return lambda numbers: dataset[numbers]
    if _is_plain(dataset, Subset):
        inner = columns_reader(dataset.dataset)
        return None if inner is None else _of_subset(inner, sample_numbers("Subset", dataset.indices))
    if _is_plain(dataset, ConcatDataset):
        readers = [columns_reader(part) for part in dataset.datasets]
        alike = {None if read is None else _form(read) for read in readers}
        if len(alike) == 1 and None not in alike:
            return _of_several(dataset, [read for read in readers if read is not None])
    return None


def _is_plain(dataset: Any, kind: type) -> bool:
    """Whether it is of this kind, and no subclass has changed what a sample is."""
    given = type(dataset)
    return isinstance(dataset, kind) and all(
        getattr(given, name, None) is getattr(kind, name, None) for name in ("__getitem__", "__getitems__")
    )


def _form(read: ColumnsReader) -> tuple[Any, ...]:
    """Shape and dtype of each part of a sample."""
    return tuple([(t.shape[1:], t.dtype) for t in read(np.array([], np.intp))])


def _of_subset(read: ColumnsReader, kept: Array) -> ColumnsReader:
    def some(numbers: Array) -> Sequence[Tensor]:
        try:
            return read(kept[numbers])
        except IndexError:
            require_within("Subset", numbers, len(kept))
            raise

    return some


def _of_several(dataset: ConcatDataset[Any], readers: Sequence[ColumnsReader]) -> ColumnsReader:
    ends = np.array(dataset.cumulative_sizes)
    starts = np.append(0, ends[:-1])

    def read(numbers: Array) -> Sequence[Tensor]:
        if not numbers.size:
            return readers[0](numbers)
        require_within("ConcatDataset", numbers, len(dataset))
        numbers = numbers % len(dataset)
        which = np.searchsorted(ends, numbers, side="right")
        asked = set(which.tolist())
        if len(numbers) < FEW * len(asked):
            return default_collate([dataset[number] for number in numbers.tolist()])  # type: ignore[no-any-return]
        groups = [np.flatnonzero(which == i) for i in asked]  # places in `numbers`, by dataset
        parts: list[Sequence[Tensor]] = [readers[i](numbers[group] - starts[i]) for i, group in zip(asked, groups)]
        if len(parts) == 1:
            return parts[0]
        back = np.argsort(np.concatenate(groups))
        return [cat(column)[back] for column in zip(*parts)]

    return read
