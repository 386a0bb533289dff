"""SVG that stands in a page of the documentation."""

from __future__ import annotations

import io
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from contrast import contrast

DOCS = Path(__file__).parents[2] / "docs"
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(DOCS / "_sphinx")
    _svg = pytest.importorskip("_svg", reason="the sources of the documentation are not here")


def rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


@pytest.mark.parametrize("colours", [_svg.LIGHT, _svg.DARK], ids=["light", "dark"])
def test_text_can_be_read_in_every_colour(colours: dict[str, str]) -> None:
    for name in ("ink", "grey", "blue", "orange", "green", "red"):
        assert contrast(rgb(colours[name]), rgb(colours["paper"])) >= 4.5, name


def test_both_themes_have_the_same_colours() -> None:
    assert list(_svg.LIGHT) == list(_svg.DARK)
    assert len(set(_svg.LIGHT.values())) == len(_svg.LIGHT)  # one that stood for two could not be replaced
    assert _svg.variables({"ink": "#123456"}) == {"figure-ink": "#123456"}


def test_the_style_of_the_pages_has_these_colours() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    style = matplotlib.rc_params_from_file(DOCS / "_sphinx" / "matplotlibrc", use_default_template=False)
    used = [f"#{style[key]}".replace("##", "#") for key in style if key.endswith("color") and style[key] != "none"]
    assert len(used) > 10
    assert set(used) <= set(_svg.LIGHT.values())
    cycle = [f"#{colour}".replace("##", "#") for colour in style["axes.prop_cycle"].by_key()["color"]]
    assert cycle == [_svg.LIGHT[name] for name in ("blue", "orange", "green", "red")]


def test_a_figure_takes_the_colours_of_the_page() -> None:
    matplotlib = pytest.importorskip("matplotlib")
    figures = pytest.importorskip("matplotlib.figure")
    with matplotlib.rc_context(fname=DOCS / "_sphinx" / "matplotlibrc"):
        figure = figures.Figure(figsize=(3, 2))
        ax = figure.subplots()
        ax.plot([1, 2], color="C0", label="a")
        ax.scatter([0, 1], [0, 1], color="C1")
        ax.bar([0], [1], color="C2", hatch="//")
        ax.axhline(0.5, color="0.5")
        ax.text(0, 0, "black", color="black")
        ax.set_title("$J_m$")
        ax.legend()
        file = io.StringIO()
        figure.savefig(file, format="svg")
    element = _svg.inline(file.getvalue(), "figure-1", "A line.")
    assert not re.findall(r"#[0-9a-f]{6}", element)
    for name in ("ink", "grey", "blue", "orange", "green"):
        assert f"var(--figure-{name})" in element


def svg(body: str, attributes: str = 'width="72pt" height="36pt" viewBox="0 0 72 36"') -> str:
    return (
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f"{attributes}>{body}</svg>"
    )


def test_ids_are_those_of_the_figure() -> None:
    body = (
        '<defs><path id="a" d="M 0.123456 1.0\nL 2 3"/><clipPath id="b"><rect/></clipPath></defs>'
        '<use xlink:href="#a" clip-path="url(#b)" style="fill: url(#c)"/>'
    )
    element = _svg.inline(svg(body), "figure-7", "x")
    assert re.findall(r' id="([^"]*)"', element) == ["figure-7-a", "figure-7-b"]
    assert 'href="#figure-7-a"' in element
    assert "url(#figure-7-b)" in element
    assert "url(#figure-7-c)" in element
    assert 'd="M 0.12 1 L 2 3"' in element


def test_nothing_of_it_reaches_the_rest_of_the_page() -> None:
    body = "<metadata>m</metadata><style>* { color: red }</style><script>1</script><g><text>kept</text></g>"
    element = ElementTree.fromstring(_svg.inline(svg(body), "p", "x"))
    assert [inner.tag for inner in element.iter()] == ["svg", "g", "text"]


def test_it_is_a_picture_with_a_name() -> None:
    element = ElementTree.fromstring(_svg.inline(svg(""), "p", 'Two "bars"\n and <a> line.'))
    assert element.get("role") == "img"
    assert element.get("aria-label") == 'Two "bars" and <a> line.'


def test_a_picture_may_describe_itself() -> None:
    named = ElementTree.fromstring(_svg.inline(svg("<title> Three boxes.</title><g><title>One.</title></g>"), "p"))
    assert named.get("aria-label") == "Three boxes."
    assert [title.text for title in named.iter("title")] == ["One."]
    assert _svg.description(ElementTree.fromstring(svg("<g/>"))) == ""
    assert _svg.description(ElementTree.fromstring(svg("", 'aria-label="A graph."'))) == "A graph."


@pytest.mark.parametrize(
    ("attributes", "width"),
    [
        ('width="72pt" viewBox="0 0 72 36"', "96px"),
        ('width="50" viewBox="0 0 72 36"', "50px"),
        ('viewBox="0 0 72 36"', "72px"),
        ('width="72pt" viewBox="0 0 72 36" font-size="7"', "192px"),
        ('viewBox="0 0 72 36" font-size="20"', "72px"),
    ],
)
def test_it_is_as_wide_as_it_says(attributes: str, width: str) -> None:
    assert f'style="width: {width}"' in _svg.inline(svg("", attributes), "p", "x")
    assert 'style="width: 10em"' in _svg.inline(svg("", attributes), "p", "x", "10em")


def test_a_wide_drawing_is_scrolled_before_its_text_is_too_small() -> None:
    element = _svg.inline(svg("", 'viewBox="0 0 700 90" font-size="14"'), "p", "x")
    assert element.startswith('<div class="wide-figure" tabindex="0"><svg')
    assert 'style="width: 700px; max-width: max(100%, 450px)"' in element
    assert _svg.inline(svg("", 'viewBox="0 0 500 90" font-size="14"'), "p", "x").startswith("<svg")
    assert _svg.inline(svg("", 'viewBox="0 0 700 90"'), "p", "x").startswith("<svg")  # text of unknown size


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('style="fill: #000000; stroke:#FFFFFF"', 'style="fill: var(--figure-ink); stroke:var(--figure-paper)"'),
        ('fill="#808080"', 'fill="var(--figure-grey)"'),
        ('stroke="black"', 'stroke="var(--figure-ink)"'),
        ('style="stroke: var(--accent, #2563c9)"', 'style="stroke: var(--figure-blue)"'),
        ('style="fill: none; stroke: #123456"', 'style="fill: none; stroke: #123456"'),
    ],
)
def test_colours_by_other_names(before: str, after: str) -> None:
    assert after in _svg.inline(svg(f"<path {before}/>"), "p", "x")


def test_the_colours_of_drawings_are_known() -> None:
    colours = pytest.importorskip("tinygrad_edu.viz.colours")
    for colour in (colours.BLUE, colours.ORANGE, colours.GREEN, colours.GREY):
        assert colour in _svg.ALSO
