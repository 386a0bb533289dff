"""A layout by Graphviz, where its program `dot` is installed; and a drawing in its language."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence

from .layers import Layout, Point, levels
from .network import Network

PATIENCE = 20  # seconds; then the layout of our own is taken
FAR = 2000  # layers that all edges pass together: beyond that, `dot` takes long


def program() -> str | None:
    """The path of `dot`; None if it is not installed."""
    return shutil.which("dot")


def by_dot(sizes: Sequence[Point], edges: Mapping[tuple[int, int], int], dot: str) -> Layout | None:
    """The layout that Graphviz makes of boxes of these sizes; None if it fails, or would take too long.

    Args:
        sizes: width and height of each box.
        edges: from box to box, with how many lines to draw.
        dot: the program.
    """
    level = levels(len(sizes), edges)
    if sum(level[end] - level[start] for start, end in edges) > FAR:
        return None
    boxes = [f"{i} [width={w / 72:.4f} height={h / 72:.4f}]" for i, (w, h) in enumerate(sizes)]
    lines = [f"{start} -> {end}" for (start, end), count in edges.items() for _ in range(count)]
    settings = ["nodesep=0.3 ranksep=0.4", 'node [shape=box fixedsize=true label=""]', "edge [arrowhead=none]"]
    source = "\n".join(["digraph {", *settings, *boxes, *lines, "}"])
    try:
        done = subprocess.run(
            [dot, "-Tplain"],
            input=source,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
            encoding="utf-8",
        )
    except (OSError, UnicodeError, subprocess.SubprocessError):
        return None
    try:
        return _read(done.stdout, len(sizes))
    except (ValueError, LookupError):  # it is another program of that name
        return None


def _read(plain: str, count: int) -> Layout:
    """What `dot -Tplain` has written: inches, counted from below."""
    places: dict[int, Point] = {}
    arrows = []
    width = height = 0.0
    for words in map(str.split, filter(str.strip, plain.splitlines())):
        if words[0] == "graph":
            width, height = 72 * float(words[2]), 72 * float(words[3])
        elif words[0] == "node":
            places[int(words[1])] = 72 * float(words[2]), height - 72 * float(words[3])
        elif words[0] == "edge":
            numbers = [72 * float(word) for word in words[4 : 4 + 2 * int(words[3])]]
            arrows.append([(x, height - y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)])
    return Layout(width, height, [places[i] for i in range(count)], [], arrows)


def in_dot(network: Network) -> str:
    """The drawing in Graphviz's language."""
    styles = {"op": "shape=box", "leaf": "shape=box style=rounded", "fold": "shape=box style=dashed"}
    lines = [
        f"  {i} [{styles[box.kind]}{' penwidth=3' if box.mark == 'active' else ''} label={_quoted(box.lines)}]"
        for i, box in enumerate(network.boxes)
    ]
    for (start, end), count in network.edges.items():
        once = count if count <= 3 else 1
        lines += [f"  {start} -> {end}" + ("" if count == once else f' [label="{count} ×"]')] * once
    return "\n".join(["digraph {", *lines, "}"])


def _quoted(lines: Sequence[str]) -> str:
    escaped = [line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    return '"' + "\\n".join(escaped) + '"'
