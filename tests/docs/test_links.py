"""Links lead somewhere: those between the built pages, with what stands behind a #, and those of the Markdown files."""

from __future__ import annotations

import re
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from built_docs import HTML, ROOT, needs_the_build

FILES = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "ARCHITECTURE.md",
    "benchmarks/README.md",
    "examples/README.md",
]


FOLLOWED = {"index", "next", "prev", "search", "author", "license", "canonical"}  # relations of links to be clicked


class Page(HTMLParser):
    """What can be linked to on a page, what it links to, and what it loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        self.loaded += [given[name] for name in ("src", "poster") if name in given]
        self.loaded += [part.split()[0] for part in given.get("srcset", "").split(",") if part.strip()]
        self.loaded += addresses(given.get("style", ""))
        if tag == "object" and "data" in given:
            self.loaded.append(given["data"])
        if "href" in given:
            followed = tag == "a" or (tag == "link" and set(given.get("rel", "").split()) <= FOLLOWED)
            (self.links if followed else self.loaded).append(given["href"])

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.loaded += addresses(data)


def addresses(css: str) -> list[str]:
    """What a style sheet loads."""
    return re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s]+)", css)


@pytest.fixture(scope="module")
def built() -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(HTML.rglob("*.html"))}


@needs_the_build()
def test_links_between_pages_are_whole(built: dict[Path, Page]) -> None:
    broken = defaultdict(list)
    for path, page in built.items():
        for link in {*page.links, *page.loaded}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            fragment = unquote(parts.fragment)
            whole = target.exists() and (not fragment or target not in built or fragment in built[target].anchors)
            if not whole:
                broken[link].append(str(path.relative_to(HTML)))
    assert not broken, dict(broken)


@needs_the_build()
def test_pages_load_nothing_from_elsewhere(built: dict[Path, Page]) -> None:
    for path, page in built.items():
        outside = [link for link in page.loaded if urlsplit(link).netloc]
        assert not outside, f"{path.relative_to(HTML)} loads {outside}"
    for path in HTML.rglob("*.css"):
        outside = [link for link in addresses(path.read_text(encoding="utf-8")) if urlsplit(link).netloc]
        assert not outside, f"{path.relative_to(HTML)} loads {outside}"


@pytest.mark.parametrize(
    "planted",
    [
        '<link rel="stylesheet" href="{}">',
        '<link rel="preload icon" href="{}">',
        '<script src="{}"></script>',
        '<img srcset="a.png 1x, {} 2x">',
        '<p style="background: url({})">',
        "<style>@import '{}'; p {{ color: red }}</style>",
        '<style>@font-face {{ src: url("{}") }}</style>',
        '<object data="{}"></object>',
        '<svg><image href="{}"/></svg>',
    ],
)
def test_what_a_page_loads_is_found(planted: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(planted.format("https://x.org/y"), encoding="utf-8")
    assert "https://x.org/y" in Page(tmp_path / "page.html").loaded


def test_what_a_page_links_to_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text('<a href="https://x.org"><link rel="next" href="b.html">', encoding="utf-8")
    page = Page(tmp_path / "page.html")
    assert (page.links, page.loaded) == (["https://x.org", "b.html"], [])


def slugs(text: str) -> set[str]:
    """The anchors of a Markdown file on GitHub."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", FILES)
def test_links_of_files_are_whole(name: str) -> None:
    path = ROOT / name
    text = path.read_text(encoding="utf-8")
    prose = re.sub(r"`[^`\n]+`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    links = [*re.findall(r"\]\(<?([^()\s>]+)>?\)", prose), *re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", prose)]
    for link in links:
        parts = urlsplit(link)
        if parts.scheme:
            continue
        target = path.parent / unquote(parts.path) if parts.path else path
        assert target.exists(), f"{name} links to {link}"
        if parts.fragment and target.suffix == ".md":
            assert parts.fragment in slugs(target.read_text(encoding="utf-8")), f"{name} links to {link}"
