"""Reports: on the terminal, as files, in a notebook."""

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
    """Make reports of the results in a folder, beside them.

    Args:
        folder: has some of ``advise.json``, ``speed.json`` and ``train.json``.
        formats: ``"table"`` prints to standard output; ``"svg"`` writes a picture per file, ``"html"`` writes
            ``report.html``.

    Returns:
        The files that were written.

    Raises:
        BenchError: if there is no such folder or no result in it, one cannot be read, a format is unknown, or
            matplotlib, which pictures need, is not installed. Nothing is written then.
    """
    formats = list(formats)
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise BenchError(f"format: {', '.join(unknown)} is none of {', '.join(FORMATS)}")
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
    """A page with the answer, its reason, the pictures and the numbers, which needs nothing from elsewhere.

    Args:
        results: one, or one of each kind.

    Raises:
        BenchError: if matplotlib is not installed, or there is nothing to report.
    """
    found = _listed(results)
    return page(found, answers_of(found), pictures_of(found), tables_of(found))


def tables(results: Result | Sequence[Result]) -> list[table.Table]:
    """The numbers of results as tables of texts.

    Args:
        results: one, or one of each kind.
    """
    return tables_of(_listed(results))


def show(results: Result | Sequence[Result], file: TextIO | None = None) -> None:
    """Print answers and tables: with rich on a terminal, in plain characters elsewhere.

    Args:
        results: one, or one of each kind.
        file: where to; default, standard output.
    """
    found = _listed(results)
    table.show(answers_of(found), tables_of(found), sys.stdout if file is None else file, differences(found))


def fragment(result: Result) -> str:
    """The answer and the first picture as a piece of HTML, for a notebook; without matplotlib the answer alone."""
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
        raise BenchError(f"{folder}: this is a file; give the folder that it is in, {folder.parent}")
    if not folder.exists():
        raise BenchError(f"{folder}: there is no such folder; tinygrad-edu bench -o {folder} makes it")
    found = [load(file) for file in files_in(folder)]
    if not found:
        names = ", ".join(NAMES)
        raise BenchError(f"{folder}: there is no result, which would be {names}; run tinygrad-edu bench -o {folder}")
    return found
