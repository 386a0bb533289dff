"""A drawing of a graph as SVG, in the text colour of the page that it stands in."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from html import escape

from .colours import BLUE, GREEN, ORANGE
from .layers import Layout, Point
from .network import Box, Network

FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SIZE, LETTER, LINE = 13.0, 7.9, 18.0  # of the text; a letter of these fonts is 0.6 as wide as it is high
MARGIN = 6.0
STYLES = {
    "active": f'stroke="{ORANGE}" stroke-width="3" fill="{ORANGE}" fill-opacity="0.14"',
    "done": f'stroke="{GREEN}" stroke-width="1.5" fill="{GREEN}" fill-opacity="0.14"',
    "leaf": f'stroke="{BLUE}" stroke-width="1.5" fill="{BLUE}" fill-opacity="0.12"',
    "fold": 'stroke="currentColor" stroke-width="1" stroke-dasharray="4 3" fill="none"',
    "op": 'stroke="currentColor" stroke-width="1.2" fill="none"',
}


def size_of(box: Box) -> Point:
    """The width and the height that a box needs for its lines."""
    columns = max(sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line) for line in box.lines)
    return LETTER * columns + 20, LINE * len(box.lines) + 10


def as_svg(network: Network, layout: Layout, description: str) -> str:
    """The SVG element.

    Args:
        network: what to draw.
        layout: where.
        description: what a screen reader says of it.
    """
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    many = [(a, b) for (a, b), count in network.edges.items() if count > 3]
    parts = [_line(curve) for curve in layout.curves]
    parts += [_line(curve) + _head(curve) for curve in layout.arrows]
    parts += [_box(box, at) for box, at in zip(network.boxes, layout.middles, strict=True)]
    parts += [_times(network.edges[edge], layout.middles[edge[0]], layout.middles[edge[1]]) for edge in many]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(description)}" '
        f'width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-MARGIN:g} {-MARGIN:g} {width:.1f} {height:.1f}" font-family="{FONT}" font-size="{SIZE:g}" '
        f'text-anchor="middle" fill="currentColor">\n' + "\n".join(parts) + "\n</svg>"
    )


def _line(curve: Sequence[Point]) -> str:
    (x, y), *rest = curve
    path = f"M{x:.1f} {y:.1f}C" + " ".join(f"{x:.1f} {y:.1f}" for x, y in rest)
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.2" stroke-opacity="0.75"/>'


def _head(curve: Sequence[Point]) -> str:
    """The head of the arrow at the end of a curve."""
    x, y = curve[-1]
    before = next(((a, b) for a, b in reversed(curve) if (a, b) != (x, y)), (x, y - 1))
    angle = math.atan2(y - before[1], x - before[0])
    corners = [(x - 9 * math.cos(angle + turn), y - 9 * math.sin(angle + turn)) for turn in (-0.4, 0.4)]
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in [(x, y), *corners])
    return f'<polygon points="{path}"/>'


def _box(box: Box, middle: Point) -> str:
    (width, height), (x, y) = size_of(box), middle
    style = STYLES[box.mark or box.kind]
    corner = height / 2.2 if box.kind == "leaf" else 2
    first = y - LINE * (len(box.lines) - 1) / 2 + SIZE * 0.35
    texts = [
        f'<text x="{x:.1f}" y="{first + LINE * k:.1f}"{_weight(k)}>{escape(line)}</text>'
        for k, line in enumerate(box.lines)
    ]
    rectangle = (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{corner:.1f}" {style}/>'
    )
    title = f"<title>{escape(', '.join([*box.lines, *([box.dtype] if box.dtype else [])]))}</title>"
    return f"<g>{title}{rectangle}{''.join(texts)}</g>"


def _weight(line: int) -> str:
    return "" if line else ' font-weight="600"'


def _times(count: int, start: Point, end: Point) -> str:
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    return f'<text x="{x + 8:.1f}" y="{y:.1f}" text-anchor="start">{count:,} ×</text>'
