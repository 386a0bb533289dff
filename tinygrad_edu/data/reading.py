"""Reading: what a loader makes of the numbers of samples, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensors.tensor import Tensor
from .collate import default_collate
from .dataset import Subset, TensorDataset


def reader(dataset: Any, collate: Callable[[list[Any]], Any] | None, batched: bool) -> Callable[[Any], Any]:
    """The function that makes a batch of sample numbers (a sample of a number, if not `batched`)."""
    if not batched:
        return dataset.__getitem__ if collate is None else lambda number: collate(dataset[number])
    at_once = batch_reader(dataset) if collate is default_collate else None
    if at_once is not None:
        return lambda numbers: list(at_once(numbers))
    assert collate is not None
    return lambda numbers: collate([dataset[number] for number in numbers])


def batch_reader(dataset: Any) -> Callable[[Any], tuple[Tensor, ...]] | None:
    """A function that reads many samples at once, one indexing per tensor; None if there is no such way.

    A subclass that changes what a sample is, by a `__getitem__` of its own, is read sample by sample.
    """
    if isinstance(dataset, TensorDataset) and type(dataset).__getitem__ is TensorDataset.__getitem__:
        return lambda indices: dataset[np.asarray(indices, dtype=np.intp)]
    if isinstance(dataset, Subset) and type(dataset).__getitem__ is Subset.__getitem__:
        inner = batch_reader(dataset.dataset)
        if inner is not None:
            numbers = np.asarray(dataset.indices, dtype=np.intp)
            return lambda indices: inner(numbers[np.asarray(indices, dtype=np.intp)])
    return None
