"""Tables of texts and numbers, and how to print them in a terminal and in a file."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import TextIO, TypeVar

Thing = TypeVar("Thing")

TEXT_WIDTH = 96  # longer lines are hard to read


@dataclass(frozen=True)
class Table:
    """A table of texts.

    Attributes:
        title: its title.
        headings: the headings of the columns.
        rows: one text for each heading.
        note: a sentence about it.
        long: whether it is too long for a terminal.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    long: bool = False

    @classmethod
    def of(
        cls, title: str, things: Iterable[Thing], columns: Mapping[str, Callable[[Thing], str]], note: str = ""
    ) -> Table:
        """A table with a row for each thing; each column maps a thing to its text."""
        return cls(title, tuple(columns), [tuple(said(thing) for said in columns.values()) for thing in things], note)


@dataclass(frozen=True)
class Answer:
    """The conclusions from a result.

    Attributes:
        headline: the answer in one line.
        reason: the reason in paragraphs.
        facts: the numbers behind it, by name.
        warnings: what to be careful about.
    """

    headline: str
    reason: Sequence[str] = ()
    facts: dict[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def plain(table: Table) -> str:
    """A table in plain text: numbers right-aligned, other columns left-aligned.

    >>> print(plain(Table("Steps", ("batch", "time"), [("8", "120 µs"), ("256", "1 ms")])))
    Steps
    batch    time
        8  120 µs
      256    1 ms
    """
    rows = [list(table.headings), *map(list, table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    numeric = _numeric(table)
    lines = [
        "  ".join(
            f"{cell:>{width}}" if right else f"{cell:<{width}}" for cell, width, right in zip(row, widths, numeric)
        )
        for row in rows
    ]
    note = [textwrap.fill(table.note, TEXT_WIDTH)] if table.note else []
    return "\n".join([table.title, *[line.rstrip() for line in lines], *note])


def show(answers: Sequence[Answer], tables: Sequence[Table], file: TextIO, warnings: Sequence[str] = ()) -> None:
    """Print answers and tables: with rich on a terminal, as plain text elsewhere.

    Args:
        answers: the conclusions from the results.
        tables: the numbers; long tables are left out.
        file: where to print.
        warnings: warnings to print first.
    """
    fancy = file.isatty() and find_spec("rich") is not None
    (_show_rich if fancy else _show_plain)(answers, [table for table in tables if not table.long], file, warnings)


def _show_plain(answers: Sequence[Answer], tables: Sequence[Table], file: TextIO, warnings: Sequence[str]) -> None:
    blocks = [_warning(text) for text in warnings]
    for answer in answers:
        blocks += [answer.headline, *(textwrap.fill(paragraph, TEXT_WIDTH) for paragraph in answer.reason)]
        blocks += map(_warning, answer.warnings)
    print("\n\n".join([*blocks, *map(plain, tables)]), file=file)


def _warning(text: str, width: int = TEXT_WIDTH) -> str:
    return textwrap.fill(f"Warning: {text}", width)


def _show_rich(answers: Sequence[Answer], tables: Sequence[Table], file: TextIO, warnings: Sequence[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(file=file, highlight=False)
    width = min(console.width, TEXT_WIDTH)
    for text in warnings:
        console.print(Text(f"{_warning(text, width)}\n", style="yellow"))
    for answer in answers:
        console.print(Text(answer.headline, style="bold green"))
        for paragraph in answer.reason:
            console.print(Text(f"\n{textwrap.fill(paragraph, width)}"))
        for text in answer.warnings:
            console.print(Text(f"\n{_warning(text, width)}", style="yellow"))
        console.print()
    for table in tables:
        console.print(Text(table.title, style="bold"))
        for part in fitting(table, console.width):
            made = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
            for heading, right in zip(part.headings, _numeric(part)):
                made.add_column(
                    Text(textwrap.fill(heading, _width(part, heading))), justify="right" if right else "left"
                )
            for row in part.rows:
                made.add_row(*map(Text, row))
            console.print(made)
        if table.note:
            console.print(Text(f"{textwrap.fill(table.note, width)}\n", style="dim"))


def fitting(table: Table, width: int) -> list[Table]:
    """Split a table into parts that are no wider than this, each with the first column, so that no number is cut off.

    >>> wide = Table("", ("size", "time of a step", "steps"), [("8", "120 µs", "12,345")])
    >>> [part.headings for part in fitting(wide, 18)]
    [('size', 'time of a step'), ('size', 'steps')]
    """
    needed = [_width(table, heading) for heading in table.headings]
    parts: list[list[int]] = []
    for column in range(1, len(needed)):
        if parts and _total([needed[0], *(needed[i] for i in parts[-1]), needed[column]]) <= width:
            parts[-1].append(column)
        else:
            parts.append([column])
    return [
        replace(
            table,
            headings=tuple(table.headings[i] for i in (0, *part)),
            rows=[tuple(row[i] for i in (0, *part)) for row in table.rows],
        )
        for part in parts or [[]]
    ]


def _width(table: Table, heading: str) -> int:
    """The width that a column needs: a heading may be broken between words, a text may not."""
    column = list(table.headings).index(heading)
    return max(map(len, [*heading.split(), *(row[column] for row in table.rows)]), default=1)


def _total(widths: Sequence[int]) -> int:
    """The width including what rich puts between columns."""
    return sum(widths) + 3 * len(widths)


def _numeric(table: Table) -> list[bool]:
    """Which columns contain mainly numbers."""
    columns = list(zip(*table.rows)) or [()] * len(table.headings)
    return [any(text[:1].isdigit() or text[:1] in ("–", "-", "∞") for text in column) for column in columns]
