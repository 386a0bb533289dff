"""Writing the pages: headings, tables of contents, and an autodoc directive for each entry."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu
from tinygrad_edu.ops.generator import Generator
from tinygrad_edu.sample_rules.rule import SampleRule
from tinygrad_edu.testing import LAWS

from . import names
from .pages import PAGES, Page

DOCS = Path(__file__).parents[2]
FOLDER = DOCS / "api" / "generated"

# Pages that take their names before the others: a class that stands in several packages is shown once.
FIRST = ("errors", "functional", "linalg", *PAGES)

MANY = 6  # members, from which on a class has a table of them

Files = dict[str, list[tuple[str, str]]]  # the file that defines them -> entries: (package, name)


def write_pages(folder: Path = FOLDER) -> None:
    """Write every page of `PAGES`."""
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.glob("*.md"):
        if path.stem not in PAGES:
            path.unlink()  # of an earlier build


def pages() -> dict[str, str]:
    """The text of every page."""
    taken: set[tuple[str, str]] = set()  # (package, name)
    contents = {name: _files(PAGES[name], taken) for name in dict.fromkeys(FIRST)}
    return {name: _page(name, contents[name], taken) for name in PAGES}


def _page(name: str, files: Files, taken: set[tuple[str, str]]) -> str:
    page = PAGES[name]
    lines = [f"# {page.title}", "", page.introduction, ""]
    if name == "elementwise":
        lines += [(inspect.getdoc(tinygrad_edu.ops) or "").partition("\n\n")[2], ""]  # what holds of all ops
    if name == "tensor-methods":
        lines += _methods()
    lines += _overview(files)
    for home, entries in files.items():
        lines += [f"## {_title(home)}", ""]
        for package, entry in entries:
            lines += [*_members_table(package, entry), "```{eval-rst}", _entry(package, entry), "```", ""]
    if name == "testing":
        lines += _laws()
    lines += _aliases(files, taken)
    return "\n".join([*lines, *_see_also(name, page)])


def _files(page: Page, taken: set[tuple[str, str]]) -> Files:
    """What a page shows: by file, in the order in which its sources name them, then that of the alphabet."""
    files: Files = {}
    rank: dict[str, tuple[int, int]] = {}
    for i, (package, beginnings) in enumerate(page.sources):
        parts = beginnings.split() or [""]
        for name, value in names.public_names(package).items():
            home = str(names.home(name, value))
            fitting = [k for k, part in enumerate(parts) if not part or f"{home}.".startswith(f"{part}.")]
            # A function may have two places, tg.relu and F.relu; a class has one, the shorter name.
            twice = (inspect.isclass(value) or value is tinygrad_edu.is_grad_enabled) and any(
                n == name for _, n in taken
            )
            if fitting and not twice and (package, name) not in taken:
                taken.add((package, name))
                files.setdefault(home, []).append((package, name))
                rank.setdefault(home, (i, fitting[0]))
    ordered = sorted(files, key=lambda home: (rank[home], home))
    return {home: sorted(files[home], key=_place) for home in ordered}


def _place(entry: tuple[str, str]) -> tuple[int, str]:
    """Classes as they stand in their file, the base class first; functions by their names."""
    value = getattr(importlib.import_module(entry[0]), entry[1])
    return inspect.getsourcelines(value)[1] if inspect.isclass(value) else sys.maxsize, entry[1].lower()


def _title(home: str) -> str:
    """The first sentence of a file's docstring, up to a colon or full stop; a long one up to a comma."""
    document = inspect.getdoc(importlib.import_module(f"tinygrad_edu.{home}")) or home
    title = re.split(r"[:.;]( |$)", document.splitlines()[0])[0]
    return title if len(title) <= 50 else title.split(",")[0]


def _overview(files: Files) -> list[str]:
    """A table of the names on a page, with a line on each; nothing for a single name."""
    lines: list[str] = []
    if sum(map(len, files.values())) == 1:
        return lines
    for home, entries in files.items():
        rows = [(f"{{py:obj}}`{name} <{package}.{name}>`", _summary(package, name)) for package, name in entries]
        heading = f"**{_title(home)}**" if len(files) > 1 else "Name"
        lines += [*_table(heading, rows)] if not lines else [*_rows([(heading, "")]), *_rows(rows)]
    return [*lines, ""]


def _table(heading: str, rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"| {heading} | |", "| --- | --- |", *_rows(rows)]


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [f"| {name} | {_plain(text)} |" for name, text in rows]


def _plain(text: str) -> str:
    """A line of a docstring as Markdown: outside of code, |x|, *args and <0 are just that."""
    parts = re.split(r"(`+[^`]*`+)", text)
    parts[::2] = [re.sub(r"([*_<\[$])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts).replace("|", "\\|")


def _summary(package: str, name: str) -> str:
    value = getattr(importlib.import_module(package), name)
    if inspect.isclass(value) or inspect.isroutine(value) or hasattr(value, "primitive"):
        return names.summary(value)
    return _data(package, name, value)


def _data(package: str, name: str, value: Any) -> str:
    """What is said of a public value that is neither a function nor a class."""
    if isinstance(value, np.dtype):
        return f"NumPy's ``{value!r}``."
    if isinstance(value, SampleRule):
        return f"{_in_table(package, name)}."
    if isinstance(value, Generator):
        return "The generator that random numbers come from where no other is given."
    return names.data_document(name)


def _entry(package: str, name: str) -> str:
    value = getattr(importlib.import_module(package), name)
    if inspect.isclass(value):
        return _class(package, name, _shown(value))
    if callable(value) and name not in names.DATA:
        return f".. autofunction:: {package}.{name}"
    return f".. py:data:: {package}.{name}\n\n   {_data(package, name, value)}"


def _shown(kind: type) -> list[str]:
    """The members in the entry of a class; the methods that `Tensor` inherits have a page of their own."""
    return [name for name in names.members(kind) if kind is not tinygrad_edu.Tensor or name in vars(kind)]


def _members_table(package: str, name: str) -> list[str]:
    """A table of the members of a class that has many."""
    kind = getattr(importlib.import_module(package), name)
    members = _shown(kind) if inspect.isclass(kind) else []
    if len(members) < MANY:
        return []
    rows = [
        (f"{{py:obj}}`{member} <{package}.{name}.{member}>`", names.summary(inspect.getattr_static(kind, member)))
        for member in members
    ]
    return [*_table(f"Members of `{name}`", rows), ""]


def _class(package: str, name: str, members: list[str]) -> str:
    """The entry of a class: its docstring, attributes that bases document, and the members."""
    kind = getattr(importlib.import_module(package), name)
    lines = [f".. autoclass:: {package}.{name}", "   :no-members:"]
    for attribute, text in names.inherited_attributes(kind).items():
        lines += ["", f"   .. attribute:: {attribute}", "", f"      {text}"]
    for member in members:
        lines += ["", f"   {_member(kind, f'{package}.{name}', member)}"]
    return "\n".join(lines)


def _member(kind: type, full: str, name: str) -> str:
    is_property = isinstance(inspect.getattr_static(kind, name), property | functools.cached_property)
    return f".. auto{'property' if is_property else 'method'}:: {full}.{name}"


def _in_table(package: str, name: str) -> str:
    """What the docstring of a file says of a name, in a table of two columns."""
    document = inspect.getdoc(importlib.import_module(package)) or ""
    rows = re.findall(r"^ +(\S.*?)   +(.+)", document, re.MULTILINE)
    return next((text for label, text in rows if re.search(rf"\b{name}\b", f"{label} {text}")), "")


def _methods() -> list[str]:
    """The methods that `Tensor` inherits: tables of those that are functions, and entries for the others."""
    tensor = tinygrad_edu.Tensor
    families: dict[str, list[tuple[str, str]]] = {}
    others: list[str] = []
    for name in sorted(names.members(tensor), key=str.lower):
        value = inspect.getattr_static(tensor, name)
        place = next((p for p in (tinygrad_edu, tinygrad_edu.linalg) if getattr(p, name, None) is value), None)
        if place:
            row = f"{{anchor}}`tinygrad_edu.Tensor.{name}`", f"{names.summary(value)} {_link(place.__name__, name)}"
            families.setdefault(str(names.home(name, value)), []).append(row)
        elif name not in vars(tensor):
            others.append(name)
    order = " ".join(files for page in PAGES.values() for _, files in page.sources).split()
    lines: list[str] = []
    for home in sorted(families, key=lambda home: (order.index(home) if home in order else len(order), home)):
        lines += [f"## {_title(home)}", "", *_table("Method", families[home]), ""]
    lines += ["## Conversions, sizes and new tensors", "", *_autodoc(n for n in others if not n.endswith("_"))]
    return [*lines, "## Changes in place", "", *_autodoc(n for n in others if n.endswith("_"))]


def _link(package: str, name: str) -> str:
    """A link to a function, by the name that a user calls it by."""
    return f"→ {{py:obj}}`{package.replace('tinygrad_edu', 'tg')}.{name} <{package}.{name}>`"


def _autodoc(members: Iterable[str]) -> list[str]:
    """Entries for methods and properties of `Tensor`."""
    lines = ["```{eval-rst}"]
    for name in members:
        lines += [_member(tinygrad_edu.Tensor, "tinygrad_edu.Tensor", name), ""]
    return [*lines, "```", ""]


def _laws() -> list[str]:
    """A table of what holds of every right gradient."""
    rows = [(f"`{name}`", law.doc) for name, law in LAWS.items()]
    return ["## Laws", "", "What `check_laws` checks; the keys of `LAWS`.", "", *_table("Law", rows), ""]


def _aliases(files: Files, taken: set[tuple[str, str]]) -> list[str]:
    """A table of the other packages in which entries of this page can be found."""
    shown = {id(getattr(importlib.import_module(p), n)): f"{p}.{n}" for found in files.values() for p, n in found}
    rows = [
        (f"{{anchor}}`{package}.{name}`", f"`{package}.{name}` is {{py:obj}}`{shown[id(value)]}`.")
        for package in names.packages()
        for name, value in names.public_names(package).items()
        if (package, name) not in taken and id(value) in shown
    ]
    return (
        ["## Other names", "", "| Name | |", "| --- | --- |", *[f"| {a} | {b} |" for a, b in rows], ""] if rows else []
    )


def _see_also(name: str, page: Page) -> list[str]:
    tutorials = [f"[](../../{tutorial}.md)" for tutorial in page.tutorials.split() if _exists(tutorial)]
    related = [f"[]({_path(other)})" for other in page.related.split()]
    lines = ["## See also", ""]
    lines += [f"- Introduced in: {', '.join(tutorials)}"] if tutorials else []
    return [*lines, f"- Reference: {', '.join(related)}", ""]


def _exists(tutorial: str) -> bool:
    return (DOCS / f"{tutorial}.md").exists()


def _path(page: str) -> str:
    return f"{page}.md" if page in PAGES else f"../{page}.md"


def link_back(app: Any, document: str, source: list[str]) -> None:
    """Let a tutorial end with links to the pages of the reference that name it."""
    pages = [f"[](api/generated/{name}.md)" for name, page in PAGES.items() if document in page.tutorials.split()]
    if pages:
        source[0] = f"{source[0].rstrip()}\n\n---\n\nIn the [reference](api/index.md): {', '.join(pages)}.\n"
