"""The learning rate of each batch size, found by trial."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field

from ..runs.rates import FIRST_RATE, Climb
from ..runs.target import LOOKS
from .plan import Plan
from .trainings import Training, Trainings

LOSING = 1.5  # a rate that needs so many times the steps of the best one is given up
SLACK = 4  # how many times the steps that are expected at the utmost a rate gets while none has reached the target
RATES = 12  # to try with one batch size at most; two more for the last refinement
FAR = 1e9  # steps: what a training that did not reach the target counts as, and its loss on top


@dataclass
class Tuned:
    """The result of a search for a learning rate.

    Attributes:
        rate: the best rate; NaN if all diverged, or there was no search.
        steps: steps to the target, mean over the tuning seeds; NaN if no rate reached it.
        rates: steps by rate; NaN if a run failed, or was stopped because it could not win.
    """

    rate: float = math.nan
    steps: float = math.nan
    rates: dict[float, float] = field(default_factory=dict)


def every(steps: float) -> int:
    """The steps between two evaluations of the loss, given the expected steps to the target."""
    return max(1, round(steps / LOOKS))


def first_rate(trainings: Trainings, plan: Plan) -> Climb:
    """Search for the rate with the lowest loss at the end of a short run, with the middle batch size.

    Args:
        trainings: runs the training.
        plan: what to train.

    Returns:
        The search: its costs are losses; its best rate is NaN if none lowers the loss.
    """

    def end(rate: float) -> float:
        first, last = [], []
        for seed in plan.tuning_seeds:
            done = trainings.run(Training(plan.middle, rate, seed, None, plan.short, every(plan.short)))
            if math.isnan(done.train_loss):
                return math.inf
            first.append(done.first_loss)
            last.append(done.train_loss)
        return statistics.fmean(last) if sum(last) < sum(first) else math.inf

    climb = Climb(end, FIRST_RATE[plan.gradual])
    if math.isfinite(climb.search(4.0)):
        climb.search(2.0)
    return climb


def tune(
    trainings: Trainings, plan: Plan, batch_size: int, target: float, start: float, expected: float | None
) -> Tuned:
    """Search for the rate with the fewest steps to the target for a batch size, to within a factor of √2.

    Among rates that do not reach it in time, the one with the lower loss is better, provided that the loss came at
    least half the way; otherwise the rate counts as failed, as if it had diverged.

    Args:
        trainings: runs the training.
        plan: what to train.
        batch_size: samples in a step.
        target: the mean loss to reach.
        start: the first rate.
        expected: the most steps that it should take, judging from other batch sizes.
    """
    most = plan.most(batch_size)
    if expected is not None:
        most = min(most, math.ceil(SLACK * max(expected, 1.0)))
    best = math.inf

    def cost(rate: float) -> float:
        nonlocal best
        limit = min(most, max(1, math.ceil(LOSING * best))) if math.isfinite(best) else most
        likely = best if math.isfinite(best) else (most if expected is None else expected)
        found = []
        for seed in plan.tuning_seeds:
            done = trainings.run(Training(batch_size, rate, seed, target, limit, every(likely)))
            if done.why:
                return FAR + done.train_loss if done.train_loss < (done.first_loss + target) / 2 else math.inf
            found.append(done.steps)
        mean = statistics.fmean(found)
        best = min(best, mean)
        return mean

    climb = Climb(cost, start)
    if math.isfinite(climb.search(2.0, RATES)):
        climb.search(math.sqrt(2), RATES + 2)
    rates = {rate: steps if steps < FAR else math.nan for rate, steps in sorted(climb.costs.items())}
    return Tuned(climb.best, rates.get(climb.best, math.nan), rates)
