"""SVG made small, and in colours that follow the page."""

import re
from xml.etree import ElementTree

import pytest

pytest.importorskip("matplotlib")

from tinygrad_edu.bench.report.canvas import Canvas, svg_of
from tinygrad_edu.bench.report.colours import ACCENT, DARK
from tinygrad_edu.bench.report.svg import inline, standalone

SVG = "{http://www.w3.org/2000/svg}"


def draw(on: Canvas) -> None:
    on.sizes([1, 4096], "<b>$x$</b> & more")
    on.logarithmic([1e-4, 3e-2], lambda value: f"{value:g} s")
    on.line([1, 64, 4096], [1e-4, 1e-3, 3e-2], "predicted")
    on.dots([1, 64], [2e-4, 1e-3], "measured")
    on.upright(64, "B*")
    on.level(1e-3, "limit")
    on.say(64, 1e-3, "take 64")
    on.key()


def test_every_colour_is_a_variable_with_a_fallback() -> None:
    svg = svg_of(draw, "a")
    assert set(re.findall(r"var\((--\w+), #[0-9a-f]{6}\)", svg)) >= {
        "--ink",
        "--soft",
        "--grid",
        "--accent",
        "--second",
    }
    assert "#" not in re.sub(r'var\(--\w+, #[0-9a-f]{6}\)|url\(#a-\w+\)|href="#a-\w+"|', "", svg)
    assert "black" not in svg


def test_ids_of_two_pictures_are_apart_and_each_is_used() -> None:
    one, other = svg_of(draw, "one"), svg_of(draw, "other")
    ids = re.findall(r' id="([^"]+)"', one + other)
    assert len(ids) == len(set(ids)) > 0
    assert all(f"#{name}" in one + other for name in ids)


def test_a_translucent_area_stays_translucent() -> None:
    def area(on: Canvas) -> None:
        on.axes.fill_between([1, 2], [1, 1], [2, 3], color=ACCENT, alpha=0.25, linewidth=0)
        on.dots([1], [1], alpha=0.5)

    assert re.search(r"<use[^>]*fill-opacity: 0.25", svg_of(area, "a"))
    assert re.search(r"<use[^>]*fill: var\(--second[^>]*opacity: 0.5", svg_of(area, "a"))


def test_a_page_that_sets_the_colours_needs_no_fallbacks() -> None:
    assert "#" not in re.sub(r'url\(#a-\w+\)|href="#a-\w+"', "", inline(svg_of(draw, "a")))


def test_it_is_small_and_has_nothing_from_elsewhere() -> None:
    svg = svg_of(draw, "a")
    assert len(svg) < 12_000
    assert re.findall(r"https?://[^\"]*", svg) == ["http://www.w3.org/2000/svg"]
    for tag in ("<metadata", "<style", "<!--", "<g>", "date"):
        assert tag not in svg


def test_coordinates_have_at_most_one_decimal() -> None:
    paths = re.findall(r' d="([^"]*)"', svg_of(draw, "a"))
    assert paths
    assert not any(re.search(r"\.\d\d", path) for path in paths)


def test_a_file_of_its_own_has_a_title_a_size_and_both_colour_schemes() -> None:
    file = standalone(svg_of(draw, "a"), "Time & <more>")
    root = ElementTree.fromstring(file)
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == "Time & <more>"
    assert root.attrib["width"].isdigit()
    assert "prefers-color-scheme:dark" in file
    assert DARK["--paper"] in file
