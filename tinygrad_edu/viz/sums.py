"""Opened sums: the gradient of one weight as a bar for what each sample adds, and the sum."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..absent import installed
from ..engine.graph import array_of
from ..errors import type_name
from ..samples.explanation import Explanation, in_words
from .colours import BLUE, GREY, ORANGE

__all__ = ["sum_bars"]

ROW, WIDTH = 0.34, 4.6  # inches: the height of a row, and the width of a figure, which fits on a phone
PICTURE = 21.0  # points: the size of a sample's picture
LONG = 30  # letters of a name, of which the end is shown


@dataclass
class _Bar:
    """One row of the picture."""

    name: str
    term: float
    image: Any = None
    grey: bool = False  # neither a sample nor the total


def sum_bars(
    explanation: Explanation,
    *,
    images: Any = None,
    labels: Sequence[Any] | None = None,
    limit: int = 12,
    ax: Any = None,
) -> Any:
    """Draw the gradient of one weight as a sum: one bar for each sample, and the total below.

    A blue bar to the right shows a sample that makes the number in `.grad` larger. An orange bar to the left shows
    one that makes it smaller. Each bar is labelled with its number, and the last row is the number in `.grad`.

    Args:
        explanation: the result of ``sample_grads.explain(index)``.
        images: an image for each sample, in the order of the batch: an array of shape (N, H, W), (N, C, H, W) with 1
            or 3 channels, or (N, H·W) for square images.
        labels: a label for each sample, in the order of the batch; by default those given to `explain`.
        limit: how many samples get a bar of their own. These are the ones that add most; the others share a bar.
        ax: the matplotlib axes to draw on; by default those of a new figure.

    Returns:
        The axes.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: if the batch is empty, or there is not one image or label for each sample.

    >>> import tinygrad_edu as tg
    >>> from matplotlib.figure import Figure
    >>> w = tg.zeros(1, requires_grad=True)
    >>> (tg.tensor([[1.0], [-3.0]]) @ w).backward(per_sample=True)
    >>> ax = tg.viz.sum_bars(w.sample_grads.explain(0), labels=["cat", "dog"], ax=Figure().add_subplot())
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['dog', 'cat', 'sum']
    """
    if not isinstance(explanation, Explanation):
        raise TypeError(
            f"sum_bars(): expected the result of w.sample_grads.explain(index), got {type_name(explanation)}"
        )
    if operator.index(limit) < 1:
        raise ValueError(f"sum_bars(): limit={limit}, it must be at least 1")
    bars = _bars(explanation, images, labels, limit)
    if ax is None:
        pyplot = installed("matplotlib.pyplot", "sum_bars()", "plots")
        _, ax = pyplot.subplots(figsize=(WIDTH, 0.75 + ROW * (len(bars) + 2)), layout="constrained")
    _draw(ax, bars, explanation)
    if images is not None:
        _add_images(ax, bars)
    return ax


def _bars(explanation: Explanation, images: Any, labels: Sequence[Any] | None, limit: int) -> list[_Bar]:
    count = len(explanation.rows)
    if not count:
        raise ValueError("sum_bars(): there is no sample to draw: the batch was empty")
    pictures = None if images is None else _pictures(images, count)
    names: dict[int, str | None] = {row.sample: row.label for row in explanation.rows}
    if labels is not None:
        names = dict(enumerate(in_words(labels, count, "sum_bars()")))
    shown = explanation.rows if count <= limit + 1 else explanation.rows[:limit]
    bars = [
        _Bar(
            f"sample {row.sample}" if names[row.sample] is None else f"{names[row.sample]}",
            row.term,
            None if pictures is None else pictures[row.sample],
        )
        for row in shown
    ]
    if hidden := explanation.rows[len(shown) :]:
        bars.append(_Bar(f"{len(hidden)} others", sum([row.term for row in hidden]), grey=True))
    if explanation.shared:
        bars.append(_Bar("other terms", explanation.shared, grey=True))
    return bars


def _pictures(images: Any, count: int) -> Any:
    """The images as an array of shape (N, H, W), or (N, H, W, 3) with colours between 0 and 1."""
    try:
        found = np.asarray(array_of(images))
    except ValueError:
        raise ValueError("sum_bars(): the images must all have the same shape") from None
    if found.dtype.kind not in "biuf":
        raise TypeError(f"sum_bars(): images must be numbers, got dtype {found.dtype}")
    if found.ndim and len(found) != count:
        raise ValueError(f"sum_bars(): {len(found)} images for {count} samples, there must be one for each")
    side = math.isqrt(found.shape[1]) if found.ndim == 2 else 0
    if found.ndim == 2 and side * side == found.shape[1]:
        found = found.reshape(count, side, side)
    if found.size and found.ndim == 4 and found.shape[1] in (1, 3):
        found = np.moveaxis(found, 1, -1)
        if found.shape[-1] == 1:
            return found[..., 0]
        known = np.isfinite(found)
        low, high = float(found.min(initial=0, where=known)), float(found.max(initial=0, where=known))
        return (np.where(known, found, low) - low) / ((high - low) or 1.0)
    if found.ndim != 3 or not found.size:
        raise ValueError(
            f"sum_bars(): images have the shape {found.shape}, it must be (N, H, W), (N, 1, H, W), (N, 3, H, W), "
            "or (N, H·W) for square images"
        )
    return found


def _draw(ax: Any, bars: Sequence[_Bar], explanation: Explanation) -> None:
    """The bars and their numbers, the line below them, and the total."""
    total = explanation.total
    values = [bar.term for bar in bars] + [total]
    heights = [*map(float, range(len(bars))), len(bars) + 0.35]
    colours = [GREY if bar.grey else BLUE if bar.term >= 0 else ORANGE for bar in bars] + [GREY]
    finite = [value if math.isfinite(value) else 0.0 for value in values]
    ax.barh(heights, finite, height=0.62, color=colours)
    low, high = min(0.0, *finite), max(0.0, *finite)
    room = 0.42 * ((high - low) or 1.0)  # for the numbers
    ax.set_xlim(low - (room if low < 0 else 0.02 * room), high + (room if high > 0 or not low else 0.02 * room))
    ax.set_ylim(heights[-1] + 1.25, -0.6)
    ax.vlines(0, -0.5, heights[-1] + 0.45, color=GREY, linewidth=1)
    ax.axhline(len(bars) - 0.32, color=GREY, linewidth=1)
    for value, text, y in zip(values, signed(values), heights, strict=True):
        side = "left" if value >= 0 or not math.isfinite(value) else "right"
        place, weight = (value if math.isfinite(value) else 0.0), "bold" if y == heights[-1] else "normal"
        ax.annotate(
            text,
            (place, y),
            (5 if side == "left" else -5, 0),
            textcoords="offset points",
            ha=side,
            va="center",
            weight=weight,
        )
    ax.text(
        0.5,
        heights[-1] + 0.85,
        f"= {place_of(explanation)}",
        transform=ax.get_yaxis_transform(),
        ha="center",
        va="center",
        parse_math=False,  # a $ in a name is just that
    )
    ax.set_yticks(heights, [*[bar.name for bar in bars], "sum"], parse_math=False)
    ax.get_yticklabels()[-1].set_weight("bold")
    ax.tick_params(axis="y", length=0, pad=PICTURE + 9 if any(bar.image is not None for bar in bars) else 6)
    ax.set_xticks([])
    ax.spines[:].set_visible(False)
    ax.set_title(f"what each of {len(explanation.rows)} samples adds", fontsize="medium")


def signed(values: Sequence[float]) -> list[str]:
    """Numbers with their signs, so that no colour is needed to see these: three digits of the largest.

    >>> signed([0.3, -12.0, 0.0, 1e-9])
    ['+0.3', '−12.0', '0', '≈ 0']
    """
    largest = max([abs(value) for value in values if math.isfinite(value)], default=0.0)
    form = f"+.{max(0, 2 - math.floor(math.log10(largest)))}f" if 1e-3 <= largest < 1e6 else "+.2e"
    texts = [f"{value:{form}}".replace("-", "−") if value else "0" for value in values]
    texts = [text.replace("+nan", "NaN") for text in texts]
    return [text if text == "0" or text.strip("+−0.") else "≈ 0" for text in texts]


def place_of(explanation: Explanation) -> str:
    """The number in `.grad` that is explained, as one writes it; of a long name the end."""
    at = f"[{', '.join(map(str, explanation.index))}]" if explanation.index else ""
    name = explanation.name
    if len(name) > LONG:
        name = "…" + name[-LONG:].partition(".")[2] if "." in name[-LONG:] else f"…{name[-LONG:]}"
    return f"{name}.grad{at}"


def _add_images(ax: Any, bars: Sequence[_Bar]) -> None:
    """The pictures, between the labels and the bars."""
    boxes = installed("matplotlib.offsetbox", "sum_bars()", "plots")
    for y, bar in enumerate(bars):
        if bar.image is None:
            continue
        zoom = PICTURE / max(bar.image.shape[:2])
        picture = boxes.OffsetImage(bar.image, zoom=zoom, cmap="gray_r", interpolation="nearest")
        place = boxes.AnnotationBbox(
            picture,
            (0, y),
            (-PICTURE / 2 - 5, 0),
            xycoords=ax.get_yaxis_transform(),
            boxcoords="offset points",
            frameon=True,
            pad=0.08,
            bboxprops={"edgecolor": GREY, "linewidth": 0.8, "facecolor": "none"},
        )
        ax.add_artist(place)
