"""What a person reads of trainings at many batch sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..units import number
from .result import AtBatchSize, TrainResult

__all__ = ["RATES", "regime", "remark", "summary", "waits"]

RATES = "rates are those of optimizer.step(samples=len(batch)), which are PyTorch's for mean losses"


def summary(result: TrainResult) -> str:
    """A table with a line for each batch size, and what follows from it."""
    parts = [_first(result)]
    if not result.reason:
        parts += ["\n".join(_table(result)), *_findings(result)]
    if result.stopped:
        parts.append(
            {"interrupt": "Interrupted", "budget": "The budget was spent"}[result.stopped] + " before the end."
        )
    parts += [f"note: {text}" for text in result.notes]
    return "\n\n".join(part for part in parts if part)


def regime(row: AtBatchSize) -> str:
    """The regime of a batch size; empty where no training ended, as the curve through others is no news of this one."""
    return row.regime if any(run.why != "budget" for run in row.runs) else ""


def waits(row: AtBatchSize) -> bool:
    """Whether a batch size was not run, though nothing says that it cannot be."""
    failed = row.rates and not math.isfinite(row.rate)
    return not row.runs and not failed


def remark(row: AtBatchSize) -> str:
    """Which runs did not reach the target, and why, or that there are none yet; empty where nothing is to be said."""
    return "not run yet" if row.reason and waits(row) else row.reason


def _first(result: TrainResult) -> str:
    if result.reason:
        return result.reason
    return (
        f"Steps to a mean loss of {number(result.target_loss)}, medians of {result.settings['seeds']} seeds. "
        f"Learning rate: {result.sizes[0].rule}; {RATES}."
    )


def _table(result: TrainResult) -> list[str]:
    with_sums = any(math.isfinite(row.sum_rate) for row in result.sizes)
    head = [
        "batch size",
        "rate",
        *(["rate of a sum"] if with_sums else []),
        "steps",
        "samples",
        "seconds",
        "test loss",
        "",
    ]
    rows = [head]
    for row in result.sizes:
        numbers = [
            row.rate,
            *([row.sum_rate] if with_sums else []),
            row.steps,
            row.samples,
            row.seconds,
            _test_loss(row),
        ]
        rows.append([str(row.batch_size), *map(number, numbers), "; ".join(filter(None, [regime(row), remark(row)]))])
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [_line(row, widths) for row in rows]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    *numbers, words = cells
    return "  ".join([*(cell.rjust(width) for cell, width in zip(numbers, widths)), words]).rstrip()


def _test_loss(row: AtBatchSize) -> float:
    losses = [run.test_loss for run in row.runs if math.isfinite(run.test_loss)]
    return sum(losses) / len(losses) if losses else math.nan


def _findings(result: TrainResult) -> list[str]:
    fit, noise, predicted = result.fit, result.noise, result.predicted
    low, high = fit.critical_interval
    bounds = f"{number(low)} to {'any size' if high is None else number(high)}"
    if fit.usable:
        first = f"Critical batch size {number(fit.critical)} (95 %: {bounds}); fewest steps {number(fit.smin)}."
    else:
        first = "" if low == 0 and high is None else f"Critical batch size: {bounds} (95 %)."
    if fit.reason:
        first = f"{first} {fit.reason[0].upper()}{fit.reason[1:]}.".lstrip()
    second = f"Noise scale along a training with batches of {noise.batch_size}: {number(noise.value)}."
    if noise.reason:
        second = f"Noise scale: {noise.reason}."
    third = "" if predicted.fastest is None else f"The fastest to the target: {predicted.fastest}."
    known = [("critical batch size", predicted.by_critical), ("noise scale", predicted.by_noise)]
    said = [f"{number(value)} with the {name}" for name, value in known if math.isfinite(value)]
    if said:
        third = f"{third} √(N·a/b) is {' and '.join(said)} as N.".lstrip()
    return [first, second, third]
