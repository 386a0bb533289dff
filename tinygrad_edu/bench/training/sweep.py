"""One batch size after the other: the learning rate, the reported runs, and the noise scale along one of them.

Every decision depends on the options and on earlier runs only. So an interrupted sweep is resumed by repeating it from
the beginning, with finished runs remembered instead of run again.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from ...errors import SampleCouplingError
from ..advice.lab import Learner
from ..advice.noise import Checkpoint, weighted_noise
from ..problem import TIMING_RATE
from ..progress import Tell
from ..runs.rates import none_works
from ..runs.target import obstacle
from ..timing.clock import Budget, Clock
from ..timing.rounds import Timing, side_by_side
from .plan import Plan
from .result import NoiseAlong
from .rules import scaled
from .trainings import Training, Trainings
from .tuning import Tuned, every, first_rate, tune

TIMING_SHARE = 0.1  # of the budget
TIMING_SECONDS = 30.0  # at most
ROUNDS = 21
CALLS = 5  # of a step before there is a time for it
CHECKPOINTS = 45  # along a run


@dataclass
class Found:
    """What is known so far.

    Attributes:
        plan: what to train.
        first_loss: the loss before any step.
        target: the loss to reach; NaN until it is known.
        base: the search for the first rate, or for the one from which a rule starts.
        timings: step times by batch size.
        tuned: the rate of each batch size so far.
        runs: the reported runs, by batch size.
        noise: the noise scale along a run; None before it is measured.
        notes: choices made for the user.
        reason: why there cannot be results.
    """

    plan: Plan
    first_loss: float
    target: float = math.nan
    base: Tuned = field(default_factory=Tuned)
    timings: dict[int, Timing] = field(default_factory=dict)
    tuned: dict[int, Tuned] = field(default_factory=dict)
    runs: dict[int, list[Training]] = field(default_factory=dict)
    noise: NoiseAlong | None = None
    notes: list[str] = field(default_factory=list)
    reason: str = ""

    def expected(self, batch_size: int) -> tuple[float | None, float]:
        """The most steps that a batch size takes, and a first rate, from the nearest one that is done.

        A larger batch takes no more steps than a smaller one, and a smaller one no more samples than a larger. A rate
        that works with one batch size works with larger ones too, but maybe not with smaller ones.
        """
        done = {size: tuned for size, tuned in self.tuned.items() if math.isfinite(tuned.steps)}
        if not done:
            return None, self.base.rate
        near = min(done, key=lambda size: abs(math.log(size / batch_size)))
        steps, rate = done[near].steps, done[near].rate
        return steps * max(1.0, near / batch_size), rate * min(1.0, math.sqrt(batch_size / near))


def sweep(
    trainings: Trainings, found: Found, *, clock: Clock, budget: Budget, tell: Tell, keep: Callable[[], None]
) -> None:
    """Find out everything; `found` holds what is known at any moment.

    Args:
        trainings: runs the training.
        found: starts with the plan, and with timings and noise scale if they are already known.
        clock: the clock that times steps.
        budget: the budget of the whole sweep.
        tell: called with the current stage and the share of the batch sizes that are done.
        keep: called when timings or the noise scale are known, which no training run contains.

    Raises:
        OutOfTime: if the budget is spent.
    """
    plan = found.plan
    found.reason = obstacle(found.first_loss, plan.target)
    if found.reason:
        return
    if not found.timings:
        trainings.check_time()
        tell("timing steps", 0.0)
        found.timings = _timed(trainings, plan, clock, budget)
        keep()
    tell("looking for a learning rate", 0.0)
    if not _base(trainings, found):
        return
    for done, size in enumerate(plan.order):
        tell(f"training with batches of {size}", done / len(plan.order))
        _rate(trainings, found, size)
        _runs(trainings, found, size)
        finished = [run for run in found.runs[size] if not run.why]
        if found.noise is None and finished:
            tell("measuring the noise scale along a run", (done + 0.9) / len(plan.order))
            found.noise = _noise(trainings, finished[0])
            keep()


def _timed(trainings: Trainings, plan: Plan, clock: Clock, budget: Budget) -> dict[int, Timing]:
    """Time steps of the two smallest batch sizes in turn, and of larger ones as time allows."""
    learner = trainings.start(plan.middle, TIMING_RATE, plan.seed)
    own = budget.part(min(TIMING_SECONDS, TIMING_SHARE * budget.seconds))
    contenders: dict[int, Callable[[], None]] = {}
    last, took = 0, 0.0
    for size in plan.batch_sizes:
        if len(contenders) > 1 and CALLS * took * size / last > own.left:
            break  # too little is left for it: its time comes from the line through the others
        contenders[size] = learner.sized(size).step
        last, took = size, clock.took(contenders[size])
    return side_by_side(contenders, clock=clock, rounds=ROUNDS, budget=own, seed=plan.seed)


def _base(trainings: Trainings, found: Found) -> bool:
    """Find a first rate, a target if none was given, and the rate for a rule; return whether there is one."""
    plan = found.plan
    climb = first_rate(trainings, plan)
    found.base = Tuned(climb.best)
    if not math.isfinite(climb.best):
        found.reason = none_works(climb.costs)
        return False
    expected: float | None = plan.short
    found.target = climb.costs[climb.best] if plan.target is None else plan.target
    if plan.target is not None:
        expected = _scouted(trainings, plan, climb.best, plan.target)
    else:
        note = (
            f"target: a mean loss of {found.target:.4g}, which {plan.short} steps with batches of {plan.middle} at a "
            f"rate of {climb.best:.2g} had reached"
        )
        found.notes.append(note)
    best = tune(trainings, plan, plan.middle, found.target, climb.best, expected)
    found.base = best if math.isfinite(best.rate) else found.base
    return True


def _scouted(trainings: Trainings, plan: Plan, rate: float, target: float) -> float | None:
    """Roughly how many steps a target takes with the middle batch size; None if it is not reached.

    Without this estimate, evaluations of the loss would be far apart, and the steps between two of them too inexact to
    compare rates.
    """
    most = plan.most(plan.middle)
    done = trainings.run(Training(plan.middle, rate, plan.tuning_seeds[0], target, most, every(most)))
    return None if done.why else done.steps


def _rate(trainings: Trainings, found: Found, size: int) -> None:
    """The rate of a batch size: by the rule, or by trying."""
    plan, base = found.plan, found.base
    if plan.rule != "tune":
        steps = found.expected(size)[0] if size != plan.middle else base.steps
        found.tuned[size] = Tuned(scaled(plan.rule, base.rate, plan.middle, size), math.nan if steps is None else steps)
    elif size == plan.middle:
        found.tuned[size] = base
    else:
        expected, start = found.expected(size)
        found.tuned[size] = tune(trainings, plan, size, found.target, start, expected)


def _runs(trainings: Trainings, found: Found, size: int) -> None:
    """The reported runs."""
    plan, tuned = found.plan, found.tuned[size]
    runs = found.runs[size] = []
    if not math.isfinite(tuned.rate):
        return
    most = plan.most(size)
    looks = every(tuned.steps if math.isfinite(tuned.steps) else (found.expected(size)[0] or most))
    for seed in plan.run_seeds:  # one by one: those before an interrupt count
        runs.append(trainings.run(Training(size, tuned.rate, seed, found.target, most, looks)))  # noqa: PERF401
    steps = [run.steps for run in runs if not run.why]
    if plan.rule != "tune":  # the steps known now, for later runs
        tuned.steps = statistics.median(steps) if steps else math.nan


def _noise(trainings: Trainings, run: Training) -> NoiseAlong:
    """Repeat a run, and measure per-sample gradients at some moments.

    It is not one of the reported runs: measuring gradients draws random numbers for dropout.
    """
    along = NoiseAlong(run.batch_size, run.rate, run.seed, [], math.nan, "")

    def look(learner: Learner, taken: int, loss: float) -> None:
        if not math.isfinite(loss):
            return
        try:
            noise = learner.probe()
        except SampleCouplingError as error:
            layer = learner.coupling()
            where = f" (they meet in {layer})" if layer else ""
            along.reason = f"the samples of a batch depend on one another{where}: {str(error).splitlines()[0]}"
            raise
        along.checkpoints.append(Checkpoint(taken, loss, noise.trace, noise.signal))

    try:
        trainings.watch(dataclasses.replace(run, every=max(1, -(-run.taken // CHECKPOINTS))), look)
    except SampleCouplingError:
        return along
    along.value = weighted_noise(along.checkpoints, run.batch_size)
    if math.isnan(along.value):
        along.reason = "at no checkpoint did the mean gradient stand out from its noise"
    return along
