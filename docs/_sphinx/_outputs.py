"""What cells print: text is wrapped on a narrow screen, a table is not."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

WIDEST = 100  # columns: what is wider is no table, but a sentence or two


def is_table(text: str) -> bool:
    """Whether the lines of a text are rows of a table: most of them have gaps.

    >>> is_table("batch   rate\\n   32   0.1\\n")
    True
    >>> is_table("the gradient is wrong\\n  worst: x[4, 0]  analytic 12.2  numeric -1.4\\nnote: no parameters\\n")
    False
    """
    lines = [line for line in text.splitlines() if line.strip()]
    rows = sum(1 for line in lines if re.search(r"\S {2,}\S", line))
    return len(lines) > 1 and 2 * rows > len(lines) and max(map(len, lines)) <= WIDEST


def mark(app: Any, page: nodes.document, name: str) -> None:
    """Give the tables among the outputs a class, for pages.css."""
    for block in page.findall(nodes.literal_block):
        if "output" in block["classes"] and is_table(block.astext()):
            block["classes"].append("columns")


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx through conf.py."""
    app.connect("doctree-resolved", mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
