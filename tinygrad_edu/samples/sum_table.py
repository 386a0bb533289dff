"""The table of a sum: its lines, as text and as HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Line(NamedTuple):
    """One line of the table.

    Attributes:
        cells: what stands in each column.
        term: what its bar shows.
        summed: then the label stands across all columns but the last two.
    """

    cells: list[str]
    term: float = 0.0
    summed: bool = False


@dataclass
class SumTable:
    """The title, the headings, the lines below them, and those below the rule.

    >>> total = Line(["total", "", "", "3"], summed=True)
    >>> print(SumTable(["two"], Line(["sample", "x", "δ", "x·δ"]), [Line(["0", "1", "3", "3"])], [total]).as_text())
    two
    <BLANKLINE>
    sample  x  δ  x·δ
    -----------------
    0       1  3    3
    -----------------
    total           3
    """

    title: Sequence[str]
    head: Line
    body: Sequence[Line]
    foot: Sequence[Line]
    texts: int = 1  # how many columns hold words rather than numbers, from the left

    def as_text(self) -> str:
        """The table in columns of one width."""
        lines, n = [self.head, *self.body, *self.foot], len(self.head.cells)
        widths = [max([len(line.cells[i]) for line in lines if i or not line.summed]) for i in range(n)]
        widths[0] += max(0, max([len(line.cells[0]) for line in lines]) - sum(widths[:-2]) - 2 * (n - 3))

        def aligned(line: Line) -> str:
            cells = [
                cell.ljust(width) if i < self.texts else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line.cells, widths, strict=True))
            ]
            if not line.summed:
                return "  ".join(cells).rstrip()
            return line.cells[0] + "  ".join([" " * widths[0], *cells[1:]])[len(line.cells[0]) :].rstrip()

        rule = "-" * (sum(widths) + 2 * n - 2)
        parts = [*self.title, "", aligned(self.head), rule, *map(aligned, self.body), rule, *map(aligned, self.foot)]
        return "\n".join(parts)

    def as_html(self) -> str:
        """The table for a notebook, with a bar for the size and the sign of each line's term."""
        longest = max([abs(line.term) for line in self.body if math.isfinite(line.term)], default=0.0)
        rows = "\n".join([self._row(line, _bar(line.term, longest)) for line in self.body])
        return (
            f"<style>{_CSS}</style>\n"
            f'<table class="tinygrad-edu-sum">\n<caption>{"<br>".join(map(_escaped, self.title))}</caption>\n'
            f"<thead>{self._row(self.head)}</thead>\n<tbody>\n{rows}\n</tbody>\n"
            f"<tfoot>{''.join([self._row(line) for line in self.foot])}</tfoot>\n</table>"
        )

    def _row(self, line: Line, bar: str = "") -> str:
        label, *others = map(_escaped, line.cells)
        across = f' colspan="{len(others) - 1}"' if line.summed else ""
        cells = [
            f'<td class="text">{cell}</td>' if i < self.texts else f"<td>{cell}</td>"
            for i, cell in enumerate(others, start=1)
        ]
        shown = cells[-2:] if line.summed else cells
        return f'<tr><th{across}>{label}</th>{"".join(shown)}<td class="bar"{bar}></td></tr>'


def number(value: float | None) -> str:
    """A number with four significant digits; nothing for None."""
    return "" if value is None else f"{value:#.4g}".removesuffix(".") if value else "0"


def percent(value: float | None) -> str:
    """A share with two digits behind the point; nothing for None."""
    text = "" if value is None else f"{100 * value:.2f}%"
    return text if text != "-0.00%" else "0.00%"


# The colours are seen on a white page and on a black one; the text has the page's own.
_CSS = """
.tinygrad-edu-sum { border-collapse: collapse; color: inherit; font-variant-numeric: tabular-nums; }
.tinygrad-edu-sum caption { caption-side: top; text-align: left; color: inherit; padding: 0 0 0.6em 0.7em; }
.tinygrad-edu-sum th, .tinygrad-edu-sum td { text-align: right; white-space: nowrap; border: 0; padding: 0.2em 0.7em; }
.tinygrad-edu-sum th:first-child { text-align: left; font-weight: inherit; }
.tinygrad-edu-sum td.text { text-align: left; }
.tinygrad-edu-sum tbody { border: solid rgba(128, 128, 128, 0.6); border-width: 1px 0; }
.tinygrad-edu-sum tfoot tr:last-child > * { font-weight: bold; }
.tinygrad-edu-sum .bar { width: 7em; background: right / 90% 60% no-repeat; }
"""


def _escaped(text: str) -> str:
    from html import escape  # takes longer to import than this file

    return escape(text)


def _bar(term: float, longest: float) -> str:
    """The style of a cell with a bar from its middle, to the right for a positive number, else to the left."""
    if not term or not math.isfinite(term):
        return ""
    low, high = sorted([50.0, 50 + 50 * term / longest])
    colour = "rgba(31, 119, 180, 0.8)" if term > 0 else "rgba(230, 115, 25, 0.8)"
    stops = f"transparent {low:.1f}%, {colour} {low:.1f}% {high:.1f}%, transparent {high:.1f}%"
    return f' style="background-image: linear-gradient(90deg, {stops})"'
