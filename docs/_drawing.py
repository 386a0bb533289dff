"""Pictures for the pages: a style that reads on light and dark backgrounds, and drawings of graphs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch
from matplotlib_inline.backend_inline import set_matplotlib_formats

from tinygrad_edu.engine.graph import Leaf, Link, Node

INK = "#7d8590"  # text and lines: as far from white as from black
BLUE, ORANGE, GREEN, RED = "#3b82d6", "#dd8026", "#2f9e6e", "#d6504f"


def use_style() -> None:
    """Transparent figures with grey ink, as SVG."""
    set_matplotlib_formats("svg")
    plt.rcParams.update(
        {
            "figure.facecolor": "none",
            "axes.facecolor": "none",
            "savefig.facecolor": "none",
            "legend.framealpha": 0.0,
            "axes.prop_cycle": plt.cycler(color=[BLUE, ORANGE, GREEN, RED]),
            **dict.fromkeys(["text.color", "axes.labelcolor", "axes.edgecolor"], INK),
            **dict.fromkeys(["xtick.color", "ytick.color", "grid.color"], INK),
            "legend.labelcolor": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "font.size": 10,
            "svg.fonttype": "path",
            "figure.dpi": 100,
        }
    )


def label(link: Link) -> str:
    """The op of a node; a leaf is just a leaf."""
    return link.op.name if isinstance(link, Node) else "leaf"


def draw_graph(
    roots: Iterable[Link],
    ax: Axes | None = None,
    *,
    names: Mapping[Link, str] | None = None,
    notes: Mapping[Link, str] | None = None,
    active: Link | None = None,
    done: Iterable[Link] = (),
) -> None:
    """Draw a graph with its roots on top and an arrow for every link.

    Args:
        roots: where the graph is entered.
        ax: where to draw; a new figure if None.
        names: what to write behind the op, in the box.
        notes: what to write beside the box.
        active: the link to draw in orange.
        done: links to draw in green.
    """
    names, notes, done = names or {}, notes or {}, set(done)
    depth = _depths(list(roots))
    rows: dict[int, list[Link]] = {}
    for link, level in depth.items():
        rows.setdefault(level, []).append(link)
    place = {}
    for level, row in rows.items():
        place.update((link, (1.6 * (i - (len(row) - 1) / 2), -level)) for i, link in enumerate(row))
    if ax is None:
        width = max(len(row) for row in rows.values())
        _, ax = plt.subplots(figsize=(1.5 + 1.5 * width, 0.4 + 0.8 * len(rows)))
    for link in place:
        if isinstance(link, Node):
            sources = [s for s in link.inputs if s is not None]
            for i, source in enumerate(sources):
                twins = [j for j, s in enumerate(sources) if s is source]
                bend = 0.0 if len(twins) == 1 else 0.35 * (1 if twins.index(i) else -1)
                ax.add_patch(_arrow(place[link], place[source], bend))
    for link, (x, y) in place.items():
        colour = ORANGE if link is active else GREEN if link in done else BLUE if isinstance(link, Leaf) else INK
        text = label(link) + (f"  {names[link]}" if link in names else "")
        style = "round,pad=0.35" if isinstance(link, Leaf) else "square,pad=0.35"
        box: dict[str, Any] = {"boxstyle": style, "facecolor": "none", "edgecolor": colour, "linewidth": 1.6}
        ax.text(x, y, text, ha="center", va="center", bbox=box, color=colour)
        if link in notes:
            ax.text(x + 0.52, y, notes[link], ha="left", va="center", fontsize=8.5, color=colour)
    xs = [x for x, _ in place.values()]
    ax.set_xlim(min(xs) - 0.7, max(xs) + (1.45 if notes else 0.7))
    ax.set_ylim(-max(depth.values()) - 0.45, 0.45)
    ax.axis("off")


def _depths(roots: list[Link]) -> dict[Link, int]:
    """The longest way from a root to each link."""
    depth: dict[Link, int] = dict.fromkeys(roots, 0)
    stack = list(roots)
    while stack:
        link = stack.pop()
        for source in link.inputs if isinstance(link, Node) else ():
            if source is not None and depth.get(source, -1) <= depth[link]:
                depth[source] = depth[link] + 1
                stack.append(source)
    return depth


def _arrow(start: tuple[float, float], end: tuple[float, float], bend: float) -> FancyArrowPatch:
    return FancyArrowPatch(
        start,
        end,
        connectionstyle=f"arc3,rad={bend}",
        arrowstyle="-|>",
        mutation_scale=11,
        shrinkA=14,
        shrinkB=14,
        color=INK,
        linewidth=1.1,
    )
