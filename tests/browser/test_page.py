"""The page of a report in a real browser: Chromium, driven by playwright. `make browser` runs it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.made_results import advice, speed_result, train_result, without_answer
from contrast import contrast, luminance

pytest.importorskip("matplotlib")
pytest.importorskip("playwright")

from tinygrad_edu.bench import report

PHONE, DESKTOP = 390, 1280
PICTURES = 10  # of all that there are pictures of

# Elements whose text is cut off, or that reach beyond the page or beyond the thing they stand in.
OVERFLOWING = """() => [...document.querySelectorAll('main, main *')].filter(element => {
    const box = element.getBoundingClientRect();
    const scrolls = element.closest('.scroll, details:not([open])');
    return box.width && !scrolls && (box.left < -0.5 || box.right > document.documentElement.clientWidth + 0.5);
}).map(element => element.outerHTML.slice(0, 120))"""

# Pairs of texts of one picture that lie over each other.
COLLIDING = """() => [...document.querySelectorAll('svg')].flatMap(svg => {
    const texts = [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()]);
    return texts.flatMap(([a, one], i) => texts.slice(i + 1).filter(([b, other]) => one.width && other.width &&
        one.left < other.right - 1 && other.left < one.right - 1 &&
        one.top < other.bottom - 3 && other.top < one.bottom - 3).map(([b]) => `${a} over ${b}`));
})"""

# The colour of a thing, and of what it stands on, as [r, g, b].
COLOURS = """selector => {
    const of = (element, name) => getComputedStyle(element)[name].match(/\\d+/g).slice(0, 3).map(Number);
    const element = document.querySelector(selector);
    return [of(element, element.closest('svg') ? 'fill' : 'color'), of(document.body, 'backgroundColor')];
}"""

Page = Any  # playwright is not there where the types are checked


@pytest.fixture(scope="module")
def whole() -> str:
    """A page with everything in it."""
    return report.html([advice(), speed_result(), train_result()])


@pytest.fixture(params=[(PHONE, "light"), (PHONE, "dark"), (DESKTOP, "light"), (DESKTOP, "dark")], ids=str)
def look(request: pytest.FixtureRequest, browser: Any) -> Iterator[Page]:
    """A page of that width in those colours, which notes what goes wrong in it, and what it asks for."""
    width, scheme = request.param
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=True
    )
    page = context.new_page()
    page.troubles, page.requests = [], []
    page.on("console", lambda message: page.troubles.append(message.text))
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("request", lambda asked: page.requests.append(asked.url))
    yield page
    context.close()


def opened(page: Page, folder: Path, text: str) -> str:
    """Open a page in a browser; gives its address."""
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    page.goto(file.as_uri())
    return file.as_uri()


def test_it_renders_and_asks_for_nothing(look: Page, tmp_path: Path, whole: str) -> None:
    address = opened(look, tmp_path, whole)
    assert look.troubles == []
    assert look.requests == [address]
    assert look.get_by_role("heading", level=1).inner_text().startswith("Take a batch size of 128")


def test_every_picture_is_seen_once(look: Page, tmp_path: Path, whole: str) -> None:
    opened(look, tmp_path, whole)
    seen = [picture.bounding_box() for picture in look.locator("svg").all() if picture.is_visible()]
    assert len(seen) == PICTURES
    assert all(box["width"] > 300 and box["height"] > 180 for box in seen)
    assert look.get_by_role("img").count() == PICTURES


def test_nothing_reaches_beyond_the_page(look: Page, tmp_path: Path, whole: str) -> None:
    opened(look, tmp_path, whole)
    assert look.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert look.evaluate(OVERFLOWING) == []


def test_no_text_of_a_picture_lies_over_another(look: Page, tmp_path: Path, whole: str) -> None:
    opened(look, tmp_path, whole)
    assert look.evaluate(COLLIDING) == []


@pytest.mark.parametrize("selector", ["h1", ".reason p", ".about", "figcaption", "figure svg text", "thead th", "dt"])
def test_text_stands_out_from_its_background(look: Page, tmp_path: Path, whole: str, selector: str) -> None:
    opened(look, tmp_path, whole)
    assert contrast(*look.evaluate(COLOURS, selector)) >= 4.5


def test_text_of_pictures_can_be_read(look: Page, tmp_path: Path, whole: str) -> None:
    opened(look, tmp_path, whole)
    heights = look.evaluate(
        "() => [...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height).filter(h => h)"
    )
    assert min(heights) >= 10


def test_colours_follow_the_screen(browser: Any, tmp_path: Path, whole: str) -> None:
    found = []
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        opened(page, tmp_path, whole)
        text, paper = page.evaluate(COLOURS, "h1")
        line = page.evaluate(
            "() => getComputedStyle(document.querySelector('path[style*=\"stroke: var(--accent\"]')).stroke"
        )
        found.append((luminance(text) < luminance(paper), line))
        context.close()
    assert [dark_on_light for dark_on_light, _ in found] == [True, False]
    assert found[0][1] != found[1][1]


def test_it_is_whole_without_javascript(browser: Any, tmp_path: Path, whole: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    opened(page, tmp_path, whole)
    assert page.get_by_role("img").count() == PICTURES
    before = page.get_by_role("table").count()
    page.get_by_text("Noise scale during training").click()
    assert page.get_by_role("table").count() == before + 1
    context.close()


def test_no_answer_is_a_page_too(look: Page, tmp_path: Path) -> None:
    opened(look, tmp_path, report.html(without_answer(complete=False)))
    assert look.troubles == []
    assert "No rate from 1e-08 to 100" in look.locator(".reason").inner_text()
    assert look.evaluate(OVERFLOWING) == []


def test_long_and_hostile_names_break_nothing(look: Page, tmp_path: Path) -> None:
    name = '<img src="https://example.invalid/a.png" onerror="alert(1)">' + "Very" * 60
    result = advice(problem={"model": name, "data": name, "samples": 10}, notes=[name], settings={name: name})
    address = opened(look, tmp_path, report.html(result))
    assert look.requests == [address]
    assert look.troubles == []
    assert name in look.locator(".about").inner_text()
    assert look.evaluate(OVERFLOWING) == []


def test_pictures_are_files_of_their_own(look: Page, tmp_path: Path) -> None:
    for result in (advice(), speed_result(), train_result()):
        result.save(tmp_path)
    for file in report.write(tmp_path, ["svg"]):
        look.goto(file.as_uri())
    assert look.troubles == []
    assert len(look.requests) == PICTURES


def test_a_piece_stands_in_a_notebook(look: Page, tmp_path: Path) -> None:
    look.set_content(f"<!doctype html><body>{advice()._repr_html_()}")
    assert look.troubles == []
    assert look.get_by_text("Take a batch size of 128").first.is_visible()
    assert look.locator("svg").count() == 1
