"""The figures of training with many batch sizes."""

from __future__ import annotations

import math
import statistics

from ...training.result import TrainResult
from ...units import batch, number, seconds
from ..canvas import Canvas
from ..colours import SECOND, SOFT
from ..picture import Picture
from . import target
from .step import Steps, latency, points, throughput


def pictures(result: TrainResult) -> list[Picture]:
    """The figures of training with many batch sizes, the most important first."""
    rows = result.sizes
    found = [time_to_target(result)]
    steps = _steps(result)
    if steps.sizes:
        found += [throughput(steps), latency(steps)]
    best = math.nan if result.predicted.fastest is None else float(result.predicted.fastest)
    found += [target.noise(result.noise.checkpoints, result.noise.value, best), _trade_off(result)]
    found.append(
        target.losses(
            [row.batch_size for row in rows],
            [[run.train_loss for run in row.runs] for row in rows],
            [[run.test_loss for run in row.runs] for row in rows],
        )
    )
    tried = [target.Tried(row.batch_size, row.rate, row.rates) for row in rows if row.rates or row.rate > 0]
    found.append(target.rates(tried))
    return [picture for picture in found if picture is not None]


def time_to_target(result: TrainResult) -> Picture | None:
    """Seconds to the target, with a dot for each seed, the medians, and the fits."""
    reached = [row for row in result.sizes if row.seconds > 0]
    times = [(row.batch_size, run.steps * row.latency) for row in result.sizes for run in row.runs]
    seeds = [(size, value) for size, value in times if value > 0]
    if not seeds:
        return None
    failed = [row.batch_size for row in result.sizes if row.runs and row not in reached]
    cost, fit, best = result.step_cost, result.fit, result.predicted.fastest
    grid = points([row.batch_size for row in result.sizes])
    curve = [cost.line(size) * fit.steps(size) for size in grid] if cost is not None and fit.usable else []

    def draw(canvas: Canvas) -> None:
        canvas.sizes(grid, f"time to a loss of {number(result.target_loss)}")
        values = [*(value for _, value in seeds), *curve]
        canvas.logarithmic([*values, min(values) / 1.4], seconds)
        if curve:
            canvas.line(grid, curve, "fitted")
        if len(seeds) > len(reached):
            x, y = zip(*seeds)
            canvas.dots(x, y, "a seed", SOFT, markersize=4, markeredgewidth=0, alpha=0.6)
        canvas.dots([row.batch_size for row in reached], [row.seconds for row in reached], "median", SECOND)
        target.crosses(canvas, failed)
        if result.predicted.by_critical > 0:
            canvas.upright(result.predicted.by_critical, f"B* = {batch(result.predicted.by_critical)}")
        for row in reached:
            if row.batch_size == best:
                canvas.chosen(best, row.seconds, f"fastest {batch(best)}", result.predicted.by_critical)
        canvas.key()

    return Picture("seconds", "Measured time to the target", _caption(result), _alternative(result), draw)


def _caption(result: TrainResult) -> str:
    best = result.predicted.fastest
    if best is None:
        return "Some seeds reached the target, but with no batch size did most of them."
    text = f"Batches of {batch(best)} reached a loss of {number(result.target_loss)} first"
    if result.predicted.by_critical > 0:
        text += f"; the fits to steps and to times put the best size at {batch(result.predicted.by_critical)}"
    return f"{text}."


def _alternative(result: TrainResult) -> str:
    times = [(row.batch_size, row.seconds) for row in result.sizes if row.seconds > 0]
    parts = [f"{seconds(value)} at {batch(size)}" for size, value in times]
    text = f"Median time to the target by batch size: {', '.join(parts)}." if parts else "No median time to the target."
    missing = [batch(row.batch_size) for row in result.sizes if row.runs and not row.seconds > 0]
    return f"{text} Not reached by most seeds with {', '.join(missing)}." if missing else text


def _steps(result: TrainResult) -> Steps:
    """The measured steps, with their quartiles."""
    timed = {size: sorted(result.timings[size]) for size in sorted(result.timings) if result.timings[size]}
    quartiles = {
        size: statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
        for size, values in timed.items()
    }
    cost = result.step_cost
    return Steps(
        list(timed),
        [middle for _, middle, _ in quartiles.values()],
        [low for low, _, _ in quartiles.values()],
        [high for _, _, high in quartiles.values()],
        math.nan if cost is None else cost.overhead,
        math.nan if cost is None else cost.per_sample,
    )


def _trade_off(result: TrainResult) -> Picture | None:
    rows, fit = [row for row in result.sizes if row.runs], result.fit
    known = [[run.steps for run in row.runs if run.steps > 0] for row in rows]
    low, high = fit.critical_interval
    return target.to_target(
        [row.batch_size for row in rows],
        [row.steps for row in rows],
        fit.smin,
        fit.critical,
        bars=[(min(values, default=math.nan), max(values, default=math.nan)) for values in known],
        interval=(low, math.inf if high is None else high),
    )
