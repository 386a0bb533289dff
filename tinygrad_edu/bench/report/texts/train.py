"""The conclusions of training with many batch sizes, in words and in tables."""

from __future__ import annotations

import math

from ...training.result import RATES, AtBatchSize, TrainResult, regime, remark, waits
from ...training.trainings import LATE
from ...units import NOTHING, about, amount, batch, number, rate, seconds
from ..table import Answer, Table
from .noise import noise_table


def answer(result: TrainResult) -> Answer:
    """Which batch size was the fastest, where the three regimes are, and what the formula predicts."""
    best = result.predicted.fastest
    times = [row.seconds for row in result.sizes if row.batch_size == best]
    if best is None or not times:
        headline = "No batch size reached the target"
    else:
        headline = f"Batches of {batch(best)} reach the target first, in {seconds(times[0])}"
    if result.reason:
        return Answer(headline, [_sentence(result.reason)])
    return Answer(
        headline, [text for text in (_what(result), _critical(result), _formula(result)) if text], _facts(result)
    )


def tables(result: TrainResult) -> list[Table]:
    """The numbers: batch sizes, seeds, rates, noise."""
    return [table for table in (_sizes(result), _seeds(result), _rates(result), _noise(result)) if table.rows]


def _what(result: TrainResult) -> str:
    seeds = max((len(row.runs) for row in result.sizes), default=0)
    rules = sorted({row.rule for row in result.sizes if row.rule})
    text = (
        f"Trained to a mean loss of {number(result.target_loss)} with {number(seeds)} seeds; the results are medians."
    )
    return f"{text} Learning rate: {'; '.join(rules)}; {RATES}." if rules else text


def _critical(result: TrainResult) -> str:
    fit = result.fit
    if not fit.usable:
        return f"The critical batch size is not known: {_sentence(fit.reason)}" if fit.reason else ""
    between = _interval(fit.critical_interval)
    text = (
        f"The critical batch size is {batch(fit.critical)} (95 %: {between}): there, training "
        f"takes twice the fewest steps, {number(fit.smin)}, and twice the fewest samples, {about(fit.emin)}."
    )
    return f"{text} {_sentence(fit.reason)}" if fit.reason else text


def _formula(result: TrainResult) -> str:
    found, value = result.predicted, result.noise.value
    parts = []
    if math.isfinite(found.by_critical):
        parts.append(f"{batch(found.by_critical)} with the critical batch size as N")
    if math.isfinite(found.by_noise):
        parts.append(f"{batch(found.by_noise)} with the noise scale from gradients, {batch(value)}")
    text = f"The formula √(N·a/b) puts the best batch size at {' and at '.join(parts)}." if parts else ""
    if not math.isfinite(value) and result.noise.reason:
        text += f" The noise scale is not known: {_sentence(result.noise.reason)}"
    return text.strip()


def _facts(result: TrainResult) -> dict[str, str]:
    fit = result.fit
    facts: dict[str, str] = {}
    if fit.usable:
        facts["critical size, C"] = batch(fit.critical)
        facts["95 % interval of it"] = _interval(fit.critical_interval)
        facts["fewest steps"] = number(fit.smin)
        facts["fewest samples"] = about(fit.emin)
    if math.isfinite(result.noise.value):
        facts["noise scale, N"] = batch(result.noise.value)
    facts["target loss"] = number(result.target_loss)
    return facts


def _sizes(result: TrainResult) -> Table:
    rows = result.sizes
    columns = {
        "batch size": [batch(row.batch_size) for row in rows],
        "learning rate": [rate(row.rate) for row in rows],
        "rate of a sum": [rate(row.sum_rate) for row in rows],
        "steps": [_steps(row) for row in rows],
        "samples": [amount(row.samples) for row in rows],
        "time to target": [seconds(row.seconds) for row in rows],
        "time of a step": [seconds(row.latency) for row in rows],
        "training loss": [number(row.train_loss) for row in rows],
        "held-out loss": [number(row.test_loss) for row in rows],
        "regime": [regime(row) or NOTHING for row in rows],
        "remark": [remark(row) for row in rows],
    }
    for name in ("rate of a sum", "held-out loss", "regime", "remark"):
        if all(text in ("", NOTHING) for text in columns[name]):
            del columns[name]
    goal = number(result.target_loss)
    note = "The learning rate is for optimizer.step(samples=n), as for a mean loss."
    return Table(f"Training to a loss of {goal}", tuple(columns), list(zip(*columns.values())), note)


def _steps(row: AtBatchSize) -> str:
    if waits(row):
        return NOTHING
    return number(row.steps) if math.isfinite(row.steps) else "not reached"


def _seeds(result: TrainResult) -> Table:
    headings = ("batch size", "seed", "steps", "training loss", "held-out loss", "gap", "remark")
    rows = [
        (
            batch(row.batch_size),
            str(run.seed),
            number(run.steps),
            number(run.train_loss),
            number(run.test_loss),
            number(run.test_loss - run.train_loss),
            LATE.get(run.why, run.why) or "reached",
        )
        for row in result.sizes
        for run in row.runs
    ]
    return Table("Seed by seed", headings, rows, long=True)


def _rates(result: TrainResult) -> Table:
    rows = [
        (batch(row.batch_size), rate(value), _steps_or_not(row, value), "best" if value == row.rate else NOTHING)
        for row in result.sizes
        for value in sorted(row.rates)
    ]
    note = "Steps are means over the tuning seeds, which differ from the reported ones."
    return Table("Learning rates tried", ("batch size", "learning rate", "steps", ""), rows, note, long=True)


def _steps_or_not(row: AtBatchSize, value: float) -> str:
    return number(row.rates[value]) if math.isfinite(row.rates[value]) else "failed or given up"


def _noise(result: TrainResult) -> Table:
    note = f"Training with a batch size of {batch(result.noise.batch_size)}, learning rate {rate(result.noise.rate)}."
    return noise_table("Noise scale along a training run", result.noise.checkpoints, note)


def _interval(interval: tuple[float, float | None]) -> str:
    """An interval that may be open.

    >>> _interval((50.2, 81.0)), _interval((0.0, 81.0)), _interval((50.2, None))
    ('50–81', 'up to 81', 'from 50')
    """
    low, high = interval
    if high is None:
        return f"from {batch(low)}" if low else "any size"
    return f"{batch(low)}–{batch(high)}" if low else f"up to {batch(high)}"


def _sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?')) else '.'}"
