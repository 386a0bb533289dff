"""Formulas as MathML, which browsers draw themselves: no script, nothing to fetch."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

# Two bars or angles that belong together. Without braces, an exponent raises the closing one alone, and both stretch
# to the height of the formula around them. Those with a size of their own (\Bigl\lVert) stay.
_PAIRS = [(r"\lVert", r"\rVert"), (r"\lvert", r"\rvert"), (r"\langle", r"\rangle")]
_PAIRED = [
    re.compile(
        rf"(?<!left)(?<![bB]igl)(?<!iggl){re.escape(left)}\b((?:(?!{re.escape(left)}).)*?){re.escape(right)}\b", re.S
    )
    for left, right in _PAIRS
]
_DIGITS = re.compile(r"(\\[td]?frac)\s*(\d)(\d)")  # read as one number of two digits
_FUNCTION = re.compile(r"(<mo>(?:&ApplyFunction;|\u2061)</mo>)(?!\s*<mo[^>]*>\()")


def mathml(tex: str, as_block: bool) -> str:
    """A formula as docutils makes it, with what it gets wrong put right.

    >>> mathml(r"\\lVert w \\rVert^2", False).count("<mrow>")
    1
    """
    for pair in _PAIRED:
        tex = pair.sub(lambda found: "{" + found[0] + "}", tex)
    tex = _DIGITS.sub(r"\1{\2}{\3}", tex)
    # A thin space between the name of a function and an argument without parentheses: log x.
    return _FUNCTION.sub(r'\1<mspace width="0.1667em"></mspace>', tex2mathml(tex, as_block=as_block))


def inline(writer: Any, node: Any) -> None:
    """A formula in a line of text."""
    writer.body.append(mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def display(writer: Any, node: Any) -> None:
    """A formula on a line of its own."""
    writer.body.append('<div class="math">' + mathml(node.astext(), as_block=True) + "</div>\n")
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Called by Sphinx through conf.py."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
