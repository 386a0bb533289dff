"""The conclusions of an advice, in words and in tables."""

from __future__ import annotations

import math
from collections.abc import Callable

from ...advice.advice import Advice
from ...advice.race import Lane
from ...units import amount, batch, number, percent, rate, seconds
from ..table import Answer, Table
from .noise import noise_table


def answer(advice: Advice) -> Answer:
    """The batch size and the rate, the reason, and the numbers behind it."""
    if advice.batch_size is None:
        headline = "No batch size can be recommended"
    else:
        headline = f"Take a batch size of {batch(advice.batch_size)}"
        if advice.learning_rate is not None:
            headline += f", with a learning rate of {rate(advice.learning_rate)}"
    return Answer(headline, [part.strip() for part in advice.reason.split("\n\n") if part.strip()], _facts(advice))


def tables(advice: Advice) -> list[Table]:
    """The numbers: steps, race, rates, noise."""
    return [table for table in (_steps(advice), _race(advice), _rates(advice), _noise(advice)) if table.rows]


def _facts(advice: Advice) -> dict[str, str]:
    cost, facts = advice.step_cost, {}
    if advice.optimum is not None:
        facts["best size, B*"] = batch(advice.optimum)
    if advice.low and advice.high:
        facts["within 10 %"] = f"{batch(advice.low)}–{batch(advice.high)}"
    if cost is not None:
        facts["a step costs, a"] = seconds(cost.overhead)
        facts["each sample adds, b"] = seconds(cost.per_sample)
    if advice.noise is not None:
        facts["noise scale, N"] = batch(advice.noise)
    if advice.target_loss is not None:
        facts["target loss"] = number(advice.target_loss)
    return facts


def _steps(advice: Advice) -> Table:
    cost = advice.step_cost
    headings = ("batch size", "time of a step", "spread", "a + b·B", "samples a second")
    if cost is None:
        return Table("Time of a step", headings, [])
    rows = [
        (
            batch(size),
            seconds(median),
            percent(spread),
            seconds(cost.line(size)),
            amount(size / median if median > 0 else math.nan),
        )
        for size, median, spread in zip(cost.sizes, cost.medians, cost.spreads)
    ]
    note = (
        f"a = {seconds(cost.overhead)} ({_between(cost.overhead_interval)}), b = {seconds(cost.per_sample)} "
        f"({_between(cost.per_sample_interval)}). Spread: the interquartile range as a share of the median."
    )
    return Table("Time of a step", headings, rows, note)


def _race(advice: Advice) -> Table:
    goal = "" if advice.target_loss is None else f" to a loss of {number(advice.target_loss)}"
    columns: dict[str, Callable[[Lane], str]] = {
        "batch size": lambda lane: batch(lane.batch_size),
        "learning rate": lambda lane: rate(lane.rate),
        "steps": lambda lane: number(lane.steps) if lane.finished else "not reached",
        "samples": lambda lane: amount(lane.steps * lane.batch_size),
        "time to target": lambda lane: seconds(lane.seconds),
        "runs": lambda lane: number(lane.seeds),
        "training loss": lambda lane: number(lane.train_loss),
        "held-out loss": lambda lane: number(lane.test_loss),
    }
    return Table.of(
        f"Race{goal}", advice.race, columns, "Time: the number of steps times the time of a step with this batch size."
    )


def _rates(advice: Advice) -> Table:
    rows = [
        (rate(value), number(advice.rates[value]) if math.isfinite(advice.rates[value]) else "given up")
        for value in sorted(advice.rates)
    ]
    return Table(f"Learning rates at a batch size of {batch(advice.batch_size)}", ("learning rate", "steps"), rows)


def _noise(advice: Advice) -> Table:
    note = (
        f"Training with a batch size of {batch(advice.probe_batch)} and a learning rate of {rate(advice.probe_rate)}."
    )
    return noise_table("Noise scale during training", advice.checkpoints, note)


def _between(interval: tuple[float, float]) -> str:
    return f"{seconds(interval[0])} to {seconds(interval[1])}"
