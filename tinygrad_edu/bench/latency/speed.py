"""Measure speed: how fast training steps are with each batch size, and how much memory they take."""

from __future__ import annotations

import math
from typing import Any

from ...optim import SGD
from ..problem.run import Run
from ..problem.sizes import check_sizes, powers_of_two
from ..progress import Tell, silent
from ..session import Session, session
from ..timing.intervals import median_interval
from ..timing.memory import memory_within
from ..timing.reference import REFERENCE, reference
from ..timing.rounds import Step, Timing, ratio_interval
from ..timing.steps import PARTS
from .result import Control, Latency, SpeedResult, SpeedRow, again, norms, spoken, step
from .sweep import Start, Sweep, listed

LARGEST = 4096  # samples in the largest batch that is timed by default
NOISY = 0.10  # over the median: the interquartile range, or the width of the control's interval
OFF = 0.02  # by which the control's ratio may differ from 1


def speed(
    model: Any,
    loss_fn: Any,
    data: Any,
    *,
    batch_sizes: Any = None,
    optimizer: Any = SGD,
    threads: int | None = None,
    memory_limit: int | None = None,
    budget: float | None = 60.0,
    seed: int = 0,
    test_data: Any = None,
    names: dict[str, str] | None = None,
    tell: Tell | None = None,
) -> SpeedResult:
    """Time training steps with several batch sizes, interleaved, in this process.

    A step is everything that a training loop does: draw the batch, zero_grad, forward pass, losses, backward pass,
    update by the optimizer. It is timed in CPU time with one thread, else in wall time. The model, the data, the random
    generators and the thread limits are left as they were. Ctrl-C returns what is known so far.

    Args:
        model: a class or function without arguments, or a module, which is copied.
        loss_fn: a loss of `nn.functional` or `nn`, or a function of (output, target) that returns (B,); None for
            cross-entropy with integer targets and squared error with others.
        data: (x, y), a dataset of such pairs, or a `DataLoader`.
        batch_sizes: integers from 1 to the number of samples; None for powers of two up to 4096, as far as budget and
            memory allow.
        optimizer: a class of `optim`, or a function of (params, lr=rate) that returns an optimizer.
        threads: threads of the BLAS library, which needs threadpoolctl; None keeps the current setting.
        memory_limit: bytes that training may use; None for the available memory, which needs psutil.
        budget: seconds of wall time, kept to within 10 % unless a single step takes as long; None for no limit.
        seed: the seed of weights, batches and the order of the turns.
        test_data: accepted as by `advise` and `train`, and ignored: nothing is tested here.
        names: what to call the ``"model"`` and the ``"data"`` in the result.
        tell: a function that is called with the current stage and the share of the budget spent.

    Returns:
        A `SpeedResult`, which prints as a table.

    Raises:
        BenchError: if the arguments do not fit together. Errors raised by the user's own code are passed on.

    >>> import numpy as np
    >>> import tinygrad_edu as tg
    >>> from tinygrad_edu import bench
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(64, 8)).astype(np.float32), rng.integers(0, 3, 64)
    >>> bench.speed(tg.nn.Linear(8, 3), tg.nn.functional.cross_entropy, (x, y), batch_sizes=[16], budget=1.0)
    SpeedResult(Linear, batch sizes 16)
    """
    with session(
        model,
        loss_fn,
        data,
        optimizer=optimizer,
        hold_out=False,
        budget=budget,
        threads=threads,
        seed=seed,
        names=names,
    ) as now:
        return time_steps(now, batch_sizes, memory_limit=memory_limit, seed=seed, tell=tell or silent)


def time_steps(
    now: Session,
    batch_sizes: Any,
    *,
    memory_limit: int | None = None,
    seed: int = 0,
    start: Start = Run,
    other_work: Step | None = None,
    tell: Tell = silent,
) -> SpeedResult:
    """Do what `speed` does, for a given session; random generators are not restored.

    Args:
        now: the session, with problem and clocks.
        batch_sizes, memory_limit, seed, tell: as for `speed`.
        start: starts a training run.
        other_work: the reference.
    """
    n = len(now.problem.train)
    sizes = powers_of_two(min(n, LARGEST)) if batch_sizes is None else check_sizes(batch_sizes, n)
    limit, why = memory_within(memory_limit)
    settings = {
        "seed": seed,
        "budget": now.budget.seconds,
        "batch_sizes": None if batch_sizes is None else sizes,
        "threads": now.environment["threads"],
        "memory_limit": memory_limit,
    }
    sweep = Sweep(now.problem, seed, now.clock, now.budget, start, asked=batch_sizes is not None)
    stopped = ""
    try:
        tell("measuring memory", now.budget.share)
        sweep.measure_memory(limit, why)
        tell("first steps", now.budget.share)
        sweep.prepare(sizes)
        sweep.split()
        sweep.time(other_work or reference(), lambda: tell("timing steps in turn", now.budget.share))
    except KeyboardInterrupt:
        stopped = "interrupt"
        sweep.notes.append(f"interrupted after {sweep.done} rounds")
    return _result(sweep, now, seed, settings, stopped)


def _result(sweep: Sweep, now: Session, seed: int, settings: dict[str, Any], stopped: str) -> SpeedResult:
    """What was measured, in whole rounds only."""
    timings = sweep.timings if sweep.done else {}
    rows = [_row(sweep, size, seed) for size in sweep.runs] if timings else []
    control = _control(sweep, seed) if timings else None
    other = _latency(timings[REFERENCE], seed) if timings else None
    return SpeedResult(
        problem=now.problem.about(),
        settings=settings,
        environment=now.environment,
        notes=[*now.notes, *sweep.notes, *_notes(rows)],
        complete=not stopped and sweep.complete,
        stopped=stopped,
        rows=rows,
        control=control,
        reference=other,
        memory=sweep.memory,
        norms_absent=sweep.norms_absent,
        warnings=_warnings(rows, control, other),
        rounds={name: timing.seconds for name, timing in timings.items()},
    )


def _row(sweep: Sweep, size: int, seed: int) -> SpeedRow:
    plain, other = sweep.timings[step(size)], sweep.timings.get(norms(size))
    latency = _latency(plain, seed)
    shares, memory = sweep.splits[size].shares, sweep.memory
    return SpeedRow(
        batch_size=size,
        latency=latency,
        samples_per_second=size / latency.median,
        **{part: shares[part] * latency.median for part in PARTS},
        with_norms=None if other is None else _latency(other, seed),
        norms_ratio=None if other is None else ratio_interval(other, plain, seed=seed),
        peak_memory=memory.at(size) if memory is not None else math.nan,
        memory_measured=memory is not None and size in memory.batch_sizes,
    )


def _control(sweep: Sweep, seed: int) -> Control:
    size = sweep.twice
    return Control(size, ratio_interval(sweep.timings[again(size)], sweep.timings[step(size)], seed=seed))


def _latency(timing: Timing, seed: int) -> Latency:
    found = median_interval(timing.seconds, seed=seed)
    return Latency(found.value, found.low, found.high, *timing.quartiles, len(timing.seconds))


def _notes(rows: list[SpeedRow]) -> list[str]:
    slow = [row.batch_size for row in rows if row.loading > row.latency.median / 2]
    return [f"drawing the batch takes more than half of the step time at {listed(slow)}"] if slow else []


def _warnings(rows: list[SpeedRow], control: Control | None, other: Latency | None) -> list[str]:
    """Where the machine was too noisy for a result."""
    found = []
    noisy = [row.batch_size for row in rows if row.latency.spread > NOISY]
    if noisy:
        found.append(
            f"the times of a step at {listed(noisy)} vary too much to tell small differences (interquartile range "
            f"over {NOISY:.0%} of the median): close other programs, or try again"
        )
    if other is not None and other.spread > NOISY:
        found.append(f"the reference varies by {other.spread:.0%}: do not compare this run with another one")
    if other is not None and math.isnan(other.low):
        found.append(f"only {other.rounds} rounds, too few for an interval: give a larger budget or fewer batch sizes")
    if control is not None:
        off = control.ratio.excludes(1.0) and abs(control.ratio.value - 1.0) > OFF
        if off or control.ratio.width > NOISY:
            found.append(
                f"the same training timed twice at {control.batch_size} differs: {spoken(control.ratio)}. Differences "
                "as small as that mean nothing here"
            )
    return found
