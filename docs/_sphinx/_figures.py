"""Figures of the pages: drawn in one style, read on a light page and on a dark one, and described to who cannot see."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import _svg
from docutils import nodes
from sphinx.util.logging import getLogger

HERE = Path(__file__).parent
KERNEL = """\
c = get_config()
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.print_figure_kwargs = {"bbox_inches": "tight", "dpi": 288}  # of images in a figure: 4 pixels a point
"""


def place(app: Any, page: nodes.document, name: str) -> None:
    """Ask every picture of a page for its alternative text, and put SVG where the page's colours reach it."""
    for number, image in enumerate(list(page.findall(nodes.image)), 1):
        alternative = str(image.get("alt", "")).strip()
        drawing = _drawing(Path(app.srcdir, image["uri"].lstrip("/")))
        if not (alternative or (drawing and _svg.description(ElementTree.fromstring(drawing)))):
            getLogger(__name__).warning(
                "a figure without an alternative text: say what is seen, in `mystnb: image: alt:` of the cell",
                location=(name, _line(image)),
                type="figures",
            )
        if drawing and app.builder.format == "html":
            element = _svg.inline(drawing, f"figure-{number}", alternative, image.get("width", ""))
            image.replace_self(nodes.raw("", element, format="html"))


def _line(node: nodes.Node | None) -> int | None:
    """Where on the page a node comes from: some know it only of what they stand in."""
    while node is not None and not node.line:
        node = node.parent
    return node.line if node is not None else None


def _drawing(file: Path) -> str:
    """What is in the file, if that is SVG."""
    return file.read_text(encoding="utf-8") if file.suffix == ".svg" else ""


def prepare(app: Any, config: Any) -> None:
    """Have the programs that run the pages draw SVG, in the style of the matplotlibrc beside this file."""
    profile = Path(app.doctreedir, "ipython", "profile_default")
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(KERNEL, encoding="utf-8")
    os.environ["IPYTHONDIR"] = str(profile.parent)
    os.environ["MATPLOTLIBRC"] = str(HERE / "matplotlibrc")


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx through conf.py."""
    app.connect("config-inited", prepare)
    app.connect("doctree-resolved", place)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
