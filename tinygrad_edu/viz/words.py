"""A graph in words: as lines of text to print, and as the sentence that a screen reader says."""

from __future__ import annotations

from .network import SIGNS, Box, Network, counted

SPOKEN = 12  # boxes up to which a description names each


def as_text(network: Network) -> str:
    """A line for each box: what it is, its shape, what it was computed from, notes."""
    titles = [f"{SIGNS[box.mark]}{_defined(box)}" for box in network.boxes]
    shapes = [box.shape for box in network.boxes]
    widths = max(map(len, titles)), max(map(len, shapes))
    lines = []
    for box, title, shape, sources in zip(network.boxes, titles, shapes, _sources(network), strict=True):
        parts = [f"{title:{widths[0]}}  {shape:{widths[1]}}".rstrip() if not sources else ""]
        if sources:
            parts = [f"{title:{widths[0]}}  {shape:{widths[1]}}{'  ' if widths[1] else ''}from {', '.join(sources)}"]
        parts += [f"[{detail}]" for detail in box.details]
        lines.append("  ".join(parts))
    return "\n".join([f"{summary(network)}:", *lines])


def summary(network: Network) -> str:
    """What the drawing is of, and how large that is."""
    names = [network.boxes[i].reference for i in network.roots if network.boxes[i].named]
    of = f" of {', '.join(names)}" if 0 < len(names) == len(network.roots) <= 4 else ""
    return f"Graph{of} with {counted(network.ops, 'op')} and {counted(network.leaves, 'leaf')}"


def description(network: Network) -> str:
    """One paragraph that stands for the picture."""
    if len(network.boxes) > SPOKEN:
        return f"{summary(network)}. Printed, it is a list of them."
    said = []
    for box, sources in zip(network.boxes, _sources(network), strict=True):
        what = _defined(box) + (f" from {' and '.join(sources)}" if sources else "")
        said.append(", ".join(filter(None, [what, box.shape, *box.details, box.mark])))
    return f"{summary(network)}. {'; '.join(said)}."


def _defined(box: Box) -> str:
    if box.kind == "op":
        return box.title if box.title.startswith(f"{box.reference} = ") else f"{box.reference} = {box.title}"
    return (
        f"{box.reference}: leaf"
        if box.title == box.reference and box.kind == "leaf"
        else box.reference + (box.title.removeprefix("…") if box.kind == "fold" else "")
    )


def _sources(network: Network) -> list[list[str]]:
    """What each box was computed from."""
    found: list[list[str]] = [[] for _ in network.boxes]
    for (start, end), count in network.edges.items():
        reference = network.boxes[end].reference
        found[start] += [reference] * count if count <= 3 else [f"{reference} ({count:,} times)"]
    return found
