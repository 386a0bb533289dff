"""Peak memory of training with small batches, extrapolated to large ones. Memory is never filled up."""

from __future__ import annotations

import gc
import math
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import TinygradError, describe
from ..errors import BenchError, needed
from .clock import Budget
from .rounds import Step
from .steps import Steps

LARGEST = 1024  # samples in the largest batch that is tried
ENOUGH = 4.0  # times the peak of one sample: then the samples, not the parameters, determine the peak
CAREFUL = 0.5  # of the limit: no batch is tried that may need more, once two have shown the cost of a sample
HARMLESS = 64 * 2**20  # bytes: batches that need less are always tried
FITTED = 3  # the largest batches tried, to which the line is fitted


@dataclass
class Memory:
    """Peak memory of training, in bytes: model, gradients, optimizer state and a step.

    Attributes:
        batch_sizes: the batch sizes tried, in ascending order.
        peaks: the peak of each, in bytes.
        base: the part that does not depend on the batch size, for large batches.
        per_sample: what each sample adds to it.
        limit: the bytes allowed; NaN if that is not known.
        largest: the largest batch that is predicted to fit, which may be larger than the data; None if not known.
        why: why it is not known.

    >>> memory = Memory([1, 2], [15.0, 20.0], 10.0, 5.0, 1000.0, 198)
    >>> memory.at(2), memory.at(100)
    (20.0, 510.0)

    If the parameters determine the peak, it is the same for all small batches, and above the line:

    >>> Memory([1, 2], [90.0, 90.0], 10.0, 5.0, 1000.0, 198).at(4)
    90.0
    """

    batch_sizes: list[int]
    peaks: list[float]
    base: float
    per_sample: float
    limit: float
    largest: int | None
    why: str = ""

    def at(self, batch_size: int) -> float:
        """The peak with this batch size: as measured, else by the line; NaN without a line."""
        if batch_size in self.batch_sizes:
            return self.peaks[self.batch_sizes.index(batch_size)]
        smaller = [peak for size, peak in zip(self.batch_sizes, self.peaks) if size < batch_size]
        return max([self.base + self.per_sample * batch_size, *smaller])  # NaN stays, as it comes first


def peak_of(step: Step) -> int:
    """The peak memory of a call in bytes, beyond what was allocated before.

    tracemalloc counts what NumPy and Python allocate, but not what BLAS keeps for itself. If tracing is already on, it
    stays on, but its peak is reset.

    >>> import numpy as np
    >>> round(peak_of(lambda: np.ones(10**6, np.float64)) / 1e6)
    8
    """
    with _tracing():
        before = _so_far()
        step()
        return tracemalloc.get_traced_memory()[1] - before


def memory_of(
    start: Callable[[int], Steps], n: int, *, limit: float = math.nan, why: str = "", budget: Budget | None = None
) -> Memory:
    """Measure with batches of 1, 2, 4, …, and fit peak = base + per_sample · B.

    With small batches, parameters and their gradients determine the peak; with large ones, what the forward pass keeps.
    So the line is fitted to the peaks of the largest batches tried, or to what is kept after the forward pass,
    whichever is steeper.

    Args:
        start: starts a training run with a batch size.
        n: the number of samples.
        limit: bytes allowed; NaN if that is not known.
        why: why it is not known.
        budget: when to stop.
    """
    sizes: list[int] = []
    peaks: list[float] = []
    kept: list[float] = []
    size, took, full = 1, 0.0, False
    while size <= min(n, LARGEST) and (budget is None or budget.left > 2.0 * took):
        begin = 0.0 if budget is None else budget.spent
        found = _peaks_of_training(start, size)
        took = 0.0 if budget is None else budget.spent - begin
        if found is not None:
            model, after, peak = found
            sizes.append(size)
            kept.append(after)
            peaks.append(peak)
            full = _next(peaks, after - model) > _most(limit, CAREFUL if len(peaks) > 1 else 1.0)
            if full or (len(peaks) >= FITTED and peak >= ENOUGH * peaks[0]):
                break
        size *= 2
    if len(sizes) < 2:
        return _of_one(sizes, peaks, limit, why, full)
    per_sample, base = max(_line(sizes, peaks), _line(sizes, kept))
    if math.isnan(limit):
        return Memory(sizes, peaks, base, per_sample, limit, None, why or "no limit is known")
    if per_sample <= 0.0:
        return Memory(sizes, peaks, base, per_sample, limit, None, "the peak does not grow with the batch")
    largest = max(0, math.floor((limit - base) / per_sample)) if peaks[0] <= limit else 0
    return Memory(sizes, peaks, base, per_sample, limit, largest)


def memory_within(limit: Any) -> tuple[float, str]:
    """The bytes allowed, or why that is not known.

    Args:
        limit: a number of bytes; None for the available memory, according to psutil.

    Returns:
        The bytes and an empty string; or NaN and the reason.

    Raises:
        BenchError: if `limit` is not a positive number.

    >>> memory_within(1 << 30)
    (1073741824.0, '')
    """
    if limit is None:
        try:
            return float(needed("psutil", "finding the available memory").virtual_memory().available), ""
        except BenchError as error:
            return math.nan, f"{error}, or pass memory_limit, in bytes (--mem-limit on the command line)"
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 < limit < math.inf:
        raise BenchError(f"memory_limit: got {describe(limit)}; give a number of bytes, 2 * 1024**3 for 2 GiB, or None")
    return float(limit), ""


def _most(limit: float, share: float) -> float:
    """The bytes that a batch to try may need."""
    return math.inf if math.isnan(limit) else max(HARMLESS, share * limit)


def _of_one(sizes: list[int], peaks: list[float], limit: float, why: str, full: bool) -> Memory:
    """The result from one batch size, or none: if no second one may fit, memory counts as proportional to it."""
    if not full:
        base = peaks[0] if peaks else math.nan
        return Memory(sizes, peaks, base, math.nan, limit, None, why or "no two batch sizes could be measured")
    per_sample = peaks[0] / sizes[0]
    return Memory(sizes, peaks, 0.0, per_sample, limit, math.floor(limit / per_sample))


def _line(sizes: list[int], peaks: list[float]) -> tuple[float, float]:
    """Slope and intercept through the largest batches."""
    slope, intercept = np.polyfit(sizes[-FITTED:], peaks[-FITTED:], 1)
    return float(slope), float(intercept)


def _next(peaks: list[float], samples: float) -> float:
    """What twice the batch may take: twice the growth so far, and as much again to be safe.

    Before there is any growth, what the forward pass kept is used instead.
    """
    growth = samples if len(peaks) < 2 else peaks[-1] - peaks[-2]
    return peaks[-1] + 4.0 * max(0.0, growth)


def _peaks_of_training(start: Callable[[int], Steps], size: int) -> tuple[float, float, float] | None:
    """Bytes of the model, after the forward pass, and at the peak of the step; each includes the model.

    None if this batch size is not possible, such as 1 with BatchNorm.
    """
    with _tracing():
        before = _so_far()
        try:
            run = start(size)
            model = tracemalloc.get_traced_memory()[0] - before
            run.step()  # creates the gradients and the optimizer's state
            tracemalloc.reset_peak()
            with np.errstate(all="ignore"):
                x, y = run.load()
                losses = run.forward(x, y)
                kept = tracemalloc.get_traced_memory()[0] - before
                run.backward(losses)
                run.update(len(y))
        except TinygradError:
            return None
        return float(model), float(kept), float(tracemalloc.get_traced_memory()[1] - before)


@contextmanager
def _tracing() -> Iterator[None]:
    if tracemalloc.is_tracing():
        yield
        return
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def _so_far() -> int:
    gc.collect()
    tracemalloc.reset_peak()
    return tracemalloc.get_traced_memory()[0]
