"""The data: pairs (x, y) of a dataset, read in batches, cast and split."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...data import DataLoader, TensorDataset
from ...dtypes import Array
from ...errors import TinygradError, describe
from ...tensors.tensor import Tensor
from ...trees import flatten, map_tree
from ..errors import BenchError
from .randomness import draws
from .reading import read

Pair = tuple[Any, Any]

READ = 2000  # the most samples to read just for their targets: reading one may take a millisecond


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples that are pairs, read in batches.

    Attributes:
        dataset: returns sample i as (x, y).
        numbers: the indices of these samples in the dataset, (n,).
        collate: makes a batch from a list of samples; None for `data.default_collate`.
        workers: the number of threads that read ahead, as in the user's `DataLoader`.
        dtype: what floating inputs and targets are cast to when a batch is read; None leaves them.
        name: the name of the data in messages.

    >>> import numpy as np
    >>> samples = Samples.of((np.eye(4), np.arange(4)))
    >>> len(samples), samples.take(np.array([3, 1])).batch([0])[1]
    (4, tensor([3]))
    """

    dataset: Any
    numbers: Array
    collate: Callable[[list[Any]], Any] | None = None
    workers: int = 0
    dtype: np.dtype[Any] | None = None
    name: str = "data"

    @classmethod
    def of(cls, data: Any, name: str = "data", least: int = 2) -> Samples:
        """Read the user's data: ``(x, y)``, a dataset of such pairs, or a `DataLoader`.

        Raises:
            BenchError: if it is none of these, has fewer than `least` samples, or has NaN or infinity in arrays.
        """
        dataset, collate, workers = read(data, name)
        count = len(dataset)
        if count < least:
            raise BenchError(
                f"{name} has {count or 'no'} sample{'' if count == 1 else 's'}: "
                + ("choosing a batch size needs at least two" if least > 1 else "give some, or leave it out")
            )
        return cls(dataset, np.arange(count), collate, workers, name=name)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def arrays(self) -> tuple[Array, Array] | None:
        """All x and all y, if they are in arrays."""
        if type(self.dataset) is not TensorDataset:
            return None
        x, y = self.dataset.tensors
        return x.array[self.numbers], y.array[self.numbers]

    def batch(self, numbers: Any) -> Pair:
        """The samples with these indices, from 0 to the length of these samples, as one batch.

        Raises:
            BenchError: if it is not a pair, or its samples have different shapes.
        """
        own = self.numbers[np.asarray(numbers, dtype=np.intp)].tolist()
        loader = DataLoader(self.dataset, batch_sampler=[own], collate_fn=self.collate)
        try:
            return self._paired(next(iter(loader)))
        except (TinygradError, TypeError, KeyError) as error:
            if "default_collate: " not in str(error):
                raise
            raise BenchError(f"{self.name}: {error}") from error

    def stream(self, batch_size: int, seed: int, *, even: bool = False) -> Iterator[Pair]:
        """Endless batches, in a new random order for each epoch.

        Args:
            batch_size: samples in a batch; more than there are give all of them.
            seed: the seed of the order.
            even: whether a smaller last batch is left out.
        """
        loader = DataLoader(
            self.dataset,
            batch_size=min(batch_size, len(self)),
            sampler=_Shuffled(self.numbers, seed),
            drop_last=even,
            num_workers=self.workers,
            collate_fn=self.collate,
            generator=draws(seed),
        )
        while True:
            for batch in loader:
                yield self._paired(batch)

    def take(self, numbers: Array) -> Samples:
        """Some of the samples."""
        return replace(self, numbers=self.numbers[numbers])

    def floats(self) -> set[np.dtype[Any]]:
        """The floating dtypes of inputs and targets, from the first sample."""
        leaves, _ = flatten(self.batch([0]))
        return {leaf.dtype for leaf in leaves if _is_floating(leaf)}

    def cast(self, dtype: np.dtype[Any]) -> Samples:
        """The same samples with floating numbers of this dtype: cast at once if they are arrays, else batch by batch.

        Raises:
            BenchError: if an array has numbers that are too large for it.
        """
        if type(self.dataset) is not TensorDataset:
            return replace(self, dtype=dtype)
        cast = [_cast(tensor, dtype) for tensor in self.dataset.tensors]
        for part, tensor in zip("xy", cast):
            if tensor.dtype.kind == "f" and not np.isfinite(tensor.array).all():
                raise BenchError(
                    f"{self.name}: {part} has numbers too large for {dtype}, the dtype of the parameters: scale them"
                )
        return replace(self, dataset=TensorDataset(*cast))

    def hold_out(self, seed: int) -> tuple[Samples, Samples | None]:
        """Split into four fifths for training and a fifth for testing, with its share of each class.

        At least one sample of each class is left for training. The second part is None for fewer than five samples.
        """
        if len(self) < 5:
            return self, None
        order = draws(seed).permutation(len(self))
        labels = self.labels()
        if labels is not None:
            _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
            several = counts[classes[order]] > 1
            if several.any():  # every fifth of the samples sorted by class, at random within a class
                order = order[several]
                order = order[np.argsort(classes[order], kind="stable")]
        held = np.sort(order[min(2, len(order) - 1) :: 5])
        return self.take(np.setdiff1d(np.arange(len(self)), held)), self.take(held)

    def labels(self) -> Array | None:
        """The classes of all samples, (n,), if each target is one whole number, and they can be read quickly."""
        try:
            return _whole(self._targets())
        except Exception:  # samples that only the user's collate_fn can read, or damaged ones: a batch will show
            return None

    @property
    def unread(self) -> bool:
        """Whether reading the targets means reading one sample after the other, which takes long."""
        told = type(self.dataset) is TensorDataset or self._known() is not None
        return not told and len(self) > READ

    def _known(self) -> Any:
        known = getattr(self.dataset, "targets", None)  # their name in image datasets
        return known if isinstance(known, list | np.ndarray | Tensor) and len(known) == len(self.dataset) else None

    def _targets(self) -> Array:
        if type(self.dataset) is TensorDataset:
            found: Array = self.dataset.tensors[1].array[self.numbers]
            return found
        if self._known() is not None:
            return np.asarray(self._known())[self.numbers]
        if self.unread:
            return np.empty(0)
        return np.asarray([np.asarray(self.dataset[i][1]) for i in self.numbers.tolist()])

    def _paired(self, batch: Any) -> Pair:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            what = f"a list of {len(batch)}" if isinstance(batch, tuple | list) else describe(batch)
            raise BenchError(
                f"{self.name}: a batch is {what}, but must be a pair of inputs and targets. Let dataset[i] be such a "
                "pair, or make one in the collate_fn of a DataLoader"
            )
        x, y = batch
        if not getattr(y, "shape", ()):
            raise BenchError(
                f"{self.name}: the targets of a batch are {describe(y)}, but must be a tensor with a target for each "
                "sample on axis 0"
            )
        if self.dtype is None:
            return x, y
        dtype = self.dtype
        return map_tree(lambda leaf: _cast(leaf, dtype), x), _cast(y, dtype)


class _Shuffled:
    """Sample indices in a random order, a new one each time; for many samples as fast as `RandomSampler`."""

    def __init__(self, numbers: Array, seed: int) -> None:
        self._numbers = numbers
        self._generator = draws(seed)

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers[self._generator.permutation(len(self._numbers))].tolist())

    def __len__(self) -> int:
        return len(self._numbers)


def _whole(targets: Array) -> Array | None:
    """One whole number for each sample, (n,); None if they are not such numbers."""
    if not targets.size or targets.size != len(targets) or targets.dtype.kind not in "iubf":
        return None
    targets = targets.reshape(-1)
    if targets.dtype.kind != "f":
        return targets
    return targets if np.array_equal(targets, np.round(targets)) else None


def _is_floating(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray) and value.dtype.kind == "f"


def _cast(value: Any, dtype: np.dtype[Any]) -> Any:
    """A floating tensor or array converted to this dtype; anything else as it is."""
    if not _is_floating(value) or value.dtype == dtype:
        return value
    with np.errstate(over="ignore"):  # infinities are checked for later
        return Tensor(value.array.astype(dtype)) if isinstance(value, Tensor) else value.astype(dtype)
