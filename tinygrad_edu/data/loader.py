"""The loader: samples read in some order, and put together into batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ops.generator import AnyGenerator
from .collate import default_collate
from .reading import reader
from .sampler import BatchSampler, RandomSampler, SequentialSampler, checked, is_count, require_count

if TYPE_CHECKING:
    from concurrent.futures import Future


__all__ = ["DataLoader"]


class DataLoader:
    """Batches of samples, anew in each loop over it.

    The last batch holds what is left over, so it may be smaller. Its gradient is the sum over its samples
    like any other: give `optimizer.step(samples=len(batch))`, and nothing needs to be reweighted.

    Args:
        dataset: anything with `dataset[i]` and `len(dataset)`.
        batch_size: samples per batch; None for the samples one by one, as the dataset gives them.
        shuffle: read in a random order, another one in each loop.
        sampler: gives the sample numbers instead; any iterable will do.
        batch_sampler: gives lists of sample numbers, one per batch, instead.
        num_workers: 0 reads each batch when it is asked for. With n > 0, n threads of this process read
            ahead, and the batches come in the same order; this helps a dataset that waits for files or
            spends its time in NumPy. Threads share the global random generator, so random augmentation
            is not repeatable then.
        collate_fn: makes a batch of a list of samples; default, `default_collate`.
        pin_memory: accepted for PyTorch's sake; there is just one kind of memory here.
        drop_last: leave out a last batch that is smaller.
        generator: what decides the random order; None for the global one that `manual_seed` seeds. The same
            seed gives the same batches.

    Raises:
        ValueError: for a batch size that is not positive, or options that exclude each other.
        TypeError: if `dataset` has no samples to index, or `generator` is not a generator.

    >>> import tinygrad_edu as tg
    >>> dataset = tg.data.TensorDataset(tg.tensor([1.0, 2.0, 3.0]), tg.tensor([0, 1, 0]))
    >>> for inputs, targets in tg.data.DataLoader(dataset, batch_size=2):
    ...     print(inputs, targets)
    tensor([1., 2.]) tensor([0, 1])
    tensor([3.]) tensor([0])
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[Sequence[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        *,
        generator: AnyGenerator | None = None,
    ) -> None:
        if isinstance(dataset, type):
            raise TypeError(
                f"DataLoader: dataset is the class {dataset.__name__}: make one first, {dataset.__name__}(…)"
            )
        if isinstance(dataset, tuple) and len({np.shape(part) for part in dataset}) > 1:
            raise TypeError(
                f"DataLoader: dataset is a tuple of {len(dataset)} things of different shapes, and each would be one "
                "sample: use TensorDataset(x, y), whose samples are pairs (x[i], y[i])"
            )
        if not hasattr(dataset, "__getitem__"):
            raise TypeError(f"DataLoader: a {type(dataset).__name__} has no samples: dataset[i] must give sample i")
        if not is_count(num_workers) or num_workers < 0:
            raise ValueError(f"DataLoader: num_workers={num_workers!r} must be an integer >= 0")
        if sampler is not None and shuffle:
            raise ValueError("DataLoader: shuffle=True with a sampler, which decides the order itself: drop one")
        if batch_sampler is not None:
            given = {
                "batch_size": batch_size != 1,
                "shuffle": shuffle,
                "sampler": sampler,
                "drop_last": drop_last,
            }
            clashes = [name for name, value in given.items() if value]
            if clashes:
                raise ValueError(f"DataLoader: batch_sampler decides the batches itself: drop {', '.join(clashes)}")
            batch_size = None
        elif batch_size is None:
            if drop_last:
                raise ValueError("DataLoader: drop_last=True with batch_size=None: there are no batches to drop")
        else:
            require_count("DataLoader", "batch_size", batch_size)
        self.dataset: Any = dataset
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.generator: AnyGenerator | None = checked(generator)
        self.sampler: Iterable[int]
        if sampler is not None:
            self.sampler = sampler
        else:
            self.sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.batch_sampler: Iterable[Sequence[int]] | None = batch_sampler
        if batch_size is not None:
            self.batch_sampler = BatchSampler(self.sampler, batch_size, drop_last)
        self.collate_fn: Callable[[list[Any]], Any] | None = collate_fn
        if collate_fn is None and self.batch_sampler is not None:
            self.collate_fn = default_collate

    def __iter__(self) -> Iterator[Any]:
        read = reader(self.dataset, self.collate_fn, self.batch_sampler is not None)
        order: Iterable[Any] = self.sampler if self.batch_sampler is None else self.batch_sampler
        return _read_ahead(read, order, self.num_workers) if self.num_workers else map(read, order)

    def __len__(self) -> int:
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]


def _read_ahead(read: Callable[[Any], Any], order: Iterable[Any], workers: int) -> Iterator[Any]:
    """What `read` makes of each item of `order`, two per worker being read ahead in threads."""
    from concurrent.futures import ThreadPoolExecutor  # here, as importing it takes 20 ms

    pool = ThreadPoolExecutor(workers, thread_name_prefix="tinygrad_edu-loader")
    waiting: deque[Future[Any]] = deque()
    try:
        for item in order:
            waiting.append(pool.submit(read, item))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
