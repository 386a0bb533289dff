"""The figures of the speed of steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...latency.result import SpeedResult, SpeedRow, step
from ...timing.line import fit_line
from ...timing.rounds import Timing
from ...units import batch, percent
from ..canvas import Canvas
from ..colours import ACCENT, SECOND, THIRD
from ..picture import Picture
from .step import Steps, latency, memory, throughput

# The parts of a step in order, with their names and styles.
PARTS = {
    "loading": ("drawing the batch", SECOND, 1.0),
    "forward": ("the forward pass", ACCENT, 0.5),
    "backward": ("the backward pass", ACCENT, 1.0),
    "optimizer": ("the optimizer's update", THIRD, 1.0),
}


def pictures(result: SpeedResult) -> list[Picture]:
    """The figures of a speed result."""
    found: list[Picture | None] = []
    if result.rows:
        steps = steps_of(result)
        found += [throughput(steps), latency(steps), _split(result.rows)]
    if result.memory is not None and result.memory.batch_sizes:
        found.append(memory(result.memory))
    return [picture for picture in found if picture is not None]


def steps_of(result: SpeedResult) -> Steps:
    """The measured steps, with the line through them if there are at least two batch sizes."""
    rounds = {row.batch_size: result.rounds.get(step(row.batch_size), []) for row in result.rows}
    timed = {size: Timing(seconds) for size, seconds in rounds.items() if seconds}
    line = fit_line(timed) if len(timed) > 1 else None
    return Steps(
        [row.batch_size for row in result.rows],
        [row.latency.median for row in result.rows],
        [row.latency.lower_quartile for row in result.rows],
        [row.latency.upper_quartile for row in result.rows],
        math.nan if line is None else line.overhead,
        math.nan if line is None else line.per_sample,
    )


def _split(rows: Sequence[SpeedRow]) -> Picture | None:
    """The share of each part of a step."""
    known = [row for row in rows if not math.isnan(row.loading) and row.latency.median > 0]
    if not known:
        return None
    shares = {name: [getattr(row, name) / row.latency.median for row in known] for name in PARTS}

    def draw(canvas: Canvas) -> None:
        places = list(range(len(known)))
        canvas.linear(0.0, 1.0, lambda share: f"{share:.0%}")
        canvas.label("samples in a batch", "share of a step")
        below = [0.0] * len(known)
        for name, (_, color, alpha) in PARTS.items():
            canvas.axes.bar(places, shares[name], 0.62, below, color=color, alpha=alpha, label=name, linewidth=0)
            below = [low + share for low, share in zip(below, shares[name], strict=True)]
        every = -(-len(known) // (14 if canvas.wide else 9))
        canvas.ticks("x", places[::every], [batch(row.batch_size) for row in known[::every]])
        canvas.key()

    largest = {name: max(values) for name, values in shares.items()}
    if largest["loading"] > 0.5:
        caption = (
            f"Drawing the batch takes up to {percent(largest['loading'])} of a step: a faster loader would gain more."
        )
    else:
        name = max(shares, key=lambda name: sum(shares[name]))
        caption = (
            f"The largest part of a step is {PARTS[name][0]}; drawing the batch takes at most "
            f"{percent(largest['loading'])} of it."
        )
    parts = [
        f"{batch(row.batch_size)}: " + ", ".join(f"{name} {percent(shares[name][place])}" for name in PARTS)
        for place, row in enumerate(known)
    ]
    alternative = f"Shares of a step by batch size. {'; '.join(parts)}."
    return Picture("split", "Where the time goes", caption, alternative, draw)
