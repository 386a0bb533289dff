"""Speed results: how fast training steps are with each batch size, as measured by `bench.speed`."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from ..results import Result
from ..timing.intervals import Interval
from ..timing.memory import Memory
from ..units import bytes_, seconds


@dataclasses.dataclass
class Latency:
    """How long something takes, in seconds.

    Attributes:
        median: over the rounds.
        low: the lower end of the 95 % interval of the median; NaN for fewer than six rounds.
        high: its upper end.
        lower_quartile: a quarter of the rounds took less.
        upper_quartile: a quarter of the rounds took longer.
        rounds: how many there were.
    """

    median: float
    low: float
    high: float
    lower_quartile: float
    upper_quartile: float
    rounds: int

    @property
    def spread(self) -> float:
        """The interquartile range as a share of the median."""
        return (self.upper_quartile - self.lower_quartile) / self.median


@dataclasses.dataclass
class SpeedRow:
    """One batch size.

    Attributes:
        batch_size: samples in a step.
        latency: of a step.
        samples_per_second: at the median.
        loading: seconds of the step spent on drawing the batch; NaN if the split is not known.
        forward: seconds spent on clearing gradients and computing the model and the losses.
        backward: seconds spent on the backward pass.
        optimizer: seconds spent on the update.
        with_norms: latency of a step that also computes the gradient norm of each sample; None if that is not possible.
        norms_ratio: `with_norms` divided by the plain step, round by round.
        peak_memory: peak memory of the training run in bytes; NaN if it is not known.
        memory_measured: whether that was measured; if not, it was extrapolated from smaller batches.
    """

    batch_size: int
    latency: Latency
    samples_per_second: float
    loading: float
    forward: float
    backward: float
    optimizer: float
    with_norms: Latency | None
    norms_ratio: Interval | None
    peak_memory: float
    memory_measured: bool


@dataclasses.dataclass
class Control:
    """The same training timed twice in the same rounds: shows how far a ratio is off without any difference.

    Attributes:
        batch_size: the batch size of both.
        ratio: the second divided by the first, with its interval.
    """

    batch_size: int
    ratio: Interval


@dataclasses.dataclass(repr=False)
class SpeedResult(Result):
    """How fast steps are, and how much memory they take. See `Result` for problem, settings, environment and notes.

    Attributes:
        rows: one for each batch size, in ascending order.
        control: the A/A comparison; None if nothing was timed.
        reference: the fixed piece of work through which runs on this machine are compared.
        memory: the memory measurements; None if there are none.
        norms_absent: why there are no steps with norms; empty if there are.
        warnings: where the machine was too noisy for a result.
        rounds: raw seconds, one number for each round, by the names from `step`, `norms` and `again`, and "reference".
    """

    kind: ClassVar[str] = "speed"

    rows: list[SpeedRow]
    control: Control | None
    reference: Latency | None
    memory: Memory | None
    norms_absent: str
    warnings: list[str]
    rounds: dict[str, list[float]]

    @property
    def answered(self) -> bool:
        """Whether any batch size was timed."""
        return bool(self.rows)

    def __repr__(self) -> str:
        sizes = ", ".join(str(row.batch_size) for row in self.rows) or "none"
        return f"SpeedResult({self.problem.get('model')}, batch sizes {sizes})"

    def __str__(self) -> str:
        lines = [_heading(self), _HEADER, *[_line(row) for row in self.rows]]
        if self.norms_absent:
            lines.append(f"no steps with norms: {self.norms_absent}")
        if self.control is not None:
            lines.append(f"a second training with batch size {self.control.batch_size}: {spoken(self.control.ratio)}")
        if self.memory is not None and self.memory.largest is not None:
            lines.append(
                f"largest batch predicted to fit into {bytes_(self.memory.limit)}: {self.memory.largest:,} "
                f"({bytes_(self.memory.base)} and {bytes_(self.memory.per_sample)} for each sample)"
            )
        elif self.memory is not None:
            lines.append(f"largest batch that fits: {not_known(self.memory)}")
        lines += [f"warning: {text}" for text in self.warnings]
        lines += [f"note: {text}" for text in self.notes]
        return "\n".join(lines)


def step(batch_size: int) -> str:
    """The name of a step in `rounds`."""
    return f"step {batch_size}"


def norms(batch_size: int) -> str:
    """The name of a step with norms in `rounds`."""
    return f"step {batch_size} with norms"


def again(batch_size: int) -> str:
    """The name of the second training in `rounds`."""
    return f"step {batch_size} again"


def spoken(ratio: Interval) -> str:
    """A ratio with its interval.

    >>> spoken(Interval(1.0, 0.99, 1.02))
    '1.000 times (0.990 to 1.020)'
    """
    if math.isnan(ratio.low):
        return f"{ratio.value:.3f} times (too few rounds for an interval)"
    return f"{ratio.value:.3f} times ({ratio.low:.3f} to {ratio.high:.3f})"


def not_known(memory: Memory) -> str:
    """One line that says why it is not known which batches fit.

    >>> not_known(Memory([1], [15.0], 15.0, math.nan, math.nan, None, "no limit is known"))
    'not known: no limit is known'
    """
    return f"not known: {memory.why}"


_HEADER = (
    f"{'batch':>7} {'a step':>10} {'95 % interval':>21} {'IQR':>5} {'samples/s':>11} {'load':>5} {'forw.':>5} "
    f"{'backw.':>6} {'opt.':>5} {'with norms':>10} {'peak memory':>12}"
)


def _heading(result: SpeedResult) -> str:
    problem, environment = result.problem, result.environment
    threads = environment.get("threads")
    return (
        f"{problem.get('model')} with {problem.get('optimizer')} on {problem.get('data')}: {problem.get('samples'):,} "
        f"samples, {problem.get('dtype')}; {threads} thread{'s' if threads != 1 else ''}, {environment.get('clock')} "
        f"time, {environment.get('processor')}"
    )


def _line(row: SpeedRow) -> str:
    latency = row.latency
    bounds = "-" if math.isnan(latency.low) else f"{seconds(latency.low)} to {seconds(latency.high)}"
    shares = [part / latency.median for part in (row.loading, row.forward, row.backward, row.optimizer)]
    load, forward, backward, optimizer = ("-" if math.isnan(share) else f"{share:.0%}" for share in shares)
    ratio = "-" if row.norms_ratio is None else f"× {row.norms_ratio.value:.2f}"
    memory = "-" if math.isnan(row.peak_memory) else ("" if row.memory_measured else "~") + bytes_(row.peak_memory)
    return (
        f"{row.batch_size:7} {seconds(latency.median):>10} {bounds:>21} {latency.spread:5.0%} "
        f"{row.samples_per_second:11,.0f} {load:>5} {forward:>5} {backward:>6} {optimizer:>5} {ratio:>10} {memory:>12}"
    )
