"""What a benchmark would run, and roughly how long it would take: for `--dry-run`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from .advice.lab import Lab
from .advice.probing import LARGEST as LARGEST_TIMED
from .advice.probing import ROUNDS, step_cost
from .advice.race import race_sizes
from .latency.speed import LARGEST as LARGEST_OF_SPEED
from .problem import Run
from .problem.sizes import powers_of_two
from .session import Session, session
from .timing.clock import Budget
from .timing.line import StepCost
from .training.plan import Plan
from .units import seconds

LOOK = 2.0  # seconds that this itself may take
TRIALS = 8  # rates that a search tries, roughly
STEPS = 1000  # in a training run to the target, if nothing else is known


def dry_run(
    word: str,
    model: Any,
    loss_fn: Any,
    data: Any,
    *,
    batch_sizes: Sequence[int] | None = None,
    seeds: int = 3,
    max_epochs: float = 50,
    target_loss: float | None = None,
    lr_rule: str = "tune",
    **more: Any,
) -> str:
    """Say what `advise`, `speed` or `train` would do with these arguments; a few steps are timed for that.

    Args:
        word: "advise", "speed" or "train".
        model, loss_fn, data, more: as for `session`.
        batch_sizes, seeds, max_epochs: as for `train`.
        target_loss, lr_rule: ignored: what they change is not known beforehand.

    Raises:
        BenchError: if the arguments do not fit together.
    """
    with session(model, loss_fn, data, **more) as now:
        count = len(now.problem.train)
        sizes = now.sizes(batch_sizes) or _usual_sizes(word, count, now.largest)
        cost = _glance(now, sizes)
        lines = [_problem(now), _steps(cost)]
        if word == "advise":
            lines += _advise(cost, now.largest, now.sizes(batch_sizes), now.budget.seconds)
        elif word == "speed":
            lines += _speed(cost, sizes, now.budget.seconds)
        else:
            lines += _train(cost, sizes, count, seeds, max_epochs, now.budget.seconds)
        return "\n".join([*lines, *now.notes])


def _usual_sizes(word: str, count: int, largest: int) -> list[int]:
    """The default batch sizes."""
    if word == "train":
        return list(Plan.of(None, count, largest).batch_sizes)
    return powers_of_two(min(largest, {"advise": LARGEST_TIMED, "speed": LARGEST_OF_SPEED}[word]))


def _glance(now: Session, sizes: list[int]) -> StepCost:
    """The approximate cost of steps."""
    lab = Lab(
        functools.partial(Run, now.problem),
        len(now.problem.train),
        now.problem.gradual,
        now.clock,
        Budget(LOOK * 10, now.clock.wall),  # of which timing takes a tenth
    )
    few = sorted({sizes[0], sizes[len(sizes) // 2], sizes[-1]})
    return step_cost(lab, few if len(few) > 1 else [1, sizes[0]])


def _problem(now: Session) -> str:
    about, threads = now.problem.about(), now.environment["threads"]
    return (
        f"{about['model']} ({about['parameters']:,} parameters, {about['dtype']}) on {about['data']}: "
        f"{about['samples']:,} samples to learn from, {about['held_out']:,} held out; {about['loss']}, "
        f"{about['optimizer']}; {threads} thread{'' if threads == 1 else 's'}, steps timed in {now.clock.unit} time"
    )


def _steps(cost: StepCost) -> str:
    times = ", ".join(
        f"{seconds(median)} with batches of {size}" for size, median in zip(cost.sizes, cost.medians, strict=True)
    )
    return f"a step takes about {times}"


def _advise(cost: StepCost, count: int, allowed: list[int], budget: float) -> list[str]:
    sizes = race_sizes(128.0, count, allowed)
    training = STEPS * cost.at(min(32, count))
    seconds = 2 + training * (3 + 3 * TRIALS * (len(sizes) + 1))
    return [
        f"advise would time steps, search for a learning rate, train a copy for at most {STEPS} steps, race batches "
        f"of {', '.join(map(str, sizes))} or similar sizes to the same loss, and search for the rate of the answer: "
        + _about(seconds, budget)
    ]


def _speed(cost: StepCost, sizes: list[int], budget: float) -> list[str]:
    seconds = 2 * ROUNDS * sum(max(cost.at(size), 5e-3) for size in sizes)
    return [f"speed would time batches of {', '.join(map(str, sizes))} in turn: {_about(seconds, budget)}"]


def _train(cost: StepCost, sizes: list[int], count: int, seeds: int, epochs: float, budget: float) -> list[str]:
    longest = sum(cost.at(size) * epochs * count / size for size in sizes)
    return [
        f"train would run batches of {', '.join(map(str, sizes))}: {seeds} training runs of each, after a search "
        f"for the learning rate, none longer than {epochs:g} epochs: {_about(longest * (seeds + TRIALS), budget)}, "
        "less if the target is reached sooner"
    ]


def _about(seconds: float, budget: float) -> str:
    text = f"about {seconds / 60:.0f} minutes" if seconds >= 120 else f"about {max(seconds, 1):.0f} seconds"
    if seconds <= budget:
        return text
    return f"{text} without a limit, but at most {budget:.3g} seconds, the budget"
