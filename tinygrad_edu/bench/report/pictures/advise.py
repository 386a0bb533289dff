"""The figures of an advice."""

from __future__ import annotations

import math

from ...advice.advice import Advice
from ...timing.line import StepCost
from ...units import batch, number, seconds
from ..canvas import Canvas
from ..colours import ACCENT
from ..picture import Picture
from . import target
from .step import Steps, latency, points, throughput


def pictures(advice: Advice) -> list[Picture]:
    """The figures of an advice, the most important first."""
    found = [time_to_target(advice)]
    if advice.step_cost is not None and advice.step_cost.sizes:
        steps = _steps(advice.step_cost)
        found += [throughput(steps), latency(steps)]
    found.append(target.noise(advice.checkpoints, _or_nan(advice.noise), _or_nan(advice.batch_size)))
    found += _trends(advice)
    return [picture for picture in found if picture is not None]


def _trends(advice: Advice) -> list[Picture | None]:
    """The figures over the batch size, if training with at least two of them shows something."""
    found: list[Picture | None] = []
    tried = _tried(advice)
    lanes = sorted(advice.race, key=lambda lane: lane.batch_size)
    sizes = [lane.batch_size for lane in lanes]
    if len({lane.batch_size for lane in lanes if lane.finished}) > 1:
        found.append(
            target.to_target(sizes, [lane.steps for lane in lanes], _least(advice), _or_nan(advice.noise_from_race))
        )
    if sum(math.isfinite(entry.best) for entry in tried) > 1:
        found.append(target.rates(tried))
    if len({lane.batch_size for lane in lanes if math.isfinite(lane.train_loss + lane.test_loss)}) > 1:
        found.append(target.losses(sizes, [[lane.train_loss] for lane in lanes], [[lane.test_loss] for lane in lanes]))
    return found


def time_to_target(advice: Advice) -> Picture | None:
    """T(B) = (a + b·B)(1 + N/B), scaled to the points of the race if there are any."""
    reached = [lane for lane in advice.race if math.isfinite(lane.seconds) and lane.seconds > 0]
    failed = [lane.batch_size for lane in advice.race if lane not in reached]
    curve = _curve(advice)
    if curve is None and not reached:
        return None
    x, y, unit = curve if curve is not None else ([], [], "seconds")
    taken = advice.batch_size
    sizes = [*x, *(lane.batch_size for lane in advice.race), *([taken] if taken else [])]
    text = seconds if unit == "seconds" else _times

    def draw(canvas: Canvas) -> None:
        canvas.sizes(sizes, f"time to {_goal(advice)}{'' if unit == 'seconds' else ', least = 1'}", pad=1.12)
        values = [*y, *(lane.seconds for lane in reached)]
        canvas.logarithmic([*values, min(values) / 1.5], text)
        if advice.low and advice.high and curve is not None:
            canvas.axes.axvspan(advice.low, advice.high, color=ACCENT, alpha=0.1, linewidth=0, label="within 10 %")
        if advice.optimum:
            canvas.upright(advice.optimum, f"B* = {batch(advice.optimum)}")
        if curve is not None:
            canvas.line(x, y, "predicted")
        canvas.dots(
            [lane.batch_size for lane in reached], [lane.seconds for lane in reached], "measured" if reached else ""
        )
        target.crosses(canvas, failed)
        if taken and curve is not None:
            canvas.chosen(taken, _between(x, y, taken), f"take {batch(taken)}", advice.optimum or math.nan)
        canvas.key()

    return Picture("time", "Time to the target", _caption(advice), _alternative(advice, unit), draw)


def _caption(advice: Advice) -> str:
    if not advice.batch_size:
        return "The measurements do not single out a batch size."
    best = batch(advice.optimum or advice.batch_size)
    text = f"Training to {_goal(advice)} takes the least time near {best} samples in a batch"
    if advice.low and advice.high:
        text += f", and at most 10 % more anywhere from {batch(advice.low)} to {batch(advice.high)}"
    return (
        f"{text}: smaller batches pay the overhead of more steps, larger ones average out noise that no longer matters."
    )


def _goal(advice: Advice) -> str:
    return "a target" if advice.target_loss is None else f"a loss of {number(advice.target_loss)}"


def _alternative(advice: Advice, unit: str) -> str:
    parts = [f"{seconds(lane.seconds)} at {batch(lane.batch_size)}" for lane in advice.race if lane.seconds > 0]
    text = f"Measured time to the target by batch size: {', '.join(parts)}. " if parts else ""
    missing = [batch(lane.batch_size) for lane in advice.race if not lane.seconds > 0]
    if missing:
        text += f"Not reached with {', '.join(missing)}. "
    if advice.optimum:
        text += f"The predicted curve falls to its minimum at {batch(advice.optimum)}, and then rises. "
    if advice.batch_size:
        text += f"Recommended: {batch(advice.batch_size)}."
    return text.strip()


def _curve(advice: Advice) -> tuple[list[float], list[float], str] | None:
    """Batch sizes, predicted times, and whether these are in seconds or in multiples of the shortest."""
    cost, scale = advice.step_cost, _or_nan(advice.noise)
    if cost is None or not (cost.overhead + cost.per_sample > 0 and scale >= 0):
        return None

    def shape(size: float) -> float:
        return cost.line(size) * (1 + scale / size)

    raced = [lane for lane in advice.race if math.isfinite(lane.seconds) and lane.seconds > 0]
    ends = [*cost.sizes, *(lane.batch_size for lane in advice.race), advice.low or 1, advice.high or 1]
    x = points([size for size in ends if size > 0], 80)
    y = [shape(size) for size in x]
    if raced:
        factor = math.exp(sum(math.log(lane.seconds / shape(lane.batch_size)) for lane in raced) / len(raced))
        return x, [factor * value for value in y], "seconds"
    return x, [value / min(y) for value in y], "multiples"


def _between(x: list[float], y: list[float], size: float) -> float:
    """The height of the curve at a size."""
    import numpy as np

    return float(np.exp(np.interp(math.log(size), np.log(x), np.log(y))))


def _least(advice: Advice) -> float:
    """Smin of the curve of steps through the race."""
    scale = _or_nan(advice.noise_from_race)
    ends = [lane.steps / (1 + scale / lane.batch_size) for lane in advice.race if math.isfinite(lane.steps)]
    ends = [end for end in ends if math.isfinite(end) and end > 0]
    return math.exp(sum(map(math.log, ends)) / len(ends)) if ends else math.nan


def _tried(advice: Advice) -> list[target.Tried]:
    """The rates by batch size; the best one is unknown if no run with that size reached the target."""
    found = {lane.batch_size: target.Tried(lane.batch_size, lane.rate, lane.rates) for lane in advice.race}
    if advice.batch_size and advice.learning_rate:
        raced = found.get(advice.batch_size)
        costs = {**(raced.costs if raced else {}), **advice.rates}
        reached = any(map(math.isfinite, costs.values()))
        best = advice.learning_rate if reached else math.nan
        found[advice.batch_size] = target.Tried(advice.batch_size, best, costs)
    return [found[size] for size in sorted(found)]


def _steps(cost: StepCost) -> Steps:
    lows = [median * max(1 - spread / 2, 1e-3) for median, spread in zip(cost.medians, cost.spreads, strict=True)]
    highs = [median * (1 + spread / 2) for median, spread in zip(cost.medians, cost.spreads, strict=True)]
    return Steps(cost.sizes, cost.medians, lows, highs, cost.overhead, cost.per_sample)


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _times(value: float) -> str:
    return f"{number(value)}×"
