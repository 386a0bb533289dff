"""Reports: in the terminal, as files, in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TextIO

from ..errors import BenchError
from ..loading import NAMES, files_in, load
from ..results import Result
from . import table
from .differences import differences
from .kinds import KINDS, answers_of, by_kind, pictures_of, tables_of
from .page import page, piece

FORMATS = ("table", "svg", "html")


def write(folder: str | Path, formats: Iterable[str] = FORMATS) -> list[Path]:
    """Write reports of the results in a folder into the same folder.

    Args:
        folder: contains some of ``advise.json``, ``speed.json`` and ``train.json``.
        formats: ``"table"`` prints to standard output; ``"svg"`` writes one file per figure, ``"html"`` writes
            ``report.html``.

    Returns:
        The files that were written.

    Raises:
        BenchError: if the folder does not exist or has no results, a result cannot be read, a format is unknown, or
            figures are requested and matplotlib is not installed. Nothing is written then.
    """
    formats = list(formats)
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise BenchError(f"format: {', '.join(unknown)} is not one of {', '.join(FORMATS)}")
    folder = Path(folder)
    results = _in(folder)
    files: dict[str, str] = {}
    if "svg" in formats:
        files |= {f"{picture.name}.svg": picture.file() for picture in pictures_of(results)}
    if "html" in formats:
        files["report.html"] = html(results)
    if "table" in formats:
        show(results)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in files]


def html(results: Result | Sequence[Result]) -> str:
    """Make a self-contained HTML page with the answer, its reason, figures and numbers.

    Args:
        results: one, or one of each kind.

    Raises:
        BenchError: if matplotlib is not installed, or there is nothing to report.
    """
    found = _listed(results)
    return page(found, answers_of(found), pictures_of(found), tables_of(found))


def tables(results: Result | Sequence[Result]) -> list[table.Table]:
    """Return the numbers of results as tables of texts.

    Args:
        results: one, or one of each kind.
    """
    return tables_of(_listed(results))


def show(results: Result | Sequence[Result], file: TextIO | None = None) -> None:
    """Print answers and tables: with rich on a terminal, as plain text elsewhere.

    Args:
        results: one, or one of each kind.
        file: where to print; by default standard output.
    """
    found = _listed(results)
    table.show(answers_of(found), tables_of(found), sys.stdout if file is None else file, differences(found))


def fragment(result: Result) -> str:
    """Return the answer and the first figure as HTML for a notebook; without matplotlib, the answer alone."""
    found = _listed(result)
    try:
        pictures = [picture.svg() for picture in pictures_of(found)[:1]]
    except BenchError:
        pictures = []
    return piece(answers_of(found)[0], pictures)


def _listed(results: Result | Sequence[Result]) -> list[Result]:
    found = by_kind([results] if isinstance(results, Result) else results)
    if not found:
        raise BenchError(f"there is nothing to report: give a result of {', '.join(KINDS)}")
    return found


def _in(folder: Path) -> list[Result]:
    if folder.is_file():
        raise BenchError(f"{folder}: this is a file; give its folder, {folder.parent}")
    if not folder.exists():
        raise BenchError(f"{folder}: there is no such folder; tinygrad-edu bench -o {folder} creates it")
    found = [load(file) for file in files_in(folder)]
    if not found:
        names = ", ".join(NAMES)
        raise BenchError(f"{folder}: there is no result, such as {names}; run tinygrad-edu bench -o {folder}")
    return found
