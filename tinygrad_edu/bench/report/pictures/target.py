"""The cost of training to a target, by batch size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import variance

from ...advice.noise import Checkpoint
from ...training.tradeoff import SHARE
from ...units import amount, batch, number, rate, short
from ..canvas import Canvas
from ..colours import ACCENT, PAPER, SECOND, SOFT, THIRD
from ..picture import Picture
from .step import points

LEFT, RIGHT = 0.02, 0.98  # edges of a figure
FLAT = 0.05  # an exponent that is 0.0 with one digit


def crosses(canvas: Canvas, x: Sequence[float]) -> None:
    """Markers at the top edge for what did not reach the target."""
    if x:
        across = canvas.axes.get_xaxis_transform()
        high = [0.86] * len(x)
        canvas.axes.plot(
            x, high, "x", color=SECOND, transform=across, markersize=6, markeredgewidth=1.6, label="not reached"
        )


def to_target(
    sizes: Sequence[int],
    steps: Sequence[float],
    least: float,
    noise_scale: float,
    *,
    bars: Sequence[tuple[float, float]] = (),
    interval: tuple[float, float] = (math.nan, math.nan),
) -> Picture | None:
    """Steps and samples to the target by batch size, with the curve through them and the three regimes.

    Args:
        sizes: batch sizes in ascending order.
        steps: steps to the target; NaN if it was not reached.
        least: Smin, the steps with arbitrarily large batches; NaN without a curve.
        noise_scale: N of the curve Smin·(1 + N/B), which is the critical batch size; NaN without one.
        bars: the fewest and the most steps over the seeds, by batch size.
        interval: that of the critical batch size; from 0 or to infinity if it is open.
    """
    there = [(size, count) for size, count in zip(sizes, steps, strict=True) if math.isfinite(count) and count > 0]
    if not there:
        return None
    x, y = [size for size, _ in there], [count for _, count in there]
    samples = [size * count for size, count in there]
    curve = math.isfinite(noise_scale) and math.isfinite(least) and noise_scale > 0

    def draw(canvas: Canvas) -> None:
        canvas.sizes(sizes, "to the target")
        both = [*y, *samples]
        canvas.logarithmic([*both, max(both) * (max(both) / min(both)) ** 0.16], short)
        if curve:
            _regimes(canvas, noise_scale, interval)
            grid = points(sizes)
            fitted = [least * (1 + noise_scale / size) for size in grid]
            canvas.line(grid, fitted)
            canvas.line(grid, [size * count for size, count in zip(grid, fitted, strict=True)], color=THIRD)
        for size, (low, high) in zip(sizes, bars):
            canvas.axes.plot([size, size], [low, high], color=ACCENT, linewidth=1.2)
        canvas.dots(x, samples, "samples", THIRD)
        canvas.dots(x, y, "steps", ACCENT)
        crosses(canvas, [size for size, count in zip(sizes, steps, strict=True) if not math.isfinite(count)])
        canvas.key()

    if curve:
        caption = (
            f"Far below {batch(noise_scale)} samples, twice the batch needs half the steps, and as many samples; far "
            "above it, the steps hardly get fewer, and the additional samples are wasted."
        )
    else:
        caption = "As long as steps fall as fast as batches grow, a larger batch costs no additional samples."
    alternative = "; ".join(
        f"batches of {batch(size)}: {number(count)} steps, {amount(size * count)} samples" for size, count in there
    )
    missing = [batch(size) for size, count in zip(sizes, steps, strict=True) if not math.isfinite(count)]
    if missing:
        alternative += f"; not reached with {', '.join(missing)}"
    return Picture("steps", "Steps against samples", caption, f"To the target: {alternative}.", draw)


def _regimes(canvas: Canvas, critical: float, interval: tuple[float, float]) -> None:
    """Perfect scaling, diminishing returns, plateau: the first and the last are shaded."""
    left, right = canvas.axes.get_xlim()
    low, high = min(max(critical / SHARE, left), right), max(min(critical * SHARE, right), left)
    for start, end, name, place in ((left, low, "perfect scaling", 0.0), (high, right, "plateau", 1.0)):
        share = math.log(end / start) / math.log(right / left) if start < end else 0.0
        if share > 0.01:
            canvas.axes.axvspan(start, end, color=SOFT, alpha=0.1, linewidth=0, zorder=0)
        if share > (0.009 if canvas.wide else 0.0165) * len(name):  # if there is room for it
            canvas.corner(name, place)
    start, end = max(interval[0], left), min(interval[1], right)
    if start < end and not math.isnan(sum(interval)):
        canvas.axes.axvspan(start, end, color=ACCENT, alpha=0.1, linewidth=0, zorder=0)
    if left < critical < right:
        canvas.upright(critical, batch(critical))


def noise(checkpoints: Sequence[Checkpoint], scale: float, batch_size: float) -> Picture | None:
    """The noise scale along a training run, compared with the batch size.

    Args:
        checkpoints: the checkpoints of the run.
        scale: the noise scale used; NaN if there is none.
        batch_size: the recommended batch size; NaN if there is none.
    """
    steps, smoothed = [mark.step for mark in checkpoints], [mark.smoothed for mark in checkpoints]
    alone = [mark.alone for mark in checkpoints]
    usable = [value for value in smoothed if math.isfinite(value) and value > 0]
    if not usable:
        return None
    levels = [value for value in (scale, batch_size) if math.isfinite(value) and value > 0]

    def draw(canvas: Canvas) -> None:
        canvas.label("steps", "noise scale, in samples")
        canvas.linear(0, max(steps) * 1.02, short, "x")
        canvas.logarithmic([*[value / 1.6 for value in usable], *usable, *levels], short)
        canvas.dots(steps, alone, "single checkpoint", SOFT, markersize=4, markeredgewidth=0, alpha=0.55)
        canvas.line(steps, smoothed, "smoothed")
        for level, name, color in ((scale, "N =", ACCENT), (batch_size, "batch size", SECOND)):
            if math.isfinite(level):
                under = len(levels) > 1 and level == min(levels) and max(levels) < 1.6 * level
                canvas.level(
                    level, f"{name} {batch(level)}", color, at=_clear(steps, smoothed, level, under), below=under
                )
        canvas.key()

    ratio = batch_size / scale if levels[1:] else math.nan
    if not math.isfinite(ratio):
        caption = "With this batch size, the noise of a batch's mean gradient is as large as the gradient itself."
    else:
        relation = "about as large as" if 2 / 3 <= ratio <= 1.5 else "smaller than" if ratio < 1 else "larger than"
        weight = (
            "noise and gradient weigh about the same in a step"
            if 2 / 3 <= ratio <= 1.5
            else "the noise of a step outweighs its gradient, which suits a machine on which small steps are cheap"
            if ratio < 1
            else "the gradient outweighs the noise, which suits a machine on which small steps cost nearly as much"
        )
        caption = f"The batch size, {batch(batch_size)}, is {relation} the noise scale, {batch(scale)}: {weight}."
    alternative = (
        f"The smoothed noise scale over {number(max(steps))} steps lies between {number(min(usable))} and "
        f"{number(max(usable))} and ends at {number(usable[-1])}."
    )
    return Picture("noise", "Noise scale during training", caption, alternative, draw)


def _clear(steps: Sequence[float], values: Sequence[float], level: float, under: bool) -> float:
    """The end of a horizontal line with more room for a word: where the curve is farther away."""
    end, height = max(steps), level / 1.15 if under else level * 1.15
    away = {}
    for place, start, stop in ((LEFT, 0.0, 0.35 * end), (RIGHT, 0.65 * end, end)):
        beside = [value for step, value in zip(steps, values, strict=True) if start <= step <= stop and value > 0]
        away[place] = min((abs(math.log(value / height)) for value in beside), default=math.inf)
    return max(away, key=away.__getitem__)


@dataclass(frozen=True)
class Tried:
    """The learning rates tried with one batch size.

    Attributes:
        size: the batch size.
        best: the best rate; NaN if none works.
        costs: steps to the target by rate; NaN if it was not reached.
    """

    size: int
    best: float
    costs: Mapping[float, float]


def rates(tried: Sequence[Tried]) -> Picture | None:
    """The learning rates tried with each batch size, and the best one."""
    works = [entry for entry in tried if math.isfinite(entry.best)]
    if not works:
        return None
    every = [value for entry in tried for value in (*entry.costs, entry.best) if value > 0]

    def draw(canvas: Canvas) -> None:
        canvas.sizes([entry.size for entry in tried], "learning rate")
        canvas.logarithmic(every, rate)
        reached = [(e.size, r) for e in tried for r, cost in e.costs.items() if math.isfinite(cost)]
        failed = [(e.size, r) for e in tried for r, cost in e.costs.items() if not math.isfinite(cost)]
        for marks, marker, label in ((reached, "o", "reached it"), (failed, "x", "failed or given up")):
            if marks:
                canvas.axes.plot(
                    *zip(*marks), marker, color=SOFT, markersize=5, markerfacecolor=PAPER, label=label, zorder=3
                )
        canvas.line([e.size for e in works], [e.best for e in works], linewidth=1.2)
        canvas.dots([e.size for e in works], [e.best for e in works], "best", ACCENT)
        canvas.key()

    first, last = works[0], works[-1]
    if len(works) > 1 and first.size != last.size:
        power = math.log(last.best / first.best) / math.log(last.size / first.size)
        if abs(power) < FLAT:
            caption = (
                f"The best rate is about the same from {batch(first.size)} samples, {rate(first.best)}, to "
                f"{batch(last.size)}, {rate(last.best)}."
            )
        else:
            caption = (
                f"The best rate goes from {rate(first.best)} at {batch(first.size)} samples to {rate(last.best)} at "
                f"{batch(last.size)}, about as B to the power of {power:.1f}: each batch size needs its own rate."
            )
    else:
        caption = f"Of the rates tried at {batch(first.size)} samples, {rate(first.best)} reaches the target first."
    best = ", ".join(f"{rate(entry.best)} at {batch(entry.size)}" for entry in works)
    return Picture("rates", "A rate for each batch size", caption, f"Best learning rate by batch size: {best}.", draw)


def losses(sizes: Sequence[int], train: Sequence[Sequence[float]], test: Sequence[Sequence[float]]) -> Picture | None:
    """The loss of training and of held-out samples, with a dot for each seed.

    Args:
        sizes: batch sizes in ascending order.
        train: the training losses of all seeds, for each size.
        test: the same for held-out samples.
    """
    pairs = [
        (size, size * 2 ** _beside(number, len(ones)), one, other)
        for size, ones, others in zip(sizes, train, test, strict=True)
        for number, (one, other) in enumerate(zip(ones, others))
        if math.isfinite(one) and math.isfinite(other)
    ]
    if not pairs:
        return None

    def draw(canvas: Canvas) -> None:
        values = [value for _, _, one, other in pairs for value in (one, other)]
        room = 0.12 * (max(values) - min(values)) or 0.1 * max(values)
        canvas.sizes(sizes, "mean loss per sample")
        canvas.linear(min(values) - room, max(values) + room, number)
        x = [place for _, place, _, _ in pairs]
        for _, place, one, other in pairs:
            canvas.axes.plot([place, place], [one, other], color=SOFT, linewidth=0.8, alpha=0.5)
        size = 6.5 if len(pairs) < 3 * len(sizes) else 5.0
        canvas.dots(x, [other for *_, other in pairs], "held out", SECOND, markersize=size, markeredgewidth=0.8)
        canvas.dots(x, [one for *_, one, _ in pairs], "training", ACCENT, markersize=size, markeredgewidth=0.8)
        canvas.key()

    gaps = {}
    for size in sizes:
        here = [other - one for at, _, one, other in pairs if at == size]
        if here:
            gaps[size] = sum(here) / len(here)
    held_out = {size: [other for at, _, _, other in pairs if at == size] for size in gaps}
    alternative = "Held-out loss minus training loss: " + ", ".join(
        f"{number(gap)} at {batch(size)}" for size, gap in gaps.items()
    )
    caption = _generalizes(held_out)
    return Picture("losses", "Training and held-out loss", caption, f"{alternative}.", draw)


def _generalizes(held_out: Mapping[int, Sequence[float]]) -> str:
    """Whether larger batches generalize worse, from the held-out losses, as far as the seeds can show."""
    small, large = min(held_out), max(held_out)
    if small == large:
        return "The gap between held-out and training loss."
    first, last = (sum(held_out[size]) / len(held_out[size]) for size in (small, large))
    change = "rises" if last > 1.05 * first else "falls" if last < first / 1.05 else "hardly changes"
    ends = f"from {number(first)} at {batch(small)} samples to {number(last)} at {batch(large)}"
    worse = {"rises": "larger batches generalize worse here", "falls": "larger batches test no worse here"}
    meaning = worse.get(change, "the batch size hardly affects it")
    if change != "hardly changes" and abs(last - first) < 2 * _error(held_out[small], held_out[large]):
        meaning = "no more than seeds differ, so it says nothing about large batches"
    return f"The held-out loss {change} {ends}: {meaning}."


def _error(some: Sequence[float], others: Sequence[float]) -> float:
    """The standard error of the difference of two means; 0 for a single value, where it is unknown."""
    if min(len(some), len(others)) < 2:
        return 0.0
    return math.sqrt(variance(some) / len(some) + variance(others) / len(others))


def _beside(number: int, count: int) -> float:
    """The shift of a dot in octaves, so that the dots of several seeds stand side by side."""
    return 0.5 * (number / (count - 1) - 0.5) if count > 1 else 0.0
