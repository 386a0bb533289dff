"""The first training run: what a step costs, a learning rate that works, and the noise scale along the way."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field

from ...errors import SampleCouplingError, TinygradError
from ..problem import TIMING_RATE
from ..problem.sizes import powers_of_two
from ..runs.rates import FIRST_RATE, Climb
from ..runs.target import Reached, until
from ..timing.clock import Budget
from ..timing.line import StepCost, fit_line
from ..timing.rounds import side_by_side
from .lab import Lab, Learner
from .noise import Checkpoint, weighted_noise

LARGEST = 1024  # the largest batch that is timed at first
ROUNDS = 15
STEPS = 1000  # of the training run along which the noise scale is measured
CHECKPOINTS = 45
RATES = 24  # to try at most
TRIAL_STEPS = 200  # of a run that shows whether a learning rate works
END = 5  # so many last evaluations of the loss say where a run ended


@dataclass
class Probing:
    """What the first training run showed.

    Attributes:
        rate: its learning rate; NaN if none works.
        batch_size: its batch size.
        first_loss: the loss before any step.
        reached: how it went.
        checkpoints: the noise scale along it.
        noise: the weighted mean of the noise scale; NaN if it could not be measured.
        coupled: why per-sample gradients do not exist, in the words of the error; empty if they do.
    """

    rate: float = math.nan
    first_loss: float = math.nan
    reached: Reached | None = None
    checkpoints: list[Checkpoint] = field(default_factory=list)
    noise: float = math.nan
    coupled: str = ""
    batch_size: int = 0

    @property
    def last_loss(self) -> float:
        """The final loss of the run: the median of its last few evaluations."""
        if self.reached is None:
            return math.nan
        return statistics.median(loss for _, loss in self.reached.curve[-END:])


def step_cost(lab: Lab, sizes: list[int] | None = None, known: StepCost | None = None) -> StepCost:
    """Time steps of several batch sizes in turn, and fit a line; `known` is an earlier fit."""
    budget = lab.part(0.1)
    learner = lab.start(lab.usual, TIMING_RATE, lab.seed)
    runs: dict[int, Learner] = {}
    for size in sizes or powers_of_two(min(lab.count, max([LARGEST, *lab.allowed]))):
        run = learner.sized(size)
        try:
            run.step()
        except TinygradError:  # such as a layer that needs at least two samples
            if size > 1:
                raise
            continue
        runs[size] = run
        took = lab.clock.took(run.step)
        if len(runs) > 2 and took * ROUNDS > budget.seconds / 4:
            break  # twice as large would take the time that others need
    timings = side_by_side(
        {size: run.step for size, run in runs.items()},
        clock=lab.clock,
        rounds=ROUNDS,
        warm_up=1,
        budget=budget,
        seed=lab.seed,
    )
    return fit_line(timings, known)


def first_rate(lab: Lab, cost: StepCost) -> tuple[Climb, float]:
    """Search for the learning rate with the lowest loss at the end of a short run.

    Returns:
        The search, whose best is NaN if no rate lowers the loss, and the loss before any step. If fewer than `RATES`
        rates were tried and none lowers it, time ran out.
    """
    size = lab.usual
    budget = lab.part(0.15)
    first = lab.start(size, TIMING_RATE, lab.seed).loss()
    steps = max(10, int(min(TRIAL_STEPS, budget.seconds / 12 / cost.at(size))))
    untried: list[float] = []

    def end(rate: float) -> float:
        if budget.left:
            lab.say("looking for a learning rate")
            found = until(lab.start(size, rate, lab.seed), -math.inf, most=steps, every=-(-steps // 5), budget=budget)
            loss = statistics.fmean([loss for _, loss in found.curve[-2:]])
            if loss < first:  # also where the time ended before the steps
                return loss
            if found.why != "budget":
                return math.inf
        untried.append(rate)
        return math.inf

    climb = Climb(end, FIRST_RATE[lab.gradual])
    if math.isfinite(first) and math.isfinite(climb.search(4.0, RATES)):
        climb.search(2.0, RATES)
    for rate in untried:
        del climb.costs[rate]
    return climb, first


def probe_training(lab: Lab, cost: StepCost, rate: float, target: float | None) -> Probing:
    """Train with the usual batch size, and measure per-sample gradients at about 45 moments.

    A run that diverges after all is started again with half the rate.
    """
    found = Probing(rate)
    budget = lab.part(0.15 if target is None else 0.3)
    size = lab.usual
    steps = STEPS if target is None else 100 * STEPS
    steps = max(CHECKPOINTS, int(min(steps, 0.7 * budget.seconds / cost.at(size))))
    for _ in range(6):
        found = Probing(rate, coupled=found.coupled, batch_size=size)
        _train(lab, found, steps, budget, -math.inf if target is None else target)
        if found.reached is not None and found.reached.why != "diverged":
            break
        rate /= 2
    found.noise = weighted_noise(found.checkpoints, size)
    return found


def _train(lab: Lab, found: Probing, steps: int, budget: Budget, target: float) -> None:
    run = lab.start(lab.usual, found.rate, lab.seed)
    every = -(-min(steps, STEPS) // CHECKPOINTS)

    def look(taken: int, loss: float) -> None:
        lab.say("training a copy, and measuring the noise scale")
        if taken == 0:
            found.first_loss = loss
        if found.coupled or not math.isfinite(loss):
            return
        try:
            noise = run.probe()
        except SampleCouplingError as error:
            layer = run.coupling()
            found.coupled = (f"They meet in {layer}: " if layer else "") + str(error).splitlines()[0]
        else:
            found.checkpoints.append(Checkpoint(taken, loss, noise.trace, noise.signal))

    found.reached = until(run, target, most=steps, every=every, budget=budget, look=look)
