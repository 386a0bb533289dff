"""The documentation is not built with a figure of which nothing is said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
pytest.importorskip("matplotlib_inline")
pytest.importorskip("myst_nb")

DOCS = Path(__file__).parents[2] / "docs"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{}<path id="p" style="fill: #000000"/></svg>'
CONFIG = f"""
import sys
sys.path.insert(0, {str(DOCS / "_sphinx")!r})
extensions = ["myst_nb", "_figures"]
exclude_patterns = ["build"]
"""


def build(folder: Path, page: str) -> tuple[str, str]:
    """What becomes of a page, and the warnings."""
    (folder / "conf.py").write_text(CONFIG, encoding="utf-8")
    (folder / "index.md").write_text(page, encoding="utf-8")
    (folder / "a.svg").write_text(SVG.format(""), encoding="utf-8")
    (folder / "named.svg").write_text(SVG.format("<title>A square with a name.</title>"), encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(folder), str(folder / "build")]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"NO_COLOR": "1"})
    lines = [line for line in result.stderr.splitlines() if "WARNING: " in line]
    return (folder / "build" / "index.html").read_text(encoding="utf-8"), "\n".join(lines)


def test_figures_stand_in_the_page_each_with_its_ids(tmp_path: Path) -> None:
    html, warnings = build(tmp_path, "# Page\n\n![A black square.](a.svg)\n\n![](named.svg)\n")
    assert warnings == ""
    assert 'aria-label="A black square."' in html
    assert 'aria-label="A square with a name."' in html
    assert html.count('id="figure-1-p"') == html.count('id="figure-2-p"') == 1
    assert "<img" not in html


def test_a_figure_without_words_is_a_warning_that_names_the_line(tmp_path: Path) -> None:
    _, warnings = build(tmp_path, "# Page\n\n![](a.svg)\n")
    assert "index.md:3: WARNING: a figure without an alternative text" in warnings


def test_figures_of_cells_are_svg_in_the_style_of_the_pages(tmp_path: Path) -> None:
    head = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n# Page\n\n"
    code = "import matplotlib.pyplot as plt\n\nplt.plot([1, 2]);\n"
    cell = '```{code-cell} ipython3\n---\nmystnb:\n  image:\n    alt: "A rising line."\n---\n' + code + "```\n"
    silent = "\n```{code-cell} ipython3\n" + code + "```\n"
    html, warnings = build(tmp_path, head + cell + silent)
    assert html.count('<svg viewBox="0 0') == 2
    assert 'aria-label="A rising line."' in html
    assert "stroke: var(--figure-blue)" in html
    assert warnings.count("WARNING: a figure without") == 1
    assert re.search(r"index.md:2\d: WARNING: a figure without an alternative text", warnings)
