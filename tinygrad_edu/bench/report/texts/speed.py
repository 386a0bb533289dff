"""The speed of steps, in words and in tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ...latency.result import Latency, SpeedResult, SpeedRow, not_known
from ...timing.intervals import Interval
from ...timing.steps import PARTS
from ...units import NOTHING, about, amount, batch, bytes_, number, percent, seconds
from ..pictures.speed import steps_of
from ..table import Answer, Table


def answer(result: SpeedResult) -> Answer:
    """Which batch size has the highest throughput, where the knee is, and what fits into memory."""
    if not result.rows:
        return Answer("No step was timed", [], _memory_facts(result), result.warnings)
    best = max(result.rows, key=lambda row: row.samples_per_second)
    headline = f"Up to {about(best.samples_per_second)} samples a second, with batches of {batch(best.batch_size)}"
    reason = [_knee(result), _memory(result), _control(result)]
    if result.norms_absent:
        reason.append(f"Steps with the norm of each sample's gradient were not timed: {result.norms_absent}")
    return Answer(headline, [text for text in reason if text], _facts(result), result.warnings)


def tables(result: SpeedResult) -> list[Table]:
    """The numbers: steps, their parts, memory."""
    found = [_steps(result), _split(result.rows), _norms(result.rows), _memory_table(result)]
    return [table for table in found if table.rows]


def _knee(result: SpeedResult) -> str:
    steps = steps_of(result)
    if not math.isfinite(steps.knee):
        return ""
    return (
        f"A step costs {seconds(steps.overhead)} and {seconds(steps.per_sample)} more for each sample: overhead and "
        f"arithmetic are equal at {batch(steps.knee)}. With that batch size, half of the highest throughput is "
        f"reached, {about(0.5 / steps.per_sample)} samples a second; above it there is less and less to gain. Which "
        "batch size trains fastest also depends on the noise of the gradients: the command tinygrad-edu bench finds it."
    )


def _memory(result: SpeedResult) -> str:
    memory = result.memory
    if memory is None:
        return ""
    if memory.largest is None:
        return f"The largest batch that fits is {not_known(memory)}." if memory.why else ""
    return (
        f"Training takes {bytes_(memory.base)} and {bytes_(memory.per_sample)} more for each sample of a batch: "
        f"up to {about(memory.largest)} should fit into {bytes_(memory.limit)}."
    )


def _control(result: SpeedResult) -> str:
    if result.control is None:
        return ""
    return (
        f"The same training timed twice, with batches of {batch(result.control.batch_size)}, differs by a factor of "
        f"{_ratio(result.control.ratio)}: smaller differences mean nothing here."
    )


def _facts(result: SpeedResult) -> dict[str, str]:
    steps, facts = steps_of(result), {}
    if math.isfinite(steps.knee):
        facts["a step costs, a"] = seconds(steps.overhead)
        facts["each sample adds, b"] = seconds(steps.per_sample)
        facts["knee, a/b"] = batch(steps.knee)
    return {**facts, **_memory_facts(result)}


def _memory_facts(result: SpeedResult) -> dict[str, str]:
    memory = result.memory
    if memory is None or memory.largest is None:
        return {}
    return {"memory per sample": bytes_(memory.per_sample), "largest that fits": about(memory.largest)}


def _steps(result: SpeedResult) -> Table:
    columns: dict[str, Callable[[SpeedRow], str]] = {
        "batch size": lambda row: batch(row.batch_size),
        "time of a step": lambda row: seconds(row.latency.median),
        "95 % interval": lambda row: _between(row.latency),
        "spread": lambda row: percent(row.latency.spread),
        "samples a second": lambda row: amount(row.samples_per_second),
        "rounds": lambda row: number(row.latency.rounds),
    }
    note = "Time: the median over the rounds. Spread: the interquartile range as a share of it."
    if result.control is not None:
        note += (
            f" A second training with batches of {batch(result.control.batch_size)}: {_ratio(result.control.ratio)} ×."
        )
    return Table.of("Time of a step", result.rows, columns, note)


def _split(rows: Sequence[SpeedRow]) -> Table:
    known = [row for row in rows if not math.isnan(row.loading)]
    cells = [(batch(row.batch_size), *(seconds(getattr(row, part)) for part in PARTS)) for row in known]
    return Table("Parts of a step", ("batch size", *PARTS), cells)


def _norms(rows: Sequence[SpeedRow]) -> Table:
    cells = [
        (
            batch(row.batch_size),
            seconds(row.with_norms.median),
            _between(row.with_norms),
            NOTHING if row.norms_ratio is None else f"{_ratio(row.norms_ratio)} ×",
        )
        for row in rows
        if row.with_norms is not None
    ]
    headings = ("batch size", "time of a step", "95 % interval", "of a plain step")
    note = "The same steps, which also compute the norm of each sample's gradient."
    return Table("Steps with per-sample norms", headings, cells, note)


def _memory_table(result: SpeedResult) -> Table:
    memory = result.memory
    sizes = {row.batch_size: row.peak_memory for row in result.rows}
    if memory is not None:
        sizes |= dict(zip(memory.batch_sizes, memory.peaks, strict=True))
    measured = set() if memory is None else set(memory.batch_sizes)
    rows = [
        (batch(size), bytes_(sizes[size]), "measured" if size in measured else "from the line")
        for size in sorted(sizes)
        if not math.isnan(sizes[size])
    ]
    note = "The most that NumPy and Python allocate in training; BLAS may keep a little in addition."
    return Table("Peak memory", ("batch size", "peak", ""), rows, note)


def _between(latency: Latency) -> str:
    if math.isnan(latency.low):
        return NOTHING
    return f"{seconds(latency.low)} to {seconds(latency.high)}"


def _ratio(ratio: Interval) -> str:
    """A ratio near 1, with its interval.

    >>> _ratio(Interval(1.0021, 0.99, 1.0142)), _ratio(Interval(2.5, float("nan"), float("nan")))
    ('1.002 (0.990 to 1.014)', '2.500')
    """
    if math.isnan(ratio.low):
        return f"{ratio.value:.3f}"
    return f"{ratio.value:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
