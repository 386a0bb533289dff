"""A graph in words: as lines of text to print, and as the sentence that a screen reader says."""

from __future__ import annotations

from .network import SIGNS, Box, Network, counted

SPOKEN = 12  # boxes up to which a description names each


def as_text(network: Network) -> str:
    """A line for each box: what it is, its shape, what it was computed from, notes."""
    titles = [f"{SIGNS[box.mark]}{_defined(box)}" for box in network.boxes]
    shapes = [box.details[0] if box.details and box.details[0].startswith("(") else "" for box in network.boxes]
    widths = max(map(len, titles)), max(map(len, shapes))
    lines = []
    for i, (box, title, shape) in enumerate(zip(network.boxes, titles, shapes, strict=True)):
        sources = _sources(network, i)
        parts = [f"{title:{widths[0]}}  {shape:{widths[1]}}".rstrip() if not sources else ""]
        if sources:
            parts = [f"{title:{widths[0]}}  {shape:{widths[1]}}{'  ' if widths[1] else ''}from {', '.join(sources)}"]
        parts += [f"[{detail}]" for detail in box.details[bool(shape) :]]
        lines.append("  ".join(parts))
    return "\n".join([f"{summary(network)}:", *lines])


def summary(network: Network) -> str:
    """What the drawing is of, and how large that is."""
    references = [network.boxes[i].reference for i in network.roots]
    names = [name for name in references if not name.removeprefix("leaf ").isdigit()]
    of = f" of {', '.join(names)}" if 0 < len(names) == len(network.roots) <= 4 else ""
    return f"Graph{of} with {counted(network.ops, 'op')} and {counted(network.leaves, 'leaf')}"


def description(network: Network) -> str:
    """One paragraph that stands for the picture."""
    if len(network.boxes) > SPOKEN:
        return f"{summary(network)}. Printed, it is a list of them."
    said = []
    for i, box in enumerate(network.boxes):
        sources = _sources(network, i)
        what = _defined(box) + (f" from {' and '.join(sources)}" if sources else "")
        said.append(", ".join([what, *box.details, *([box.mark] if box.mark else [])]))
    return f"{summary(network)}. {'; '.join(said)}."


def _defined(box: Box) -> str:
    if box.kind == "op":
        return box.title if box.title.startswith(f"{box.reference} = ") else f"{box.reference} = {box.title}"
    return (
        f"{box.reference}: leaf"
        if box.title == box.reference and box.kind == "leaf"
        else box.reference + (box.title.removeprefix("…") if box.kind == "fold" else "")
    )


def _sources(network: Network, i: int) -> list[str]:
    found = []
    for (start, end), count in network.edges.items():
        if start == i:
            reference = network.boxes[end].reference
            found += [reference] * count if count <= 3 else [f"{reference} ({count:,} times)"]
    return found
