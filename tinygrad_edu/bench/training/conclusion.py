"""The result, from what is known so far."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..advice.formula import optimum
from ..timing.line import StepCost, fit_line
from .result import AtBatchSize, NoiseAlong, Predicted, TrainResult
from .rules import rule_in_words
from .sweep import Found
from .tradeoff import TradeOff, fit_tradeoff
from .trainings import LATE, Training, Trainings
from .tuning import Tuned


def conclude(trainings: Trainings, found: Found, *, stopped: str, complete: bool, **about: Any) -> TrainResult:
    """The result so far.

    Args:
        trainings: the training runs.
        found: what is known.
        stopped: what ended it early: "interrupt" or "budget"; empty if nothing did.
        complete: whether everything was done.
        about: the other attributes of a `Result`.
    """
    plan = found.plan
    runs = {size: _runs(trainings, found, size, stopped) for size in plan.batch_sizes}
    fit = fit_tradeoff({size: [run.steps for run in known if run.why != "budget"] for size, known in runs.items()})
    cost = fit_line(found.timings) if len(found.timings) > 1 else None
    sizes = [_row(found, size, runs[size], fit, cost) for size in plan.batch_sizes]
    noise = found.noise or NoiseAlong(0, math.nan, 0, [], math.nan, "not measured")
    about["notes"] = [*about["notes"], *found.notes]
    return TrainResult(
        target_loss=found.target,
        first_loss=found.first_loss,
        lr_rule=plan.rule,
        base_rate=found.base.rate,
        base_batch_size=plan.middle,
        sizes=sizes,
        fit=fit,
        step_cost=cost,
        noise=noise,
        predicted=_predicted(sizes, fit, noise.value, cost),
        stopped=stopped,
        reason=found.reason,
        trainings=list(trainings.finished),
        timings={size: timing.seconds for size, timing in found.timings.items()},
        complete=complete,
        **about,
    )


def _runs(trainings: Trainings, found: Found, size: int, stopped: str) -> list[Training]:
    """The training runs of a batch size, and those for which there was no time."""
    runs = list(found.runs.get(size, []))
    if stopped != "budget" or (size in found.runs and not math.isfinite(found.tuned[size].rate)):
        return runs
    plan, rate, cut = found.plan, found.tuned.get(size, Tuned()).rate, trainings.cut
    for seed in plan.run_seeds[len(runs) :]:
        if size in found.runs and cut is not None and (cut.batch_size, cut.seed) == (size, seed):
            runs.append(cut)
        else:
            runs.append(Training(size, rate, seed, found.target, plan.most(size), 0, why="budget"))
    return runs


def _row(found: Found, size: int, runs: list[Training], fit: TradeOff, cost: StepCost | None) -> AtBatchSize:
    plan, tuned = found.plan, found.tuned.get(size, Tuned())
    timing = found.timings.get(size)
    latency = timing.median if timing else (cost.at(size) if cost else math.nan)
    steps = _median([run.steps for run in runs if run.why != "budget"])
    return AtBatchSize(
        batch_size=size,
        rate=tuned.rate,
        rule=rule_in_words(plan.rule, found.base.rate, plan.middle),
        sum_rate=tuned.rate / size if plan.sums else math.nan,
        latency=latency,
        spread=timing.spread if timing else math.nan,
        rates=tuned.rates,
        runs=runs,
        steps=steps,
        samples=steps * size,
        seconds=steps * latency,
        regime=fit.regime(size),
        reason=_reason(found, size, runs),
    )


def _median(steps: Sequence[float]) -> float:
    """The median, in which NaN counts as larger than any number."""
    if not steps:
        return math.nan
    found = statistics.median([math.inf if math.isnan(value) else value for value in steps])
    return found if math.isfinite(found) else math.nan


def _reason(found: Found, size: int, runs: list[Training]) -> str:
    """Which runs are missing, and why."""
    if size in found.tuned and not math.isfinite(found.tuned[size].rate):
        return f"none of the {len(found.tuned[size].rates)} rates tried came near the target"
    if not runs:
        return "" if found.reason else "not run yet"
    counts = Counter(LATE[run.why] for run in runs if run.why)
    return ", ".join(f"{count} of {len(runs)} {why}" for why, count in sorted(counts.items()))


def _predicted(sizes: list[AtBatchSize], fit: TradeOff, noise: float, cost: StepCost | None) -> Predicted:
    timed = [row for row in sizes if math.isfinite(row.seconds)]
    fastest = min(timed, key=lambda row: row.seconds).batch_size if timed else None
    balance = cost.balance if cost is not None else math.nan
    both = [optimum(scale, balance) if math.isfinite(scale * balance) else math.nan for scale in (fit.critical, noise)]
    return Predicted(both[0], both[1], fastest)
