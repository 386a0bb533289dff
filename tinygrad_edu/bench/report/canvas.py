"""Figures as SVG: small, reproducible, and in the colours of the page around them."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import needed
from ..units import log_ticks, powers_of_two
from .colours import ACCENT, GRID, INK, PAPER, SECOND, SOFT
from .svg import trimmed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


SMALL, WIDE = (420, 280), (820, 380)  # points
TEXT = {SMALL: 11.0, WIDE: 12.0}
MARGINS = {SMALL: (53, 12, 38, 48), WIDE: (58, 16, 42, 54)}  # left, right, bottom, top

SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "tinygrad_edu",
    "path.simplify": True,
    "text.parse_math": False,  # a dollar sign is just that
    "text.usetex": False,
    "font.family": ["DejaVu Sans"],  # comes with matplotlib; only for layout, see `FONT`
    "axes.unicode_minus": True,
}


class Canvas:
    """A figure with one pair of axes.

    Args:
        wide: whether it takes the whole width of a page on a large screen, instead of half of it or a phone.

    Attributes:
        wide: as given.
        axes: the axes to draw on.
    """

    def __init__(self, wide: bool = False) -> None:
        figure = needed("matplotlib.figure", "A picture")
        self.wide: bool = wide
        self._size = WIDE if wide else SMALL
        self._text = TEXT[self._size]
        width, height = self._size
        left, right, bottom, top = MARGINS[self._size]
        self._figure = figure.Figure(figsize=(width / 72, height / 72), dpi=72)
        self.axes: Axes = self._figure.add_axes(
            (left / width, bottom / height, 1 - (left + right) / width, 1 - (bottom + top) / height)
        )
        self._inside = width - left - right
        axes = self.axes
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set(color=SOFT, linewidth=0.8)
        axes.tick_params(labelsize=self._text, labelcolor=SOFT, color=SOFT, length=0, pad=5)
        axes.tick_params(axis="x", length=4, width=0.8)
        axes.grid(visible=True, axis="y", color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_offset_text().set_visible(False)

    def label(self, x: str, y: str) -> None:
        """Label the axes; the label of the vertical one stands above it, where it is easy to read."""
        self.axes.set_xlabel(x, color=SOFT, fontsize=self._text, labelpad=5)
        height = self._size[1]
        self._figure.text(
            0.0,
            1 - 6 / height,
            y,
            color=SOFT,
            fontsize=self._text,
            verticalalignment="top",
        )

    def sizes(self, sizes: Sequence[float], values: str, pad: float = 1.25) -> None:
        """Make the horizontal axis one of batch sizes, with ticks at powers of two, and label the other."""
        low, high = min(sizes) / pad, max(sizes) * pad
        self.axes.set_xscale("log", base=2)
        self.axes.set_xlim(low, high)
        ticks = powers_of_two(low, high, 14 if self.wide else 9) or [float(sizes[0])]
        self.ticks("x", ticks, [_short(tick) for tick in ticks])
        self.label("samples in a batch", values)

    def logarithmic(self, values: Sequence[float], text: Callable[[float], str], base: int = 10) -> None:
        """A logarithmic vertical axis around some values, with a few ticks: round numbers, or powers of two."""
        finite = [value for value in values if math.isfinite(value) and value > 0] or [1.0]
        low, high = min(finite), max(finite)
        room = max((high / low) ** 0.08, 1.12)
        low, high = low / room, high * room
        self.axes.set_yscale("log")
        self.axes.set_ylim(low, high)
        ticks = powers_of_two(low, high) if base == 2 else log_ticks(low, high)
        self.ticks("y", ticks, [text(tick) for tick in ticks])

    def linear(self, low: float, high: float, text: Callable[[float], str], axis: str = "y") -> None:
        """A linear axis, with a few round ticks."""
        ticker = needed("matplotlib.ticker", "A picture")
        if not high > low:
            low, high = low - 0.5, high + 0.5
        (self.axes.set_ylim if axis == "y" else self.axes.set_xlim)(low, high)
        ticks = ticker.MaxNLocator(5 if axis == "y" else 6, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        ticks = [float(tick) for tick in ticks if low <= tick <= high]
        self.ticks(axis, ticks, [text(tick) for tick in ticks])

    def ticks(self, axis: str, places: Sequence[float], names: Sequence[str]) -> None:
        """Names at some positions of an axis, "x" or "y", and no other ticks."""
        set_ticks = self.axes.set_xticks if axis == "x" else self.axes.set_yticks
        set_ticks(places, names)
        set_ticks([], minor=True)

    def line(self, x: Any, y: Any, label: str = "", color: str = ACCENT, **more: Any) -> None:
        """A line."""
        more = {"linewidth": 2.0, "solid_capstyle": "round", "label": label or "_", **more}
        self.axes.plot(x, y, color=color, **more)

    def dots(self, x: Any, y: Any, label: str = "", color: str = SECOND, **more: Any) -> None:
        """Round markers with a rim that separates them from lines."""
        more = {"markersize": 7.5, "marker": "o", "markeredgecolor": PAPER, "markeredgewidth": 1.4, **more}
        self.axes.plot(x, y, color=color, linestyle="none", label=label or "_", zorder=4, **more)

    def upright(self, x: float, label: str = "") -> None:
        """A thin vertical line, with a word at its top."""
        self.axes.axvline(x, color=SOFT, linewidth=1.0, dashes=(3, 3), zorder=1)
        if label:
            shift, side = (-5, "right") if self._share(x) > 0.72 else (5, "left")
            across = self.axes.get_xaxis_transform()
            self._word(x, 0.97, label, SOFT, xycoords=across, xytext=(shift, 0), ha=side, va="top")

    def level(self, y: float, label: str, color: str = SOFT, *, at: float = 0.02, below: bool = False) -> None:
        """A thin horizontal line, with a word above or below it, `at` a share of the width."""
        self.axes.axhline(y, color=color, linewidth=1.0, dashes=(3, 3), zorder=1)
        along, side = self.axes.get_yaxis_transform(), "right" if at > 0.5 else "left"
        shift, edge = (-3, "top") if below else (3, "bottom")
        self._word(at, y, label, color, xycoords=along, xytext=(0, shift), ha=side, va=edge)

    def chosen(self, x: float, y: float, text: str, line: float = math.nan) -> None:
        """The main point, with a word under it, on the side away from a vertical line."""
        self.dots([x], [y], color=ACCENT, markersize=10.5)
        side = -1 if line > x or (math.isnan(line) and self._share(x) > 0.8) else 1
        self.say(x, y, text, ACCENT, xytext=(8 * side, -9), va="top", ha="right" if side < 0 else "left")

    def corner(self, text: str, at: float) -> None:
        """A word at the top, at the left end (0) or at the right one (1)."""
        shift, side = (5 - 10 * at, -4), "right" if at > 0.5 else "left"
        self._word(at, 1.0, text, SOFT, xycoords=self.axes.transAxes, xytext=shift, ha=side, va="top")

    def say(self, x: float, y: float, text: str, color: str = INK, **more: Any) -> None:
        """A word at a point, a little away from it."""
        more = {"xytext": (0, 9), "ha": "center", "va": "bottom", "fontweight": "bold", **more}
        self._word(x, y, text, color, **more)

    def key(self) -> None:
        """The legend, in a row above the axes."""
        names = self.axes.get_legend_handles_labels()[1]
        if names:
            self.axes.legend(
                loc="lower left",
                bbox_to_anchor=(-MARGINS[self._size][0] / self._inside, 1.0),
                ncols=len(names),
                frameon=False,
                fontsize=self._text,
                labelcolor=SOFT,
                handlelength=1.3,
                handletextpad=0.5,
                columnspacing=1.3,
                borderpad=0.0,
                borderaxespad=0.9,
            )

    def svg(self, name: str) -> str:
        """The figure as an SVG element; `name` makes its ids unique."""
        needed("matplotlib.backends.backend_svg", "A picture")
        written = io.StringIO()
        self._figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
        return trimmed(written.getvalue(), name, self._size, self._text)

    def _word(self, x: float, y: float, text: str, color: str, **more: Any) -> None:
        """A word, offset by some points from a position."""
        self.axes.annotate(text, (x, y), textcoords="offset points", color=color, fontsize=self._text, **more)

    def _share(self, x: float) -> float:
        """The position of a value along the horizontal axis, from 0 to 1."""
        place = self.axes.transLimits.transform(self.axes.transScale.transform((x, 1.0)))
        return float(place[0])


def svg_of(draw: Callable[[Canvas], None], name: str, *, wide: bool = False) -> str:
    """Draw with `draw`, and return an SVG element; the user's matplotlib settings do not matter."""
    matplotlib = needed("matplotlib", "A picture")
    with matplotlib.rc_context():
        matplotlib.rcParams.update(
            {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith(("backend", "_"))}
        )
        matplotlib.rcParams.update(SETTINGS)
        canvas = Canvas(wide)
        draw(canvas)
        return canvas.svg(name)


def _short(size: float) -> str:
    """A batch size on an axis: 1k for 1024, to save space."""
    if size < 1:
        return f"{size:g}"
    if size >= 2**20:
        return f"{size / 2**20:g}M"
    return f"{size / 1024:g}k" if size >= 8192 else f"{size:g}"
