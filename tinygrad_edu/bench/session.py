"""The start of every benchmark: read the problem, limit threads, choose a clock, start the budget."""

from __future__ import annotations

import math
import operator
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .errors import BenchError
from .problem import TIMING_RATE, Problem, Run
from .problem.randomness import preserved
from .problem.sizes import check_sizes
from .timing.clock import Budget, Clock, check_budget
from .timing.environment import environment
from .timing.memory import memory_of, memory_within
from .timing.threads import limited, threads_in_use
from .units import bytes_


@dataclass(frozen=True)
class Session:
    """What a benchmark works with.

    Attributes:
        problem: what is benchmarked.
        clock: times the steps: in CPU time with one thread, in wall time with more.
        budget: already running when the data are read.
        environment: the machine, for the result.
        largest: the largest batch: all samples, or as many as are predicted to fit into the memory allowed.
        notes: choices made for the user.
    """

    problem: Problem
    clock: Clock
    budget: Budget
    environment: dict[str, Any]
    largest: int
    notes: list[str]

    def sizes(self, batch_sizes: Sequence[int] | None) -> list[int]:
        """The batch sizes given, without those too large for the memory; empty for None.

        Raises:
            BenchError: if they are not valid batch sizes for these data, or none of them fits.
        """
        if batch_sizes is None:
            return []
        named = check_sizes(batch_sizes, len(self.problem.train))
        fitting = [size for size in named if size <= self.largest]
        if not fitting:
            raise BenchError(
                f"batch_sizes: {named[0]} is the smallest, but no more than {self.largest} samples are predicted to "
                "fit into memory_limit"
            )
        return fitting


@contextmanager
def session(
    model: Any,
    loss_fn: Any,
    data: Any,
    *,
    budget: float | None = None,
    threads: int | None = None,
    memory_limit: int | None = None,
    seed: int = 0,
    **more: Any,
) -> Iterator[Session]:
    """Read the user's arguments; at the end, restore random generators and thread limits.

    Args:
        model, loss_fn, data, seed, more: as for `Problem.of`.
        budget: seconds; None for no limit.
        threads: threads of the BLAS library; None keeps the current setting.
        memory_limit: bytes that training may use; None for no limit.

    Raises:
        BenchError: if the arguments do not fit together.
    """
    try:
        seed = operator.index(seed)
    except TypeError:
        raise BenchError(f"seed={seed!r}: a seed is an integer") from None
    if isinstance(threads, int) and threads > (os.cpu_count() or 1):
        raise BenchError(
            f"threads: got {threads}, but there are {os.cpu_count()} cores: more threads only get in the way"
        )
    running = Budget(check_budget(budget))
    with limited(threads), preserved():
        problem = Problem.of(model, loss_fn, data, seed=seed, **more)
        count = threads_in_use()
        clock = Clock.for_threads(count if not problem.train.workers else count + problem.train.workers)
        largest, notes = _fitting(problem, memory_limit, running, seed)
        if largest < len(problem.judged[1]):  # computing the loss must fit into memory as well
            problem = problem.lighter(largest)
            notes.append(f"losses are compared over {largest} samples, and the noise scale is measured on as many")
        yield Session(problem, clock, running, environment(clock, count), largest, [*problem.notes, *notes])


def _fitting(problem: Problem, memory_limit: int | None, budget: Budget, seed: int) -> tuple[int, list[str]]:
    """The largest batch that may be tried, and notes on it."""
    count = len(problem.train)
    if memory_limit is None:
        return count, []
    limit, _ = memory_within(memory_limit)
    memory = memory_of(lambda size: Run(problem, size, TIMING_RATE, seed), count, limit=limit, budget=budget)
    if memory.largest is None and math.isnan(memory.per_sample):
        return count, [f"memory: it is not known which batches fit into {bytes_(limit)}, as {memory.why}"]
    if memory.largest is None or memory.largest >= count:
        return count, []
    if memory.largest < 1:
        raise BenchError(f"memory_limit: {bytes_(limit)}, but a step with a single sample takes {bytes_(memory.at(1))}")
    return memory.largest, [f"memory: batches of up to {memory.largest} are predicted to fit into {bytes_(limit)}"]
