"""An epoch of a loader: the tasks in their order, and the batches that come of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..ops.generator import Substitute
from .position import Place
from .workers.job import Purpose, Task


class Order:
    """The tasks of an epoch, one for each item that a sampler gives.

    A sampler that draws from the default generator draws from one of its own here. So its numbers do not depend on
    what the model draws in between, nor the model's on how far ahead they are asked for.

    Args:
        sampler: gives the numbers of samples.
        base_seed: the epoch's.

    Attributes:
        drawn: how many tasks there have been.
    """

    def __init__(self, sampler: Iterable[Any], base_seed: int) -> None:
        self._own = Substitute(base_seed, Purpose.ORDER)
        self.drawn = 0
        with self._own:
            self._numbers = iter(sampler)

    def __iter__(self) -> Iterator[Task]:
        return self

    def __next__(self) -> Task:
        with self._own:
            samples = next(self._numbers)
        task = Task(self.drawn, samples)
        self.drawn += 1
        return task

    def skip(self, batches: int, drawn: int) -> Iterator[Task]:
        """Draw as many tasks as had been drawn, and give all but the first `batches`, which are done."""
        for _ in itertools.islice(self, batches):
            pass
        return itertools.chain(list(itertools.islice(self, drawn - batches)), self)


class Epoch:
    """One pass over a loader: an iterator over batches that knows how far it is.

    It is over when it has said that there are no more, when an error came out of it, or when it was closed. A loop
    that is left lets go of it, and that closes it.

    Args:
        place: where it begins.
        order: its tasks, if a sampler gives them.
        source: its batches, from there on.
        release: called at the end, with whether all went well.

    Attributes:
        over: whether no more batches will come.
    """

    def __init__(
        self, place: Place, order: Order | None, source: Iterator[Any], release: Callable[[bool], None]
    ) -> None:
        self._place = place
        self._order = order
        self._source = source
        self._release = release
        self._batches = place.batches
        self.over = False

    @property
    def place(self) -> Place:
        """Where it is now: after the batches that it has handed out."""
        drawn = self._batches if self._order is None else self._order.drawn
        return self._place._replace(batches=self._batches, drawn=drawn)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            batch = next(self._source)
        except BaseException as error:
            self._end(healthy=isinstance(error, StopIteration))
            raise
        self._batches += 1
        return batch

    def close(self) -> None:
        """End it before its time. What has been read ahead is lost."""
        self._end(healthy=True)

    def __del__(self) -> None:
        self.close()

    def _end(self, healthy: bool) -> None:
        if not self.over:
            self.over = True
            self._source = iter(())
            self._release(healthy)
