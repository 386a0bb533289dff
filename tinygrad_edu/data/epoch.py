"""An epoch of a loader: the tasks in order, and the batches they produce."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from ..ops.generator import Generator, Recipe, stand_in
from .position import Place
from .workers.job import END, Purpose, Task
from .workers.team import Reading


class Order:
    """The tasks of an epoch, one for each item that a sampler gives.

    A sampler that draws from the default generator gets a separate one here. So its numbers do not depend on what the
    model draws in between, nor the model's on how far ahead batches are read.

    Args:
        sampler: gives the numbers of samples.
        base_seed: the epoch's.

    Attributes:
        drawn: how often the sampler was asked, the last time included, at which it had no more.
    """

    def __init__(self, sampler: Iterable[Any], base_seed: int) -> None:
        self._own: Generator | Recipe | None = (base_seed, Purpose.ORDER)
        self.drawn: int = 0
        self._exhausted = False
        outer, stand_in.generator = stand_in.generator, self._own
        try:
            self._numbers = iter(sampler)
        finally:
            self._own, stand_in.generator = stand_in.generator, outer

    def __iter__(self) -> Iterator[Task]:
        return self

    def __next__(self) -> Task:
        if self._exhausted:  # not asked twice: it may draw numbers before it stops
            raise StopIteration
        task = self.drawn
        self.drawn += 1
        outer, stand_in.generator = stand_in.generator, self._own
        try:
            return Task(task, next(self._numbers))
        except BaseException:
            self._exhausted = True
            raise
        finally:
            self._own, stand_in.generator = stand_in.generator, outer

    def skip(self, batches: int, drawn: int) -> Iterator[Task]:
        """Ask the sampler as often as it had been asked, and give all tasks but the first `batches`, which are done."""
        for _ in itertools.islice(self, batches):
            pass
        return itertools.chain(list(itertools.islice(self, drawn - batches)), self)


class Epoch:
    """One pass over a loader: an iterator over batches that knows how far it is.

    It is over when there are no more batches, after an error, or when it is closed. Leaving a loop releases the epoch,
    which closes it.

    Args:
        place: where it begins.
        order: its tasks, if a sampler gives them.
        reading: its batches, from there on.

    Attributes:
        over: whether no more batches will come.
    """

    def __init__(self, place: Place, order: Order | None, reading: Reading) -> None:
        self._place = place
        self._order = order
        self._reading = reading
        self._source = reading.batches
        self._batches = place.batches
        self.over: bool = False

    @property
    def place(self) -> Place:
        """Where it is now: after the batches that it has handed out."""
        drawn = self._batches if self._order is None else self._order.drawn
        return self._place._replace(batches=self._batches, drawn=drawn, ended=self._reading.ended())

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            batch = next(self._source, END)
        except BaseException:
            self._end(healthy=False)
            raise
        if batch is END:
            self._end(healthy=True)  # here, where no error is being handled that Ctrl-C would be chained to
            raise StopIteration
        self._batches += 1
        return batch

    def close(self) -> None:
        """End it early. What has been read ahead is lost."""
        self._end(healthy=True)

    def __del__(self) -> None:
        self.close()

    def _end(self, healthy: bool) -> None:
        if not self.over:
            self.over = True
            self._source = iter(())
            self._reading.release(healthy)
