"""A layout in layers, top down, for when Graphviz is not there.

The steps are those of K. Sugiyama, S. Tagawa, M. Toda, "Methods for Visual Understanding of Hierarchical System
Structures" (1981): each box below all that use it, long edges through a point in each layer that they pass, fewer
crossings by sorting each layer by its neighbours, and then places as near to the neighbours as there is room.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

Point = tuple[float, float]

GAP, LEVEL = 22.0, 34.0  # between boxes side by side, and between layers
SWEEPS, MANY = 12, 3000  # times that the layers are gone through, but 2 for so many edges that nobody could follow them


@dataclass
class Layout:
    """Where things are: the middle of each box, and Bézier curves: a point, then three for each piece."""

    width: float
    height: float
    middles: list[Point]
    curves: list[list[Point]]  # without an arrow at their end
    arrows: list[list[Point]]  # with one


@dataclass
class _Layers:
    """Boxes and points sorted into layers, and the links between those in neighbouring layers."""

    rows: list[list[int]]
    widths: list[float]  # of boxes, then of points
    # The neighbours of each, in the order in which they were met; the values say nothing.
    above: dict[int, dict[int, None]] = field(default_factory=dict)
    below: dict[int, dict[int, None]] = field(default_factory=dict)
    ways: dict[tuple[int, int], int] = field(default_factory=dict)  # edge -> where it leads first: a box or a point


def in_layers(sizes: Sequence[Point], edges: Mapping[tuple[int, int], int]) -> Layout:
    """A layout of boxes of these sizes.

    Args:
        sizes: width and height of each box, each box before those that edges from it lead to.
        edges: from box to box, with how many lines to draw.
    """
    layers = _layered(sizes, edges)
    _untangle(layers)
    xs = _places(layers)
    heights = [max(sizes[i][1] for i in row if i < len(sizes)) for row in layers.rows]
    tops = list(accumulate(heights[:-1], lambda top, height: top + height + LEVEL, initial=0.0))
    level = {i: r for r, row in enumerate(layers.rows) for i in row}
    middles = [(xs[i], tops[level[i]] + sizes[i][1] / 2) for i in range(len(sizes))]
    curves, arrows = _curves(layers, edges, sizes, xs, level, tops, heights)
    width = max(xs[i] + layers.widths[i] / 2 for i in range(len(xs)))
    return Layout(width, tops[-1] + heights[-1], middles, curves, arrows)


def levels(count: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """The layer of each of so many boxes: the longest way that leads there, where no edge leads to a box before."""
    level = [0] * count
    for start, end in sorted(edges):
        level[end] = max(level[end], level[start] + 1)
    return level


def _layered(sizes: Sequence[Point], edges: Mapping[tuple[int, int], int]) -> _Layers:
    level = levels(len(sizes), edges)
    rows: list[list[int]] = [[] for _ in range(max(level) + 1)]
    for i, at in enumerate(level):
        rows[at].append(i)
    layers = _Layers(rows, [width for width, _ in sizes])
    points: dict[tuple[int, int], int] = {}  # shared by all edges that lead to one box
    for start, end in edges:
        before = start
        for at in range(level[start] + 1, level[end]):
            new = (end, at) not in points
            if new:
                points[end, at] = len(layers.widths)
                layers.widths.append(0.0)
                rows[at].append(points[end, at])
            _link(layers, before, points[end, at])
            before = points[end, at]
            if not new:
                break  # the way from there is known
        else:
            _link(layers, before, end)
        layers.ways[start, end] = points.get((end, level[start] + 1), end)
    return layers


def _link(layers: _Layers, start: int, end: int) -> None:
    layers.below.setdefault(start, {})[end] = None
    layers.above.setdefault(end, {})[start] = None


def _untangle(layers: _Layers) -> None:
    """Sort the layers so that few edges cross: the best order that was met while sorting each by its neighbours."""
    best, fewest = [list(row) for row in layers.rows], _crossings(layers)
    for sweep in range(_sweeps(layers)):
        if not fewest:
            break
        down = sweep % 2 == 0
        near = layers.above if down else layers.below
        for r in range(len(layers.rows))[:: 1 if down else -1]:
            beside = layers.rows[r - 1 if down else (r + 1) % len(layers.rows)]
            rank = {i: k for k, i in enumerate(beside)}
            wanted = {
                i: _mean([rank[j] for j in near.get(i, ()) if j in rank], k) for k, i in enumerate(layers.rows[r])
            }
            layers.rows[r].sort(key=wanted.__getitem__)
        if (count := _crossings(layers)) < fewest:
            best, fewest = [list(row) for row in layers.rows], count
    layers.rows[:] = best


def _sweeps(layers: _Layers) -> int:
    return SWEEPS if sum(map(len, layers.below.values())) < MANY else 2


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _crossings(layers: _Layers) -> int:
    total = 0
    for upper, lower in zip(layers.rows, layers.rows[1:], strict=False):
        rank = {i: k for k, i in enumerate(lower)}
        ended: list[int] = []  # sorted: where the edges from boxes further left lead
        for i in upper:
            ends = sorted([rank[j] for j in layers.below.get(i, ())])
            total += sum([len(ended) - bisect_right(ended, end) for end in ends])
            for end in ends:
                insort(ended, end)
    return total


def _places(layers: _Layers) -> list[float]:
    """The x of each box and point: near the mean of its neighbours, as far as those beside it leave room."""
    xs = [0.0] * len(layers.widths)
    for row in layers.rows:
        _put(row, [0.0] * len(row), layers.widths, xs)
    for sweep in range(_sweeps(layers)):
        for row in layers.rows if sweep % 2 == 0 else layers.rows[::-1]:
            sides = [[*layers.above.get(i, ()), *layers.below.get(i, ())] for i in row]
            _put(
                row,
                [_mean([xs[j] for j in near], xs[i]) for i, near in zip(row, sides, strict=True)],
                layers.widths,
                xs,
            )
    left = min(x - width / 2 for x, width in zip(xs, layers.widths, strict=True))
    return [x - left for x in xs]


def _put(row: Sequence[int], wanted: Sequence[float], widths: Sequence[float], xs: list[float]) -> None:
    """The places nearest to those wanted, in the least squares sense, that keep the order and the gaps.

    Less the room that those before take, the places have to increase: pool adjacent violators.
    """
    room, used = [], 0.0
    for k, i in enumerate(row):
        used += (widths[row[k - 1]] + widths[i]) / 2 + GAP if k else 0.0
        room.append(used)
    blocks: list[tuple[float, int]] = []  # mean, how many
    for target, taken in zip(wanted, room, strict=True):
        mean, count = target - taken, 1
        while blocks and blocks[-1][0] > mean:
            other, more = blocks.pop()
            mean, count = (mean * count + other * more) / (count + more), count + more
        blocks.append((mean, count))
    start = 0
    for mean, count in blocks:
        for k in range(start, start + count):
            xs[row[k]] = mean + room[k]
        start += count


def _curves(
    layers: _Layers,
    edges: Mapping[tuple[int, int], int],
    sizes: Sequence[Point],
    xs: Sequence[float],
    level: Mapping[int, int],
    tops: Sequence[float],
    heights: Sequence[float],
) -> tuple[list[list[Point]], list[list[Point]]]:
    """The lines, first those that end at a point on the way, then those that end at a box."""
    count = {(i, j): 1 for i, near in layers.below.items() for j in near}
    for (start, end), lines in edges.items():  # of a long edge, the lines come together at its first point
        count[start, layers.ways[start, end]] = lines
    out = _ports(layers.below, count, sizes, xs, True)
    into = _ports(layers.above, count, sizes, xs, False)
    curves: list[list[Point]] = []
    arrows: list[list[Point]] = []
    for (i, j), lines in count.items():
        top = tops[level[i]] + (sizes[i][1] if i < len(sizes) else heights[level[i]])
        bottom = tops[level[j]]
        for k in range(lines):
            a, b = out[i, j][k], into[i, j][k]
            curve = [(a, top), (a, (top + bottom) / 2), (b, (top + bottom) / 2), (b, bottom)]
            if j >= len(sizes):
                down = bottom + heights[level[j]]
                curve += [(b, bottom), (b, down), (b, down)]
            (arrows if j < len(sizes) else curves).append(curve)
    return curves, arrows


def _ports(
    near: Mapping[int, Iterable[int]],
    count: Mapping[tuple[int, int], int],
    sizes: Sequence[Point],
    xs: Sequence[float],
    out: bool,
) -> dict[tuple[int, int], list[float]]:
    """Where lines leave a box or enter it: side by side, in the order of where they lead."""
    ports: dict[tuple[int, int], list[float]] = {}
    for i, others in near.items():
        keys = [(i, j) if out else (j, i) for j in sorted(others, key=xs.__getitem__)]
        total = sum(count[key] for key in keys)
        step = min(16.0, (sizes[i][0] - 16) / total) if i < len(sizes) else 0.0
        at = 0
        for key in keys:
            ports[key] = [xs[i] + step * (at + k - (total - 1) / 2) for k in range(count[key])]
            at += count[key]
    return ports
