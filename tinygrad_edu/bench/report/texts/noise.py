"""The noise scale along a training run, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from ...advice.noise import Checkpoint
from ...units import number
from ..table import Table


def noise_table(title: str, checkpoints: Sequence[Checkpoint], note: str) -> Table:
    """The checkpoints of a training run."""
    headings = ("step", "loss", "tr Σ", "|G|²", "smoothed noise scale")
    rows = [
        (number(mark.step), number(mark.loss), number(mark.trace), number(mark.signal), number(mark.smoothed))
        for mark in checkpoints
    ]
    return Table(title, headings, rows, note, long=True)
