"""The SVG of a drawing: whole, escaped, and in no colours that a page may not have."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import tinygrad_edu as tg
from tinygrad_edu.viz import colours
from tinygrad_edu.viz.network import Box
from tinygrad_edu.viz.svg import size_of

SVG = "{http://www.w3.org/2000/svg}"


def drawn(**options: object) -> ElementTree.Element:
    a = tg.tensor(3.0, requires_grad=True)
    b = a + a
    c = b * b
    options.setdefault("names", {"a": a, "b": b, "c": c})
    return ElementTree.fromstring(tg.viz.draw_graph(c, layout="layers", **options).svg)  # type: ignore[arg-type]


def texts(svg: ElementTree.Element) -> list[str | None]:
    return [element.text for element in svg.iter(f"{SVG}text")]


def test_a_box_for_each_op_and_leaf_and_an_arrow_for_each_use() -> None:
    svg = drawn()
    assert texts(svg) == ["c = mul", "b = add", "a"]
    assert len(list(svg.iter(f"{SVG}rect"))) == 3
    assert len(list(svg.iter(f"{SVG}polygon"))) == len(list(svg.iter(f"{SVG}path"))) == 4


def test_a_screen_reader_is_told_what_is_seen() -> None:
    svg = drawn()
    assert svg.get("role") == "img"
    assert svg.get("aria-label") == (
        "Graph of c with 2 ops and 1 leaf. c = mul from b and b; b = add from a and a; a: leaf."
    )


def test_ink_is_that_of_the_page_and_nothing_in_it_has_a_name_of_its_own() -> None:
    for svg in (drawn(), drawn(marked={"c": "done", "b": "active"})):
        used = {
            value
            for element in svg.iter()
            for key, value in element.attrib.items()
            if key in ("fill", "stroke", "color")
        }
        assert used <= {"none", "currentColor", colours.BLUE, colours.ORANGE, colours.GREEN}
        assert not any("id" in element.attrib or element.tag.endswith(("style", "marker")) for element in svg.iter())


def test_marks_are_signs_as_well_as_colours() -> None:
    assert texts(drawn(marked={"c": "done", "b": "active"}, notes={"b": "g = 12"}))[:3] == [
        *("✓ c = mul", "▶ b = add"),
        "g = 12",
    ]


def test_names_are_escaped() -> None:
    a = tg.tensor(3.0, requires_grad=True)
    svg = ElementTree.fromstring(tg.viz.draw_graph(a * a, names={'<a> & "b"': a}).svg)
    assert '<a> & "b"' in texts(svg)


def test_many_uses_are_one_line_with_a_number() -> None:
    a = tg.tensor(3.0, requires_grad=True)
    svg = ElementTree.fromstring(tg.viz.draw_graph(tg.stack([a] * 9), layout="layers").svg)
    assert "9 ×" in texts(svg)
    assert len(list(svg.iter(f"{SVG}path"))) == 1


def test_boxes_have_room_for_their_lines_and_wide_letters() -> None:
    short, long, wide = (size_of(Box("op", text, "1")) for text in ("abc", "abcabc", "日本語"))
    assert short[0] < long[0] == wide[0]
    assert size_of(Box("op", "abc", "1", "(2,)"))[1] > short[1]


def test_a_file_has_the_readers_colours() -> None:
    found = re.search(r"<style>.*</style>", tg.viz.drawing._for_file("<svg a='1'>\n</svg>"))
    assert found
    assert "prefers-color-scheme: dark" in found[0]
