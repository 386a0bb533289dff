"""Training results: of trainings at many batch sizes."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from ..advice.noise import Checkpoint
from ..results import Result
from ..timing.line import StepCost
from ..units import number
from .tradeoff import TradeOff
from .trainings import Training

RATES = "rates are those of optimizer.step(samples=len(batch)), which are PyTorch's for mean losses"


@dataclass
class AtBatchSize:
    """How trainings went with one batch size.

    Medians are over the seeds, where one that did not reach the target counts as infinite; NaN where the median is
    infinite, or nothing was run.

    Attributes:
        batch_size: samples in a step.
        rate: the learning rate, that of ``optimizer.step(samples=len(batch))``; NaN if none works.
        rule: how the rate came about.
        sum_rate: the rate that does the same to a loss that is a sum, rate/batch_size; NaN if the optimizer is not SGD.
        latency: the median time of a step, in seconds; on the line through the others where there was no time for it,
            NaN if there are no two.
        spread: the interquartile range of the latency as a share of it; NaN if it was not timed.
        rates: the steps to the target by rate, mean over the seeds for tuning, which are others than those of `runs`;
            NaN where a training failed, or was given up as a loser. Empty if the rate is from a rule.
        runs: the trainings, one for each seed.
        steps: to the target, median.
        samples: to the target, median.
        seconds: to the target, median: steps times latency.
        regime: "perfect scaling", "diminishing returns" or "plateau"; empty where the fit does not tell.
        reason: which runs did not reach the target, and why; empty if all did.
    """

    batch_size: int
    rate: float
    rule: str
    sum_rate: float
    latency: float
    spread: float
    rates: dict[float, float]
    runs: list[Training]
    steps: float
    samples: float
    seconds: float
    regime: str
    reason: str

    @property
    def train_loss(self) -> float:
        """At the end, mean over the runs that have one; NaN if none has."""
        return _mean(run.train_loss for run in self.runs)

    @property
    def test_loss(self) -> float:
        """Likewise over samples that were held out."""
        return _mean(run.test_loss for run in self.runs)


@dataclass
class NoiseAlong:
    """The noise scale along one of the trainings.

    Attributes:
        batch_size: its batch size; 0 if there was none.
        rate: its learning rate.
        seed: its seed.
        checkpoints: the noise at some moments of it.
        value: its weighted mean over the training; NaN where it could not be measured.
        reason: why there is none; empty if there is.
    """

    batch_size: int
    rate: float
    seed: int
    checkpoints: list[Checkpoint]
    value: float
    reason: str


@dataclass
class Predicted:
    """The batch size that √(N·a/b) gives, beside the one that was the fastest.

    Attributes:
        by_critical: with the critical batch size that was fitted to the steps as N; NaN if there is none.
        by_noise: with the noise scale from gradients as N; NaN if there is none.
        fastest: the batch size with the lowest median time to the target; None if none got there.
    """

    by_critical: float
    by_noise: float
    fastest: int | None


@dataclass
class TrainResult(Result):
    """Steps, samples and seconds to a loss at many batch sizes, and what follows from them.

    Attributes:
        target_loss: the mean loss a training sample that was to be reached; NaN if none was set before it ended.
        first_loss: before any step.
        lr_rule: "tune", "constant", "sqrt" or "linear".
        base_rate: the rate with which the search began; for a rule, the one that it starts from. NaN if none works.
        base_batch_size: the batch size that it was found at.
        sizes: what came out for each batch size, in ascending order.
        fit: the trade-off between steps and samples.
        step_cost: what a step costs; None if fewer than two batch sizes were timed.
        noise: the noise scale along a training.
        predicted: what the formula makes of them.
        reason: why there is nothing to see; empty if there is.
        trainings: all that finished, those for tuning included, in the order in which they were run.
        timings: seconds for each step, round by round, by batch size.
    """

    kind: ClassVar[str] = "train"

    target_loss: float
    first_loss: float
    lr_rule: str
    base_rate: float
    base_batch_size: int
    sizes: list[AtBatchSize]
    fit: TradeOff
    step_cost: StepCost | None
    noise: NoiseAlong
    predicted: Predicted
    reason: str
    trainings: list[Training]
    timings: dict[int, list[float]]

    @property
    def answered(self) -> bool:
        """Whether any training reached the target."""
        return not self.reason and any(not run.why for row in self.sizes for run in row.runs)

    def __str__(self) -> str:
        return summary(self)


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
    rows = result.sizes
    columns = {
        "batch size": [str(row.batch_size) for row in rows],
        "rate": [number(row.rate) for row in rows],
        "rate of a sum": [number(row.sum_rate) for row in rows],
        "steps": [number(row.steps) for row in rows],
        "samples": [number(row.samples) for row in rows],
        "seconds": [number(row.seconds) for row in rows],
        "test loss": [number(row.test_loss) for row in rows],
    }
    if not any(math.isfinite(row.sum_rate) for row in rows):
        del columns["rate of a sum"]
    widths = [max(map(len, [heading, *cells])) for heading, cells in columns.items()]
    words = ["", *("; ".join(filter(None, [regime(row), remark(row)])) for row in rows)]
    lines = zip([columns.keys(), *zip(*columns.values())], words)
    return ["  ".join([*map(str.rjust, cells, widths), word]).rstrip() for cells, word in lines]


def _mean(values: Iterable[float]) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else math.nan


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
