"""A report as one self-contained HTML page without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..._version import __version__
from ..results import Result
from ..units import NOTHING, number
from .differences import differences
from .picture import Picture
from .style import PAGE, PIECE
from .table import Answer, Table

# The browser may not fetch anything.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

INCOMPLETE = "The benchmark was interrupted, or its time ran out: this is what was known by then."

# Names for the fields of a problem; other fields keep theirs.
NAMES = {"dtype": "dtype", "samples": "training samples", "parameters": "parameters"}


def page(
    results: Sequence[Result], answers: Sequence[Answer], pictures: Sequence[Picture], tables: Sequence[Table]
) -> str:
    """The page.

    Args:
        results: the results.
        answers: the conclusions of each; the first one stands at the top.
        pictures: the figures, the most important first.
        tables: the numbers.
    """
    parts = [_top(results, answers)]
    parts += [_first(pictures[0])] if pictures else []
    parts += map(_further, answers[1:])
    parts += [f'<div class="others">\n{"".join(map(_figure, pictures[1:]))}</div>\n'] if pictures[1:] else []
    if tables:
        parts.append(f"<section>\n<h2>The numbers</h2>\n{''.join(map(_table, tables))}</section>\n")
    parts.append(f"<section>\n<h2>How it was measured</h2>\n{_settings(results)}</section>\n")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(answers[0].headline)}</title>\n<style>{PAGE}</style>\n</head>\n<body>\n<main>\n"
        f"{''.join(parts)}</main>\n</body>\n</html>\n"
    )


def piece(answer: Answer, svgs: Sequence[str]) -> str:
    """An answer with figures, for embedding in another page."""
    return (
        f'<style>{PIECE}</style>\n<div class="tinygrad-report">\n<h2>{escape(answer.headline)}</h2>\n'
        f"{_paragraphs(answer.reason)}{''.join(svgs)}\n</div>\n"
    )


def _top(results: Sequence[Result], answers: Sequence[Answer]) -> str:
    answer, problem = answers[0], results[0].problem
    about = " · ".join(str(problem[name]) for name in ("model", "data", "loss", "optimizer") if problem.get(name))
    remarks = [] if all(result.complete for result in results) else [INCOMPLETE]
    remarks += [f"Warning: {text}" for each in answers for text in each.warnings]
    remarks += list(dict.fromkeys(note for result in results for note in result.notes))
    return (
        f'<header>\n<p class="about">{escape(about)}</p>\n<h1>{escape(answer.headline)}</h1>\n'
        f"{_remarks([f'Warning: {text}' for text in differences(results)])}"
        f'<div class="reason">\n{_paragraphs(answer.reason)}</div>\n{_facts(answer)}{_remarks(remarks)}</header>\n'
    )


def _further(answer: Answer) -> str:
    return (
        f'<section class="second">\n<h2>{escape(answer.headline)}</h2>\n{_paragraphs(answer.reason)}'
        f"{_facts(answer)}</section>\n"
    )


def _paragraphs(texts: Sequence[str]) -> str:
    return "".join(f"<p>{_prose(text)}</p>\n" for text in texts)


def _prose(text: str) -> str:
    """A text without line breaks between a number and its unit."""
    return escape(re.sub(r"(?<=\d) (?=(?:%|ns|µs|ms|s|min|h|[KMGT]?i?B|[MGT])(?!\w))", "\u00a0", text))


def _facts(answer: Answer) -> str:
    if not answer.facts:
        return ""
    entries = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{_prose(value)}</dd></div>\n" for name, value in answer.facts.items()
    )
    return f'<dl class="facts">\n{entries}</dl>\n'


def _remarks(texts: Sequence[str]) -> str:
    if not texts:
        return ""
    entries = "".join(f"<li>{_prose(text)}</li>\n" for text in texts)
    return f'<div class="remarks"><ul>\n{entries}</ul></div>\n'


def _first(picture: Picture) -> str:
    """The main figure, drawn twice: for a large screen, and for a phone."""
    wide, narrow = _drawn(picture, wide=True), _drawn(picture)
    return (
        f'<figure class="first">\n<h2>{escape(picture.title)}</h2>\n<div class="wide">{wide}</div>\n'
        f'<div class="narrow">{narrow}</div>\n<figcaption>{_prose(picture.caption)}</figcaption>\n</figure>\n'
    )


def _figure(picture: Picture) -> str:
    return (
        f"<figure>\n<h3>{escape(picture.title)}</h3>\n{_drawn(picture)}\n"
        f"<figcaption>{_prose(picture.caption)}</figcaption>\n</figure>\n"
    )


def _drawn(picture: Picture, wide: bool = False) -> str:
    """The SVG, labelled so that a screen reader reads one sentence instead of every tick."""
    label = escape(picture.alternative, quote=True)
    return picture.svg(wide).replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _table(table: Table) -> str:
    title = escape(table.title)
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in table.headings)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in row[1:])}</tr>\n'
        for row in table.rows
    )
    note = f'<p class="note">{_prose(table.note)}</p>\n' if table.note else ""
    caption = "" if table.long else f"<caption>{title}</caption>"
    # A table wider than a phone scrolls; with a keyboard, only an element that has the focus does.
    body = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(table.title, quote=True)}">\n<table>'
        f"{caption}\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n{note}"
    )
    if table.long:
        return f'<details class="numbers">\n<summary>{title}: {len(table.rows)} rows</summary>\n{body}</details>\n'
    return f'<div class="numbers">\n{body}</div>\n'


def _settings(results: Sequence[Result]) -> str:
    lists = _once("Problem", [(result.kind, result.problem) for result in results])
    for result in results:
        title = f"Settings of {result.kind}" if len(results) > 1 else "Settings"
        lists.append((title, result.settings))
    lists += _once("Environment", [(result.kind, result.environment) for result in results])
    blocks = "".join(f"<div><h3>{escape(title)}</h3>\n{_list(entries)}</div>\n" for title, entries in lists if entries)
    version = f'<p class="note">Made by tinygrad_edu {escape(__version__)}.</p>\n'
    return f'<div class="settings">\n{blocks}</div>\n{version}'


def _once(title: str, lists: Sequence[tuple[str, Mapping[str, Any]]]) -> list[tuple[str, Mapping[str, Any]]]:
    """One list if those of all results are the same, else one for each."""
    if all(entries == lists[0][1] for _, entries in lists):
        return [(title, lists[0][1])]
    return [(f"{title} of {kind}", entries) for kind, entries in lists]


def _list(entries: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<dt>{escape(_named(name))}</dt><dd>{escape(_said(value))}</dd>\n" for name, value in entries.items()
    )
    return f"<dl>\n{rows}</dl>\n"


def _named(name: str) -> str:
    return NAMES.get(name, str(name).replace("_", " "))


def _said(value: Any) -> str:
    """A value of a setting in words."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{_named(name)} {_said(entry)}" for name, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_said, value))
    return number(value) if isinstance(value, float) else str(value)
