"""Loss curves: losses against steps or epochs."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..absent import installed
from ..engine.graph import array_of

__all__ = ["loss_curve"]


def loss_curve(
    losses: Sequence[float] | Mapping[str, Sequence[float]],
    *,
    every: int = 1,
    smooth: int | None = None,
    label: str | None = None,
    unit: str = "epoch",
    ax: Any = None,
) -> Any:
    """Plot the loss, or several losses, over the epochs or steps of training.

    Args:
        losses: the loss after each epoch or step. For several curves, a dictionary with a sequence for each label.
        every: how many epochs or steps lie between one number and the next.
        smooth: average each number with the ones before it, this many together. The numbers themselves are drawn
            faintly behind the smooth curve.
        label: the name of a single curve in the legend.
        unit: what the horizontal axis counts, such as "epoch" or "step".
        ax: the matplotlib axes to draw on; by default those of a new figure.

    Returns:
        The axes.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: if `losses` is empty or is not a sequence of numbers.

    >>> import tinygrad_edu as tg
    >>> from matplotlib.figure import Figure
    >>> ax = tg.viz.loss_curve([2.3, 1.1, 0.6], ax=Figure().add_subplot())
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('epoch', 'loss')
    """
    several = losses if isinstance(losses, Mapping) else {label or "": losses}
    curves = {str(name): _numbers(str(name), values) for name, values in several.items()}
    if not curves:
        raise ValueError("loss_curve(): there are no losses to draw")
    for name, given in (("every", every), ("smooth", smooth)):
        if given is not None and not operator.index(given) >= 1:
            raise ValueError(f"loss_curve(): {name}={given}, it must be at least 1")
    if ax is None:
        _, ax = installed("matplotlib.pyplot", "loss_curve()", "plots").subplots(
            figsize=(4.6, 2.9), layout="constrained"
        )
    styles = ("-", "--", "-.", ":")  # a colour alone would not tell them apart
    drawn = sum(line.get_alpha() is None for line in ax.lines)  # by earlier calls
    for i, (name, values) in enumerate(curves.items(), drawn):
        x = every * np.arange(1, len(values) + 1)
        colour, style = f"C{i}", styles[i % len(styles)]
        if smooth and smooth > 1:
            ax.plot(x, values, color=colour, alpha=0.3, linewidth=1)
            values = _averaged(values, smooth)
        single = "o" if len(values) == 1 else None
        ax.plot(x, values, color=colour, linestyle=style, linewidth=1.8, label=name or None, marker=single)
    ax.set(xlabel=unit, ylabel="loss")
    ax.spines[["top", "right"]].set_visible(False)
    ax.xaxis.set_major_locator(
        installed("matplotlib.ticker", "loss_curve()", "plots").MaxNLocator(integer=True, steps=[1, 2, 5, 10])
    )
    lowest = min([float(np.nanmin(values)) for values in curves.values() if np.isfinite(values).any()], default=0.0)
    if lowest >= 0:
        ax.update_datalim([(every, 0.0)])  # no fixed limit: the scale may still become a logarithmic one
        ax.lines[-1].sticky_edges.y.append(0.0)
        ax.autoscale_view()
    if any(curves):
        ax.legend(frameon=False)
    return ax


def _numbers(name: str, values: Any) -> Any:
    of = f" of {name!r}" if name else ""
    try:
        found = np.asarray([array_of(value) for value in values])
        if found.dtype.kind in "SU":
            raise TypeError
        found = found.astype(np.float64, casting="unsafe" if found.dtype.kind == "O" else "same_kind")
    except (TypeError, ValueError):
        raise ValueError(
            f"loss_curve(): the losses{of} must be a sequence of numbers, one for each epoch or step: loss.item()"
        ) from None
    if found.ndim != 1 or not found.size:
        raise ValueError(
            f"loss_curve(): the losses{of} have the shape {found.shape}: expected one number for each epoch or step"
        )
    return found


def _averaged(values: Any, count: int) -> Any:
    """The mean of each number and of those before it, at most `count`."""
    count = min(count, len(values))
    with np.errstate(invalid="ignore", over="ignore"):  # of NaN or infinities: only the means that have them are lost
        first = np.cumsum(values[: count - 1]) / np.arange(1, count)
        return np.concatenate([first, np.lib.stride_tricks.sliding_window_view(values, count).mean(axis=1)])
