"""Formulas of the documentation, as MathML."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

DOCS = Path(__file__).parents[2] / "docs"
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(DOCS / "_sphinx")
    _math = pytest.importorskip("_math", reason="the sources of the documentation are not here")


def shape(tex: str) -> str:
    """The elements and letters of a formula."""
    root = ElementTree.fromstring(_math.mathml(tex, False).replace("&ApplyFunction;", "\u2061"))

    def written(element: ElementTree.Element) -> str:
        inside = (element.text or "").strip() + " ".join(written(child) for child in element)
        return f"{element.tag.rpartition('}')[2]}({inside})"

    return " ".join(written(child) for child in root)


@pytest.mark.parametrize("tex", [r"\lVert w \rVert^2", r"{\lVert w \rVert}^2"])
def test_a_norm_is_squared_with_both_its_bars(tex: str) -> None:
    assert re.fullmatch(r"msup\((mrow\()+mo\(‖\) mi\(w\) mo\(‖\)\)+ mn\(2\)\)", shape(tex))


def test_bars_stretch_to_what_is_between_them_only() -> None:
    assert shape(r"\frac ab \lVert w \rVert") == "mfrac(mi(a) mi(b)) mrow(mo(‖) mi(w) mo(‖))"


def test_bars_of_a_size_of_their_own_stay() -> None:
    assert shape(r"\Bigl\lVert w \Bigr\rVert^2") == "msup(mrow(mo(‖) mi(w) mo(‖)) mn(2))"


def test_two_digits_are_a_fraction() -> None:
    assert shape(r"\tfrac12 x") == shape(r"\tfrac{1}{2} x") == "mfrac(mn(1) mn(2)) mi(x)"


def test_a_function_stands_apart_from_its_argument() -> None:
    assert shape(r"\log x") == "mi(log) mo(\u2061) mspace() mi(x)"
    assert "mspace" not in shape(r"\log(x)")
