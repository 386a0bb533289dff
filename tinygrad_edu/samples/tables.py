"""The norms of a model's per-sample gradients as a pandas DataFrame and as a matplotlib heat map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..absent import installed
from .results import in_dtype
from .sample_grads import SampleGrads

ORDERS = 100.0  # from this ratio of the largest norm to the smallest on, colours go by the logarithm
FEW = 0.02  # of the norms, so many may share the darkest colour, lest a single tiny one take the whole scale
GREY = "0.6"  # for a norm that has no place on the scale of colours


def to_frame(grads: Mapping[str, SampleGrads], norms: Any) -> Any:
    """The norms, a row for each sample and a column for each parameter; see `ModelSampleGrads.to_frame`.

    Args:
        grads: the per-sample gradients of each parameter, by name.
        norms: the norms of all parameters together.

    Returns:
        A DataFrame. The index is named "sample"; the last column, "total", is the norm of all parameters together.

    Raises:
        ImportError: if pandas is not installed.

    >>> import tinygrad_edu as tg
    >>> model = tg.nn.Linear(2, 1)
    >>> model(tg.tensor([[3.0, 4.0], [0.0, 0.0]])).squeeze(1).backward(per_sample=True)
    >>> model.sample_grads().to_frame().round(2)
            weight  bias  total
    sample
    0          5.0   1.0    5.1
    1          0.0   1.0    1.0
    """
    pandas = installed("pandas", "to_frame()", "frames")
    columns = [in_dtype(own.norms(), own.dtype) for own in grads.values()]
    columns.append(in_dtype(norms, norms.dtype))
    # By number first: a parameter may be called "total" as well.
    frame = pandas.DataFrame(dict(enumerate(columns)), index=pandas.RangeIndex(len(columns[-1]), name="sample"))
    frame.columns = [*grads, "total"]
    return frame


def plot(grads: Mapping[str, SampleGrads], count: int, ax: Any = None) -> Any:
    """A heat map of the norms, samples across and parameters down; see `ModelSampleGrads.plot`.

    Colours go by the logarithm where the norms differ by a factor of 100 or more. What has no logarithm then
    is grey, and so is what is not finite.

    Args:
        grads: the per-sample gradients of each parameter, by name.
        count: how many samples there are.
        ax: the matplotlib axes to draw on; a new figure without them.

    Returns:
        The axes.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: if there is no sample.

    >>> import tinygrad_edu as tg
    >>> model = tg.nn.Linear(2, 1)
    >>> model(tg.tensor([[3.0, 4.0], [0.0, 0.0]])).squeeze(1).backward(per_sample=True)
    >>> from matplotlib.figure import Figure
    >>> ax = model.sample_grads().plot(Figure().add_subplot())
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['weight', 'bias']
    """
    colors = installed("matplotlib.colors", "plot()", "plots")
    ticker = installed("matplotlib.ticker", "plot()", "plots")
    if not count:
        raise ValueError("plot(): there is no sample to draw: the batch was empty")
    norms = np.stack([np.sqrt(in_dtype(own.squares(), np.float64)) for own in grads.values()])
    if ax is None:
        ax = _new_axes(*norms.shape)
    finite = np.isfinite(norms)
    positive = norms[finite & (norms > 0)]
    low, high = (positive.min(), positive.max()) if positive.size else (0.0, 1.0)
    logarithmic = bool(positive.size) and high >= ORDERS * low
    shown = finite & (norms > 0) if logarithmic else finite
    least = min(float(np.quantile(positive, FEW, method="lower")), high / ORDERS) if logarithmic else 0.0
    scale = colors.LogNorm(least, high) if logarithmic else colors.Normalize(0.0, high)
    image = ax.imshow(
        np.ma.array(norms, mask=~shown),
        norm=scale,
        cmap=installed("matplotlib", "plot()", "plots").colormaps["viridis"].with_extremes(bad=GREY),
        aspect="auto",
        origin="upper",
        interpolation="nearest",
    )
    extend = "min" if least > low else "neither"
    ax.figure.colorbar(image, ax=ax, label="‖gradient‖", pad=0.02, aspect=max(20, len(grads)), extend=extend)
    ax.set_title(_title(norms, shown))
    ax.set_xlabel("sample")
    ax.xaxis.set_major_locator(ticker.MaxNLocator("auto", integer=True, min_n_ticks=1))
    _name_rows(ax, list(grads))
    return ax


def _new_axes(rows: int, columns: int) -> Any:
    """The axes of a new figure with room for so many rows and columns."""
    pyplot = installed("matplotlib.pyplot", "plot()", "plots")
    size = (float(np.clip(3.6 + 0.03 * columns, 4.8, 11.0)), float(np.clip(1.3 + 0.2 * rows, 2.6, 16.0)))
    _, ax = pyplot.subplots(figsize=size, layout="constrained")
    return ax


def _title(norms: Any, shown: Any) -> str:
    hidden = norms[~shown]
    grey = [text for text, there in (("0", hidden == 0), ("not finite", ~np.isfinite(hidden))) if there.any()]
    return "Norms of the samples' gradients" + (f" (grey: {' or '.join(grey)})" if grey else "")


def _name_rows(ax: Any, names: list[str]) -> None:
    """Write the names beside their rows, smaller where there is little room; only some where there is even less."""
    figure = ax.get_figure(root=True)
    height = ax.get_position().height * figure.get_figheight() * 72 / len(names)  # of a row, in points
    size = min(10.0, max(5.0, 0.8 * height))
    step = max(1, int(np.ceil(size / max(height, 0.1))))
    ax.set_yticks(range(0, len(names), step), names[::step], fontsize=size)
