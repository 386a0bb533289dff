"""The reason, in words that can be checked."""

from __future__ import annotations

import math

from ..timing.line import StepCost
from ..units import batch, percent, seconds
from .findings import BENT, Answer, Findings
from .formula import excess

WRONG = 4.0  # factor by which the noise scale may be wrong, for the cost that is quoted
UNSTEADY = 0.3  # interquartile range over median: such times say little
OVERFITTED = 5.0  # times the target: above such a held-out loss, less training loss is no gain
BUSY_LOADING = 0.5  # a dominant share of the step's time

RATES = "The learning rate is for optimizer.step(samples=len(batch)); it is the same as PyTorch's for a mean loss."
LIMITS = (
    "This is about the training loss, on this machine, with this optimizer. Larger batches may generalize worse. If "
    "training takes only seconds, trying three batch sizes is quicker than asking."
)


def explain(found: Findings) -> str:
    """The paragraphs of the reason, separated by empty lines."""
    answer = found.answer
    if answer is None or found.cost is None:
        return f"{found.obstacle or _unfinished(found)}\n\n{LIMITS}"
    parts = [_formula(found, found.cost, answer), _target(found), _race(found), *_doubts(found, answer), LIMITS]
    return "\n\n".join(part for part in parts if part)


def _formula(found: Findings, cost: StepCost, answer: Answer) -> str:
    balance, noise = cost.balance, found.noise
    with_rate = f", with a rate of {_two(found.rate)}" if math.isfinite(found.rate) else ""
    step = f"A step costs {seconds(cost.overhead)} and {seconds(cost.per_sample)} more for each sample: "
    if math.isinf(balance):
        step += "next to the overhead, the cost of a sample is too small to measure."
    elif balance < 1:
        step += "the overhead is less than the cost of a single sample."
    else:
        step += f"overhead and arithmetic are equal at {batch(balance)}."
    beyond = answer.best >= found.count and answer.size == found.count
    take = f"no batch can be that large, so take the largest, {answer.size}" if beyond else f"take {answer.size}"
    if answer.size != answer.near[0]:
        take += f", which won the race against {answer.near[0]}"
    best = f"√({batch(balance)} · {batch(noise)}) ≈ {batch(answer.best)}"
    if math.isinf(balance):
        best = "The larger, the better"
    text = (
        f"{step} The noise scale is about {batch(noise)} ({_sources(found)}). {best}: {take}{with_rate}; "
        f"{answer.low}–{answer.high} is within 10 %."
    )
    if not answer.low <= answer.size <= answer.high:
        longer = f"{excess(answer.size, noise, max(balance, 1e-12), 1, found.count) - 1:.0%}".replace("%", " %")
        text += (
            f" None of the sizes to choose from is in this range: {answer.size} takes {longer} longer than the best."
        )
    return f"{text} {_price(found, answer, balance)}" if math.isfinite(balance) and balance > 0 else text


def _sources(found: Findings) -> str:
    gradients, race = found.noise_from_gradients, found.noise_from_race
    raw = batch(found.probing.noise)
    of_gradients = f"from gradients {raw}"
    if not found.gradual:
        of_gradients = f"from gradients {batch(gradients)}, three times the {raw} measured, as this is not plain SGD"
    if math.isfinite(gradients) and math.isfinite(race):
        return f"{of_gradients}; from the race {batch(race)}, with a weight of {percent(found.race_weight)}"
    if math.isfinite(race):
        return "from the race alone"
    return f"{of_gradients}; the race was too short to tell" if found.lanes else f"{of_gradients}; there was no race"


def _price(found: Findings, answer: Answer, balance: float) -> str:
    """What the size costs if the noise scale is a different one."""

    def worst(noises: list[float]) -> str:
        return percent(round(max(excess(answer.size, noise, balance, 1, found.count) for noise in noises) - 1, 2))

    both = [found.noise_from_gradients, found.noise_from_race]
    wrong = worst([found.noise * WRONG, found.noise / WRONG])
    if all(math.isfinite(noise) for noise in both):
        one = worst(both)
        return (
            f"If only one of the two noise scales is right, {answer.size} costs at most {one}; if the noise "
            f"scale is wrong by a factor of {WRONG:g}, at most {wrong}."
        )
    return f"If the noise scale is wrong by a factor of {WRONG:g}, {answer.size} costs at most {wrong}."


def _target(found: Findings) -> str:
    reached = found.probing.reached
    steps = 0 if reached is None else reached.taken
    if found.wanted is None:
        whence = f", which a training run of {steps} steps with batches of {found.probing.batch_size} had reached"
    elif found.target == found.wanted:
        whence = ", as given"
    else:
        whence = f", which the first {steps} steps had reached: there was not enough time to reach {found.wanted:g}"
    return f"The target is a mean loss of {found.target:.3g} per training sample{whence}. {RATES}"


def _race(found: Findings) -> str:
    done = [lane for lane in found.lanes if lane.finished]
    if not done:
        return ""
    times = ", ".join(f"{lane.batch_size}: {seconds(lane.seconds)}" for lane in done)
    text = f"Time to the target in the race, by batch size, each at its best learning rate: {times}."
    if all(math.isfinite(lane.test_loss) for lane in done):
        text += f" Held-out loss there: {', '.join(f'{lane.batch_size}: {lane.test_loss:.3g}' for lane in done)}."
    if min(lane.test_loss for lane in done) > OVERFITTED * abs(found.target):
        text += " That is far above the target: the model overfits strongly. Consider a higher target_loss."
    lost = [lane for lane in found.lanes if not lane.finished]
    if lost:
        text += f" Not reached in time: {', '.join(str(lane.batch_size) for lane in lost)}."
    return text


def _doubts(found: Findings, answer: Answer) -> list[str]:
    """What makes the answer less certain."""
    assert found.cost is not None
    doubts = ["The run was interrupted: this is the answer so far."] if found.interrupted else []
    if found.probing.coupled:
        doubts.append(
            f"The samples of a batch depend on one another, so per-sample gradients do not exist: the "
            f"noise scale is from the race alone. {found.probing.coupled}"
        )
    if found.is_torn:
        doubts.append("The two noise scales differ by more than a factor of 10: the range covers both.")
    if found.is_blind:
        doubts.append("There was no time for a race, which momentum and Adam need: so the range is wider.")
    if found.is_vague:
        doubts.append(
            "Overhead and arithmetic could not be separated well: their ratio is only known to within a factor "
            f"of {batch(min(found.cost.uncertainty, 1000.0))}, so the range is wide. Run it on a quiet machine."
        )
    doubts += _about_timing(found, found.cost, answer)
    if found.loading > BUSY_LOADING:
        doubts.append(
            f"Drawing the batch takes {percent(round(found.loading, 2))} of a step's time: a faster way to load the "
            "data would gain more than any choice of batch size."
        )
    if math.isnan(found.rate):
        doubts.append(_unknown_rate(found, answer))
    return doubts


def _about_timing(found: Findings, cost: StepCost, answer: Answer) -> list[str]:
    """Where step times deviate from the line, or vary between repetitions."""
    said = []
    bends = {size: cost.bend(size) / cost.bend(answer.size) for size in cost.sizes}
    bent = [size for size, bend in bends.items() if bend > BENT and answer.size < size <= 2 * answer.high]
    if bent:
        line = cost.line(bent[0])
        said.append(
            f"With batches of {bent[0]} a step takes {seconds(cost.at(bent[0]))}, not the {seconds(line)} that "
            "overhead and arithmetic add up to: there, the answer and its range use the measured times."
        )
    worst = max(cost.spreads)
    if worst > UNSTEADY:
        text = f"The times of a step vary by up to {percent(worst)} of their median."
        if found.threads > 1:
            text += f" With {found.threads} threads, small products often wait for one another: try threads=1."
        said.append(text)
    return said


def _unknown_rate(found: Findings, answer: Answer) -> str:
    rate = _two(best_known_rate(found))
    if found.final is not None and found.final.rates:
        return f"No learning rate tried with {answer.size} reached the target: begin with {rate}, and try others."
    return f"There was no time to find the learning rate for {answer.size}: begin with {rate}, and try others."


def _unfinished(found: Findings) -> str:
    if found.interrupted:
        return "The run was interrupted before there was an answer."
    if found.cost is None:
        return "The run ended before anything was timed."
    if found.probing.coupled:
        return (
            "The samples of a batch depend on one another, so only a race can measure the noise scale, and "
            f"{_no_race(found)}. {found.probing.coupled}"
        )
    if found.probing.checkpoints:
        return (
            "At no moment of the training run did the mean gradient stand out from the noise of its samples, so only a "
            f"race can measure the noise scale, and {_no_race(found)}."
        )
    return "The run ended before the noise scale was measured: give it a larger budget."


def _no_race(found: Findings) -> str:
    if len(found.allowed) == 1:
        return "a race needs two batch sizes: name more"
    return "there was no time for one"


def _two(rate: float) -> str:
    """A learning rate with two digits.

    >>> _two(0.0123), _two(123.0)
    ('0.012', '120')
    """
    return f"{float(f'{rate:.2g}'):g}"


def best_known_rate(found: Findings) -> float:
    """The learning rate found for the answer, else that of the nearest lane, else that of the first training run."""
    if math.isfinite(found.rate):
        return found.rate
    answer = found.answer
    done = [lane for lane in found.lanes if lane.finished]
    if answer is None or not done:
        return found.probing.rate
    return min(done, key=lambda lane: abs(math.log(lane.batch_size / answer.size))).rate
