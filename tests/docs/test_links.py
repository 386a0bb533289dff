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
        if "src" in given:
            self.loaded.append(given["src"])
        if tag == "object" and "data" in given:
            self.loaded.append(given["data"])
        if "href" in given:
            (self.loaded if tag == "link" and given.get("rel") == "stylesheet" else self.links).append(given["href"])


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
