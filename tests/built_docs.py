"""The pages of the documentation, as they are written and as they are built."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
HTML = DOCS / "_build" / "html"
HIDING = {"remove-cell", "remove-input"}

EXTENSIONS = DOCS / "_sphinx"
sys.path.insert(0, str(EXTENSIONS))


@dataclass(frozen=True)
class Cell:
    """Code on a page that runs at every build."""

    code: str
    line: int  # of the page, where it begins
    tags: tuple[str, ...]  # with hyphens; MyST-NB knows most with underscores as well
    hidden: bool  # whether no reader sees it


@cache
def pages() -> dict[str, str]:
    """The text of every page that is written by hand, by the name of its file without the ending."""
    found = sorted([*DOCS.glob("*.md"), *DOCS.glob("api/*.md"), *DOCS.glob("design/*.md")])
    return {str(path.relative_to(DOCS).with_suffix("")): path.read_text(encoding="utf-8") for path in found}


@cache
def cells(page: str) -> tuple[Cell, ...]:
    """The code of a page; there is none on one that is not a notebook."""
    from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook

    text = pages()[page]
    if not is_myst_markdown_notebook(text):
        return ()
    read = read_myst_markdown_notebook(text, add_source_map=True)
    off = bool(read.metadata.get("mystnb", {}).get("remove_code_source"))
    return tuple(
        _cell(cell, start, text, off)
        for cell, start in zip(read.cells, read.metadata["source_map"], strict=True)
        if cell.cell_type == "code"
    )


def _cell(cell: Any, start: int, text: str, off: bool) -> Cell:
    tags = cell.metadata.get("tags", [])
    tags = tuple(tag.replace("_", "-") for tag in ([tags] if isinstance(tags, str) else tags))
    off = bool(cell.metadata.get("mystnb", {}).get("remove_code_source", off))
    lines = text.splitlines()
    first = cell.source.split("\n")[0]
    line = next((i for i in range(start, len(lines)) if lines[i] == first), start)  # behind the options
    return Cell(cell.source, line + 1, tags, off or bool(HIDING & set(tags)))


def prose(page: str) -> str:
    """A page without the code and other blocks in it."""
    return re.sub(r"^(`{3,})[^`\n]*\n.*?^\1$", "", pages()[page], flags=re.MULTILINE | re.DOTALL)


def needs_the_build() -> pytest.MarkDecorator:
    """For what looks at the built pages."""
    return pytest.mark.skipif(not (HTML / "searchindex.js").exists(), reason="the pages are not built: make docs")
