"""DataLoader: samples read in some order, and put together into batches."""

from __future__ import annotations

import contextlib
import copy
import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ..ops.generator import AnyGenerator, draw
from .collate import default_collate
from .dataset import IterableDataset
from .epoch import Epoch, Order
from .options import DEFAULT_PREFETCH, check_dataset, check_order, check_workers
from .position import VERSION, Place, Sources, chain, check_state, length
from .sampler import BatchSampler, RandomSampler, SequentialSampler, checked
from .workers.job import Job, Workers
from .workers.team import NOTHING, Reading, Team

__all__ = ["DataLoader"]


class DataLoader:
    """Batches of samples; each loop over it is one epoch.

    The last batch may be smaller. Its gradient is the sum over its samples, like any other: pass
    `optimizer.step(samples=len(batch))`, and nothing needs to be reweighted.

    The same seed gives the same batches, with or without workers: random numbers that a dataset or `collate_fn` draws
    from the default generator (`tg.rand`, a dropout) depend only on a seed, which the loader draws once per loop, and
    on the number of the batch. What the model draws in between changes nothing.

    Args:
        dataset: anything with `dataset[i]` and `len(dataset)`; or an `IterableDataset`, which decides its own order.
        batch_size: samples per batch; None for single samples, as the dataset returns them.
        shuffle: read in a new random order in each loop.
        sampler: gives the sample numbers instead; any iterable will do.
        batch_sampler: gives lists of sample numbers, one per batch, instead.
        num_workers: 0 reads each batch when it is needed. With n > 0, n workers read ahead, and the batches come in the
            same order. Each worker iterates over an `IterableDataset` by itself: `get_worker_info` tells it which share
            to read.
        collate_fn: makes a batch from a list of samples; default, `default_collate`.
        pin_memory: accepted for compatibility with PyTorch; there is only one kind of memory here.
        drop_last: leave out a last batch that is smaller; for a stream, that of each worker.
        timeout: how many seconds to wait for a worker's batch; 0 for no limit.
        worker_init_fn: called in each worker with its number before it reads anything.
        multiprocessing_context: how processes are started: "forkserver" or "spawn".
        generator: where the random order and the seeds come from; None for the global one that `manual_seed` seeds.
        prefetch_factor: how many batches each worker reads ahead; default, 2.
        persistent_workers: keep the workers for the next loop.
        pin_memory_device: likewise.
        worker_type: "thread", which shares all memory and suits a dataset that waits for files or spends its time in
            NumPy; or "process", for one that spends it in Python. A dataset for processes must be picklable.

    Raises:
        ValueError: for a batch size that is not positive, or options that contradict each other.
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
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: Any = None,
        generator: AnyGenerator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        worker_type: str = "thread",
    ) -> None:
        check_dataset(dataset)
        check_order(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        check_workers(num_workers, worker_type, timeout, prefetch_factor, persistent_workers, multiprocessing_context)
        self.dataset: Any = dataset
        self.batch_size: int | None = None if batch_sampler is not None else batch_size
        self.num_workers = num_workers
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.worker_type = worker_type
        self.multiprocessing_context: Any = multiprocessing_context
        self.prefetch_factor: int | None = prefetch_factor or (DEFAULT_PREFETCH if num_workers else None)
        self.persistent_workers = persistent_workers
        self.generator: AnyGenerator | None = checked(generator)
        stream = isinstance(dataset, IterableDataset)
        if sampler is None and not stream:
            sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        self.sampler: Iterable[int] | None = sampler
        if batch_size is not None and batch_sampler is None and sampler is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_sampler: Iterable[Sequence[int]] | None = batch_sampler
        batched = self.batch_size is not None or batch_sampler is not None
        self.collate_fn: Callable[[list[Any]], Any] | None = collate_fn
        if collate_fn is None and batched:
            self.collate_fn = default_collate
        self._job = Job(dataset, self.collate_fn, batched, stream, self.batch_size, drop_last, worker_init_fn)
        self._order: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
        self._sources = Sources(generator, self._order, dataset)
        self._team = Team(
            self._job,
            num_workers,
            partial(_hire, worker_type, self._job, num_workers, multiprocessing_context),
            persistent=persistent_workers,
            prefetch=self.prefetch_factor or 1,
            timeout=timeout,
        )
        self._resumed: Place | None = None
        self._running: list[weakref.ref[Epoch]] = []

    def __iter__(self) -> Iterator[Any]:
        if self._resumed is None:
            base_seed = int(draw(self.generator, "integers", 2**63))
            epoch = self._epoch(Place(base_seed, self._sources.moment()))
        else:
            epoch = self._epoch(self._resumed)
            self._resumed = None
        self._running = [*(ref for ref in self._running if ref() is not None), weakref.ref(epoch)]
        return epoch

    def _epoch(self, place: Place) -> Epoch:
        """The epoch from that place on."""
        if self._order is None:
            return Epoch(place, None, self._stream(place))
        with self._sources.as_at(place.start) if place is self._resumed else contextlib.nullcontext():
            order = Order(self._order, place.base_seed)
            tasks = order.skip(place.batches, place.drawn)
        return Epoch(place, order, self._team.read(place.base_seed, tasks))

    def _stream(self, place: Place) -> Reading:
        """The stream from that place on."""
        if self._goes_on:
            return NOTHING if place.ended else self._team.read_stream(place.base_seed, place.batches)
        reading = self._team.read_stream(place.base_seed)
        return reading._replace(batches=itertools.islice(reading.batches, place.batches, None))

    @property
    def _goes_on(self) -> bool:
        """Whether the dataset is a stream that continues by itself from a given state."""
        return self._order is None and not self.num_workers and bool(self._sources.stateful)

    def __len__(self) -> int:
        if self._order is not None:
            return len(self._order)
        full, rest = divmod(len(self.dataset), self.batch_size or 1)
        return full + bool(rest and not self.drop_last)

    def state_dict(self) -> dict[str, Any]:
        """What a loader with the same options needs to continue from here: numbers, strings, lists and dicts.

        Inside a loop over the loader, that is the position after the last batch it returned. Outside, it is a position
        between two epochs, also after a loop that was left by a `break` or an error.

        Save the state of the default generator with it (`get_rng_state`), as `save_checkpoint` does. It includes the
        states of samplers and streams that have `state_dict` and `load_state_dict`: for a sampler, where its next pass
        begins; for a stream, which sample comes next (at its end, the first of the next pass).

        >>> import tinygrad_edu as tg
        >>> loader = tg.data.DataLoader(range(6), batch_size=2, shuffle=True)
        >>> batches = iter(loader)
        >>> first, state = next(batches), loader.state_dict()
        >>> another = tg.data.DataLoader(range(6), batch_size=2, shuffle=True)
        >>> another.load_state_dict(state)
        >>> [batch.tolist() for batch in another] == [batch.tolist() for batch in batches]
        True
        """
        place = self._place()
        now = self._sources.moment()
        epoch = None if place is None else copy.deepcopy(place._asdict())
        return {"loader": VERSION, "make": self._make(), "now": now, "epoch": epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state that `state_dict` returned.

        The next loop gives the remaining batches of the epoch, and reads no others, except that a stream without
        `load_state_dict` is read from its start. The epochs after it are the same as without the interruption.

        Raises:
            ValueError: if it is not such a state, is damaged, or was saved by a loader with a different number of
                samples, batch size or order. The loader is then unchanged.
        """
        try:
            check_state(state, self._make(), None if self._order is None else length(self._order))
            state = copy.deepcopy(dict(state))
            epoch = state["epoch"]
            place = None if epoch is None else Place(**{name: epoch[name] for name in Place._fields})
            for moment in (state["now"],) if place is None else (state["now"], place.start):
                self._sources.check(moment)
        except ValueError as error:
            raise ValueError(f"DataLoader.load_state_dict: the state cannot be restored: {error}") from error
        # Samplers begin the epoch again, and so do streams in workers.
        moment = state["now"] if place is None or self._goes_on else place.start
        self._sources.load_stateful(moment["stateful"])
        self._sources.set_generators(state["now"])
        self._team.dismiss()
        self._resumed = place
        self._running = []

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_running": []}  # a copy has its own loops

    def _place(self) -> Place | None:
        """Where the loop over this loader is; None between two of them."""
        if self._resumed is not None:
            return self._resumed
        epochs = [ref() for ref in self._running]
        running = [epoch for epoch in epochs if epoch is not None and not epoch.over]
        if running and running[-1] is not epochs[-1]:
            raise RuntimeError(
                "DataLoader.state_dict: the last loop over this loader is over, and one that began earlier is not: "
                "which position is meant is not clear. Give the loop inside another loader, or close() the iterator "
                "that you no longer need"
            )
        return running[-1].place if running else None

    def _make(self) -> dict[str, Any]:
        """What must be the same in a loader that loads a state of this one."""
        order = " of ".join(type(sampler).__name__ for sampler in chain(self._order))
        make: dict[str, Any] = {"samples": length(self.dataset), "order": order}
        for name in ("batch_size", "drop_last"):
            make[name] = getattr(self if self._order is None else self._order, name, None)
        if self._order is None:
            make["num_workers"] = self.num_workers  # decides which samples of a stream come together
        return make


def _hire(kind: str, job: Job, count: int, context: Any) -> Workers:
    # Imported here, as most loaders have no workers, and multiprocessing takes long to import.
    if kind == "thread":
        from .workers.threads import ThreadWorkers

        return ThreadWorkers(job, count)
    from .workers.processes import ProcessWorkers

    return ProcessWorkers(job, count, context)
