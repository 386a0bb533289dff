"""The cost of a step by batch size: seconds, samples a second, memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...timing.memory import Memory
from ...units import about, amount, batch, bytes_, seconds, short
from ..canvas import Canvas
from ..colours import ACCENT, SECOND, SOFT
from ..picture import Picture


@dataclass(frozen=True)
class Steps:
    """Measured steps, and the line t(B) = overhead + per_sample·B through them.

    Attributes:
        sizes: batch sizes, ascending.
        medians: median seconds of a step.
        lows: the first quartile, in seconds.
        highs: the third quartile, in seconds.
        overhead: a, in seconds; NaN without a line.
        per_sample: b, in seconds per sample; NaN without a line.
    """

    sizes: Sequence[int]
    medians: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]
    overhead: float = math.nan
    per_sample: float = math.nan

    @property
    def knee(self) -> float:
        """The batch size at which overhead and arithmetic are equal; NaN if there is none."""
        if self.overhead > 0 and self.per_sample > 0:
            return self.overhead / self.per_sample
        return math.nan

    @property
    def has_line(self) -> bool:
        """Whether there is a line."""
        return self.overhead + self.per_sample > 0

    def at(self, size: float) -> float:
        """Seconds of a step according to the line."""
        return self.overhead + self.per_sample * size


def points(sizes: Sequence[float], count: int = 60) -> list[float]:
    """Batch sizes for a curve, evenly spread over the axis."""
    return [float(size) for size in np.geomspace(min(sizes), max(sizes), count)]


def listed(sizes: Sequence[float], values: Sequence[str]) -> str:
    """Values by batch size, as a list in a sentence."""
    return ", ".join(f"{value} at {batch(size)}" for size, value in zip(sizes, values, strict=True))


def latency(steps: Steps) -> Picture:
    """Seconds of a step, with its quartiles and the line."""

    def draw(canvas: Canvas) -> None:
        canvas.sizes(steps.sizes, "time of a step")
        canvas.logarithmic([*steps.lows, *steps.highs], seconds)
        canvas.axes.fill_between(
            steps.sizes, steps.lows, steps.highs, color=SECOND, alpha=0.18, linewidth=0, label="middle half"
        )
        if steps.has_line:
            x = points(steps.sizes)
            canvas.line(x, [steps.at(size) for size in x], "a + b·B")
        canvas.dots(steps.sizes, steps.medians, "median")
        if min(steps.sizes) < steps.knee < max(steps.sizes):
            canvas.upright(steps.knee, f"a/b = {batch(steps.knee)}")
        canvas.key()

    if math.isfinite(steps.knee):
        caption = (
            f"Below {batch(steps.knee)} samples, a step costs about the same whatever its size, at least "
            f"{seconds(steps.overhead)}; above, each sample adds its {seconds(steps.per_sample)}."
        )
    else:
        caption = "Where the points are level, further samples in a step cost next to nothing."
    medians = listed(steps.sizes, [seconds(value) for value in steps.medians])
    return Picture("latency", "What a step costs", caption, f"Median time of a step by batch size: {medians}.", draw)


def throughput(steps: Steps) -> Picture:
    """Samples a second, and what they would be if every step took the same time."""
    rates = [size / median for size, median in zip(steps.sizes, steps.medians, strict=True)]
    ideal = [size * rates[0] / steps.sizes[0] for size in steps.sizes]
    top = 1 / steps.per_sample if steps.per_sample > 0 else math.nan

    def draw(canvas: Canvas) -> None:
        canvas.sizes(steps.sizes, "samples a second")
        highest = max(*rates, top if math.isfinite(top) else 0.0)
        canvas.logarithmic([*rates, highest * 1.3], short)
        canvas.line(steps.sizes, ideal, "linear", SOFT, linewidth=1.2, dashes=(4, 3))
        if steps.has_line:
            x = points(steps.sizes)
            canvas.line(x, [size / steps.at(size) for size in x], "B / (a + b·B)")
        canvas.dots(steps.sizes, rates, "measured")
        if math.isfinite(top):
            canvas.level(top, f"at most {about(top)}")
        if min(steps.sizes) < steps.knee < max(steps.sizes):
            canvas.upright(steps.knee)
            height = 1 / (2 * steps.per_sample)
            canvas.say(steps.knee, height, f"knee {batch(steps.knee)}", ACCENT, xytext=(7, -4), ha="left", va="top")
        canvas.key()

    if math.isfinite(steps.knee):
        caption = (
            f"Up to about {batch(steps.knee)} samples, the knee, a larger batch trains almost for free; beyond it "
            f"throughput gains little and ends near {about(top)} samples a second."
        )
    else:
        caption = "Where the points leave the dashed line, a larger batch is no longer free."
    measured = listed(steps.sizes, [amount(value) for value in rates])
    return Picture("throughput", "Throughput", caption, f"Samples a second by batch size: {measured}.", draw)


def memory(found: Memory) -> Picture:
    """Peak memory of a step with its line, and where the line meets the limit."""
    sizes, limit = found.batch_sizes, found.limit
    ends = [*sizes, found.largest] if found.largest else sizes

    def draw(canvas: Canvas) -> None:
        canvas.sizes(ends, "peak memory of a step")
        canvas.logarithmic([*found.peaks, *([limit * 1.4] if math.isfinite(limit) else [])], bytes_, base=2)
        if math.isfinite(found.base):
            x = points(ends)
            canvas.line(x, [max(found.base + found.per_sample * size, 1.0) for size in x], "predicted")
        canvas.dots(sizes, found.peaks, "measured")
        if math.isfinite(limit):
            canvas.level(limit, f"limit {bytes_(limit)}")
        canvas.key()

    if math.isfinite(found.per_sample):
        caption = f"Each sample of a batch adds {bytes_(found.per_sample)} to the peak"
        caption += f": up to {about(found.largest)} samples should fit." if found.largest else "."
    else:
        caption = "The peak memory of a step."
    measured = listed(sizes, [bytes_(value) for value in found.peaks])
    return Picture("memory", "Memory", caption, f"Peak memory of a step by batch size: {measured}.", draw)
