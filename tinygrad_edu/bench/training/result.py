"""Training results: training runs with many batch sizes."""

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

RATES = "rates are for optimizer.step(samples=len(batch)), the same as PyTorch's for mean losses"


@dataclass
class AtBatchSize:
    """The training runs with one batch size.

    Medians are over the seeds. A run that did not reach the target counts as infinite; a median is NaN if it is
    infinite, or if nothing was run.

    Attributes:
        batch_size: samples in a step.
        rate: the learning rate, as used with ``optimizer.step(samples=len(batch))``; NaN if none works.
        rule: how the rate was found.
        sum_rate: the equivalent rate for a loss that is a sum, rate/batch_size; NaN if the optimizer is not SGD.
        latency: the median time of a step, in seconds. If there was no time to measure it, it comes from the line
            through the others; NaN if fewer than two of them were timed.
        spread: the interquartile range of the latency, as a share of it; NaN if it was not timed.
        rates: the steps to the target by rate, as a mean over the tuning seeds, which differ from those of `runs`; NaN
            if a run failed, or was stopped because it could not win. Empty if the rate comes from a rule.
        runs: the training runs, one for each seed.
        steps: steps to the target, median.
        samples: samples to the target, median.
        seconds: seconds to the target, median: steps times latency.
        regime: "perfect scaling", "diminishing returns" or "plateau"; empty if the fit cannot tell.
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
        """The final training loss, as a mean over the runs that have one; NaN if none has."""
        return _mean(run.train_loss for run in self.runs)

    @property
    def test_loss(self) -> float:
        """The same for the held-out samples."""
        return _mean(run.test_loss for run in self.runs)


@dataclass
class NoiseAlong:
    """The noise scale along one of the training runs.

    Attributes:
        batch_size: its batch size; 0 if there was none.
        rate: its learning rate.
        seed: its seed.
        checkpoints: the noise scale at some moments of it.
        value: the weighted mean over the run; NaN if it could not be measured.
        reason: why there is no value; empty if there is one.
    """

    batch_size: int
    rate: float
    seed: int
    checkpoints: list[Checkpoint]
    value: float
    reason: str


@dataclass
class Predicted:
    """The batch size predicted by √(N·a/b), and the one that was the fastest.

    Attributes:
        by_critical: with N = the critical batch size, as fitted to the steps; NaN if there is none.
        by_noise: with N = the noise scale from gradients; NaN if there is none.
        fastest: the batch size with the lowest median time to the target; None if none reached it.
    """

    by_critical: float
    by_noise: float
    fastest: int | None


@dataclass
class TrainResult(Result):
    """Steps, samples and seconds to a target loss with many batch sizes, and what follows from them.

    Attributes:
        target_loss: the mean loss per training sample to reach; NaN if the run ended before it was set.
        first_loss: the loss before any step.
        lr_rule: "tune", "constant", "sqrt" or "linear".
        base_rate: the rate with which the search began, or from which a rule starts; NaN if none works.
        base_batch_size: the batch size for which it was found.
        sizes: the results for each batch size, in ascending order.
        fit: the trade-off between steps and samples.
        step_cost: the cost of a step; None if fewer than two batch sizes were timed.
        noise: the noise scale along a training run.
        predicted: what the formula predicts from them.
        reason: why there are no results; empty if there are.
        trainings: all runs that finished, including those for tuning, in the order in which they were run.
        timings: seconds of a step, round by round, by batch size.
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
        """Whether any training run reached the target."""
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
    """The regime of a batch size; empty if no run ended, as the curve through others says nothing new of this one."""
    return row.regime if any(run.why != "budget" for run in row.runs) else ""


def waits(row: AtBatchSize) -> bool:
    """Whether a batch size was not run yet, though it can be."""
    failed = row.rates and not math.isfinite(row.rate)
    return not row.runs and not failed


def remark(row: AtBatchSize) -> str:
    """Which runs did not reach the target, and why; or that there are none yet; or nothing."""
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
    second = f"Noise scale along a training run with batches of {noise.batch_size}: {number(noise.value)}."
    if noise.reason:
        second = f"Noise scale: {noise.reason}."
    third = "" if predicted.fastest is None else f"The fastest to the target: {predicted.fastest}."
    known = [("critical batch size", predicted.by_critical), ("noise scale", predicted.by_noise)]
    said = [f"{number(value)} with the {name}" for name, value in known if math.isfinite(value)]
    if said:
        third = f"{third} √(N·a/b) is {' and '.join(said)} as N.".lstrip()
    return [first, second, third]
