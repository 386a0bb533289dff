"""Every page of the documentation in a real browser, on a phone and on a desk, by day and by night."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from contrast import contrast

pytest.importorskip("playwright")

BUILT = Path(__file__).parents[2] / "docs" / "_build" / "html"
PAGES = sorted(
    str(file.relative_to(BUILT))
    for file in BUILT.rglob("*.html")
    if not file.relative_to(BUILT).parts[0].startswith("_") and file.name not in ("genindex.html", "py-modindex.html")
)
if not PAGES:
    pytest.skip("the documentation is not built: `make docs` does it", allow_module_level=True)

# Those with figures are seen in all looks. The others, the reference and the design notes, all have one form.
WRITTEN = {name for name in PAGES if name.split("/")[0] not in ("api", "design")}
LOOKS = [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]
FONT = "Latin Modern Math"
SHORTEST = 40  # letters: a description of a figure that says what is seen is longer
SMALLEST = 7.5  # pixels: the least size of text in a figure, on a phone

# How many pixels of a page are to the right of the window.
BEYOND = """() => Math.max(...['html', 'body', '.content'].map(name => document.querySelector(name))
    .filter(element => element).map(element => element.scrollWidth - element.clientWidth))"""

# Formulas on lines of their own that could be scrolled though they fit, or that are cut off.
BARS = """() => [...document.querySelectorAll('div.math')].flatMap(block => {
    const wrapper = block.closest('.math-wrapper') ?? block, box = wrapper.getBoundingClientRect();
    const parts = [...block.querySelectorAll('math *')].map(part => part.getBoundingClientRect());
    const [left, top] = ['left', 'top'].map(side => Math.min(...parts.map(part => part[side])));
    const [right, bottom] = ['right', 'bottom'].map(side => Math.max(...parts.map(part => part[side])));
    const scrolls = name => ['auto', 'scroll'].includes(getComputedStyle(wrapper)[name]);
    const fits = right - left <= wrapper.clientWidth;
    const bars = [
        fits && scrolls('overflowX') && wrapper.scrollWidth > wrapper.clientWidth && 'a bar below',
        scrolls('overflowY') && wrapper.scrollHeight > wrapper.clientHeight && 'a bar beside',
        (top < box.top - 0.5 || bottom > box.bottom + 0.5 || left < box.left - 0.5) && 'cut off',
        !fits && !scrolls('overflowX') && 'too wide',
    ];
    return bars.filter(bar => bar).map(bar => `${bar}: ${block.textContent.replace(/\\s+/g, ' ').slice(0, 60)}`);
})"""

# Figures, without the signs on buttons: what each is called.
NAMES = """() => [...document.querySelectorAll('article svg, article img')]
    .filter(figure => !figure.closest('button, .content-icon-container'))
    .map(figure => figure.getAttribute('aria-label') ?? figure.getAttribute('alt') ?? '')"""

# Texts and lines of figures: what it is, its colour, and the page's.
COLOURS = """() => {
    const rgb = colour => colour.match(/[\\d.]+/g).map(Number);
    const paper = rgb(getComputedStyle(document.body).backgroundColor);
    const grid = getComputedStyle(document.body).getPropertyValue('--figure-grid').trim();
    const found = [];
    const note = (kind, element, name) => {
        const style = getComputedStyle(element), value = style[name];
        if (value.startsWith('rgb') && style.opacity == 1 && style[`${name}Opacity`] == 1)
            found.push([kind, rgb(value), paper]);
    };
    for (const figure of document.querySelectorAll('article svg.figure')) {
        figure.querySelectorAll('text, g[id*="-text_"] use').forEach(text => note('text', text, 'fill'));
        figure.querySelectorAll('g[id*="-line2d_"] path').forEach(line => {
            if (!(line.getAttribute('style') ?? '').includes('--figure-grid')) note('line', line, 'stroke');
        });
    }
    return found;
}"""

# The size of the texts of figures, in pixels of the screen. Letters drawn as outlines are 100 units high.
SIZES = """() => [...document.querySelectorAll('article svg.figure')].flatMap(figure => {
    const scale = element => Math.hypot(element.getScreenCTM().a, element.getScreenCTM().b);
    const size = text => parseFloat(getComputedStyle(text).fontSize) * scale(text);
    const texts = [...figure.querySelectorAll('text')].map(size);
    const outlines = [...figure.querySelectorAll('g[id*="-text_"] > g')].map(group => 100 * scale(group));
    return [...texts, ...outlines];
})"""


# Pairs of texts of one figure that lie over each other.
COLLIDING = """() => [...document.querySelectorAll('article svg.figure')].flatMap(figure => {
    const texts = [...figure.querySelectorAll('text, g[id*="-text_"]')]
        .map(text => [text.id || text.textContent, text.getBoundingClientRect()]).filter(([, box]) => box.width);
    return texts.flatMap(([a, one], i) => texts.slice(i + 1).filter(([, other]) =>
        one.left < other.right - 1 && other.left < one.right - 1 &&
        one.top < other.bottom - 2 && other.top < one.bottom - 2).map(([b]) => `${a} over ${b}`));
})"""

# Ids that several elements of a page have.
TWICE = """() => {
    const ids = [...document.querySelectorAll('article [id]')].map(element => element.id);
    return [...new Set(ids.filter((id, i) => ids.indexOf(id) < i))];
}"""


@pytest.fixture(scope="module")
def visited(browser: Any) -> Iterator[Any]:
    """A window for all pages, with what they ask for outside and what they complain about."""
    context = browser.new_context()
    outside: list[str] = []
    troubles: list[str] = []

    def decide(route: Any) -> None:
        outside.append(route.request.url)
        route.abort()

    context.route(re.compile("^(?!file:|data:)"), decide)
    page = context.new_page()
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    yield SimpleNamespace(page=page, outside=outside, troubles=troubles)
    context.close()


def fonts_of_formulas(page: Any) -> list[tuple[str, bool]]:
    """The fonts that the first formula of the page is set in, and whether the page brought them."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    node = session.send("DOM.querySelector", {"nodeId": root, "selector": "math mi, math mo, math mn"})["nodeId"]
    fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    session.detach()
    return [(font["familyName"], font["isCustomFont"]) for font in fonts]


def faults(page: Any) -> dict[str, Any]:
    """What is wrong with the page as it is seen now."""
    least = {"text": 4.5, "line": 3}
    found = {
        "it scrolls to the side, by so many pixels": max(page.evaluate(BEYOND), 0),
        "formulas with a scroll bar, or cut off": page.evaluate(BARS),
        "what does not stand out": [
            (kind, ink) for kind, ink, paper in page.evaluate(COLOURS) if contrast(ink[:3], paper[:3]) < least[kind]
        ],
        "texts of figures over each other": page.evaluate(COLLIDING),
        "sizes of text too small to read": [size for size in page.evaluate(SIZES) if size < SMALLEST],
    }
    return {fault: seen for fault, seen in found.items() if seen}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_it_should_be(visited: Any, name: str) -> None:
    visited.outside.clear()
    visited.troubles.clear()
    page = visited.page
    page.set_viewport_size({"width": 390, "height": 900})
    page.emulate_media(color_scheme="light")
    page.goto((BUILT / name).as_uri())
    page.evaluate("() => document.fonts.ready.then(() => true)")
    for width, scheme in LOOKS if name in WRITTEN else LOOKS[:1]:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert faults(page) == {}, f"{width} pixels wide, {scheme}"
    assert [said for said in page.evaluate(NAMES) if len(said) < SHORTEST] == []
    assert page.evaluate(TWICE) == []
    if page.locator("math").count():
        assert fonts_of_formulas(page) == [(FONT, True)]
    assert visited.outside == []
    assert visited.troubles == []


def test_the_home_page_shows_a_sum_and_three_ways_in(browser: Any) -> None:
    page = browser.new_page()
    page.goto((BUILT / "index.html").as_uri())
    assert page.locator("article svg.figure").first.bounding_box()["y"] < page.locator(".ways").bounding_box()["y"]
    found = []
    for number in range(page.locator(".way").count()):
        page.locator(".way").nth(number).click(position={"x": 20, "y": 60})  # anywhere on the card
        found.append(Path(page.url).name)
        page.go_back()
    page.close()
    assert found == ["getting-started.html", "property-test-your-gradients.html", "which-batch-size.html"]
