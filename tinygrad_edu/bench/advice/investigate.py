"""One stage after the other, each within its share of the budget, until everything is known for an answer."""

from __future__ import annotations

import math

from ..problem import TIMING_RATE
from ..runs.rates import none_works
from ..runs.target import obstacle
from .findings import Findings
from .lab import Lab
from .probing import RATES, first_rate, probe_training, step_cost
from .race import Trials, fitted_noise, race_sizes

RACE_ENDS = 0.65  # of the budget
SEARCH_ENDS = 0.95
LOADING = 0.05  # of the budget, for what drawing a batch takes: the most
SPARE = 2.0  # times the expected steps: the most that a training run may take
PATIENCE = (5.0, 20.0)  # and in the last search, where a slow rate that is safe beats one that may fail; then once more
FINAL_SEEDS = 8
FINE = (math.sqrt(2), 2**0.25)  # how far apart the last rates are: near where trainings fail a half step counts
THOROUGH = 30  # trainings in a lane that looks closely: some eight rates, three seeds each


def investigate(lab: Lab, found: Findings, target: float | None) -> None:
    """Find out everything that an answer needs; `found` holds what is known at any moment."""
    found.wanted = target
    lab.say("timing steps")
    found.cost = step_cost(lab)
    climb, first = first_rate(lab, found.cost)
    found.obstacle = obstacle(first, target) or ("" if math.isfinite(climb.best) else _no_rate(climb.costs))
    if not found.obstacle:
        found.probing = probe_training(lab, found.cost, climb.best, target)
        _set_target(found, target)
    if not found.obstacle:
        _race(lab, found)
        _further(lab, found)
        _final_rate(lab, found)


def _no_rate(costs: dict[float, float]) -> str:
    tried = sorted(costs)
    if not tried:
        return "There was no time to try a learning rate: give it a larger budget."
    if len(tried) < RATES:
        return (
            f"None of the learning rates that there was time to try, {tried[0]:.2g} to {tried[-1]:.2g}, lowered the "
            "training loss: give it a larger budget, or check that the model can learn from these data."
        )
    return none_works(tried)


def _set_target(found: Findings, target: float | None) -> None:
    """The target loss."""
    probing = found.probing
    assert probing.reached is not None
    end = probing.last_loss
    if target is not None and probing.reached.finished:
        found.target = target
        return
    if not end < probing.first_loss and probing.reached.why == "budget":
        found.obstacle = (
            f"The training had time for {probing.reached.taken} steps, which did not lower the loss: give it a larger "
            "budget."
        )
    elif not math.isfinite(end) or end >= probing.first_loss:
        found.obstacle = "A training run with the best learning rate found did not lower the loss in the end."
    found.target = end


def _race(lab: Lab, found: Findings) -> None:
    """Run four batch sizes to the target, as far as time allows, the most informative ones first."""
    assert found.cost is not None
    answer = found.answer
    guess = answer.best if answer else float(lab.usual)
    sizes = race_sizes(guess, lab.count, lab.allowed)
    beyond = [size for size in sizes if size > found.cost.sizes[-1]]
    if beyond:
        found.cost = step_cost(lab, beyond, found.cost)
    sizes.sort(key=lambda size: abs(math.log(size / lab.usual)))
    end = SEARCH_ENDS if found.probing.coupled else RACE_ENDS  # without it there is no answer
    for number, size in enumerate(sizes):
        _run(lab, found, size, end, len(sizes) - number)
    found.race_noise = fitted_noise(found.lanes)


def _further(lab: Lab, found: Findings) -> None:
    """Run the sizes around the best one so far, until the answer no longer changes."""
    for _ in range(4):
        answer = found.answer
        tried = [lane.batch_size for lane in found.lanes if lane.finished]
        left = [size for size in answer.near if size not in tried] if answer else []
        if not left or len(tried) < 2:
            return
        assert found.cost is not None
        if left[0] > found.cost.sizes[-1]:
            found.cost = step_cost(lab, [left[0]], found.cost)
        if not _run(lab, found, left[0], (RACE_ENDS + SEARCH_ENDS) / 2) or not _finished(found, left[0]):
            return
        found.race_noise = fitted_noise(found.lanes)


def _finished(found: Findings, size: int) -> bool:
    return any(lane.batch_size == size and lane.finished for lane in found.lanes)


def _run(lab: Lab, found: Findings, size: int, end: float, lanes: int = 1) -> bool:
    """Run one lane if there is time for it, thoroughly if there is plenty; return whether it was run.

    Args:
        lab: the lab in which to run it.
        found: what is known, to which the lane is added.
        size: its batch size.
        end: the share of the budget by which this lane and those after it must be done.
        lanes: the number of these lanes.
    """
    assert found.cost is not None
    lab.say(f"racing with batches of {size}")
    steps, rate = _expected(lab, found, size)
    seconds = end * lab.budget.seconds - lab.budget.spent
    step = found.cost.at(size)
    if seconds < 3 * steps * step:
        return False
    thorough = seconds / lanes > THOROUGH * steps * step
    seeds, factors = (3, (2.0, math.sqrt(2))) if thorough else (2, (2.0,))
    most, budget = math.ceil(SPARE * steps), lab.budget.part(seconds)
    trials = Trials(lab, size, step, found.target, most, budget, seeds, lab.seed + 100)
    found.lanes.append(trials.lane(rate, factors))
    found.lanes.sort(key=lambda lane: lane.batch_size)
    return True


def _expected(lab: Lab, found: Findings, size: int) -> tuple[float, float]:
    """The most steps that a batch size may need, and a first rate, from what is known of the others.

    A larger batch needs no more steps; a smaller one no more samples.
    """
    known = [(lane.batch_size, lane.steps, lane.rate) for lane in found.lanes if lane.finished]
    reached = found.probing.reached
    assert reached is not None
    if not known:
        known = [(lab.usual, reached.steps if reached.finished else float(reached.taken), found.probing.rate)]
    near, steps, rate = min(known, key=lambda one: abs(math.log(one[0] / size)))
    return steps * max(1.0, near / size), rate * math.sqrt(size / near)


def _final_rate(lab: Lab, found: Findings) -> None:
    """Find the learning rate for the answer's batch size, with separate seeds."""
    answer = found.answer
    if answer is None or found.cost is None:
        return
    lab.say(f"looking for the learning rate of {answer.size}")
    step = found.cost.at(answer.size)
    found.loading = _loading(lab, answer.size, step)
    steps, rate = _expected(lab, found, answer.size)
    lane = next((lane for lane in found.lanes if lane.batch_size == answer.size and lane.finished), None)
    seconds = SEARCH_ENDS * lab.budget.seconds - lab.budget.spent
    seeds = max(1, int(min(FINAL_SEEDS, seconds / (8 * steps * step))))
    budget = lab.budget.part(seconds)
    for spare in PATIENCE:
        most = math.ceil(spare * steps)
        trials = Trials(lab, answer.size, step, found.target, most, budget, seeds, lab.seed + 200)
        found.final = trials.lane(lane.rate, FINE) if lane else trials.lane(rate, (2.0, *FINE))
        if found.final.finished or not budget.left:
            break


def _loading(lab: Lab, size: int, step: float) -> float:
    """The share of a step's time that is spent drawing the batch; NaN if a step takes too long."""
    count = int(min(10, (LOADING * lab.budget.seconds / step - 1) / 2)) if step > 0 else 10
    if count < 1 or not lab.budget.left:
        return math.nan
    run = lab.start(size, TIMING_RATE, lab.seed)
    run.step()
    times = []
    for call in (run.load, run.step):
        begin = lab.clock.busy()
        for _ in range(count):
            call()
        times.append(lab.clock.busy() - begin)
    return times[0] / times[1] if times[1] > 0 else math.nan
