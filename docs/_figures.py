"""Figures of the pages: drawn in one style, read on a light page and on a dark one, and described to who cannot see."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import _svg
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.logging import getLogger

HERE = Path(__file__).parent
KERNEL = """\
c = get_config()
c.InlineBackend.figure_formats = {"svg"}
c.InlineBackend.print_figure_kwargs = {"bbox_inches": "tight", "dpi": 288}  # of images in a figure: 4 pixels a point
"""


class Figures(SphinxPostTransform):
    """Asks every picture for its alternative text, and puts SVG into the page, where the page's colours reach it."""

    default_priority = 15  # when myst-nb has chosen how to show an output

    def run(self, **options: Any) -> None:
        """Called once for each page."""
        for number, image in enumerate(list(self.document.findall(nodes.image)), 1):
            alternative = str(image.get("alt", "")).strip()
            drawing = self._drawing(image)
            if not (alternative or (drawing and _svg.description(ElementTree.fromstring(drawing)))):
                getLogger(__name__).warning(
                    "a figure without an alternative text: say what is seen, in `mystnb: image: alt:` of the cell",
                    location=image,
                    type="figures",
                )
            if drawing and self.env.app.builder.format == "html":
                element = _svg.inline(drawing, f"figure-{number}", alternative, image.get("width", ""))
                image.replace_self(nodes.raw("", element, format="html"))

    def _drawing(self, image: nodes.image) -> str:
        """The content of the file, if that is SVG."""
        if not image["uri"].endswith(".svg"):
            return ""
        return Path(self.env.srcdir, image["uri"].lstrip("/")).read_text(encoding="utf-8")


def prepare(app: Any, config: Any) -> None:
    """Have the programs that run the pages draw SVG, in the style of docs/matplotlibrc."""
    profile = Path(app.doctreedir, "ipython", "profile_default")
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "ipython_kernel_config.py").write_text(KERNEL, encoding="utf-8")
    os.environ["IPYTHONDIR"] = str(profile.parent)
    os.environ["MATPLOTLIBRC"] = str(HERE / "matplotlibrc")


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx through conf.py."""
    app.connect("config-inited", prepare)
    app.add_post_transform(Figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
