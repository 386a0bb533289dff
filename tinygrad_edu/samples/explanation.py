"""Explanation: the gradient of one weight as a table, with what each sample adds to it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..engine.graph import array_of
from .opening.factors import Factor, Outer, Rows
from .opening.open_sum import OpenSum

if TYPE_CHECKING:
    from .opened import Kept

__all__ = ["Explanation", "Row", "Slot", "explain"]


SHOWN = 20  # rows that a printed table has at most; the others share a line


class Row(NamedTuple):
    """What one sample adds to the gradient of a weight.

    Attributes:
        sample: its number.
        x: what it sent into the weight: the layer's input. 1 where a row of a table was looked up, and for biases
            and scales, whose delta is the sample's whole gradient.
        delta: its error term: the derivative of its loss with respect to the layer's output.
        product: x · delta, or the sum of that over several slots: the sample's gradient, ``sample_grads[m][index]``.
        coefficient: what that is multiplied with in `.grad`: 1 unless gradients were clipped.
        share: its part of the total; None where the total is 0 or not finite.
        slots: how many products it is the sum of, one for each time step or position. x and delta are None
            unless there is just one, and where only the product is known.

    >>> import tinygrad_edu as tg
    >>> w = tg.zeros(1, requires_grad=True)
    >>> (tg.tensor([[1.0], [3.0]]) @ w).backward(per_sample=True)
    >>> w.sample_grads.explain(0).rows[0]
    Row(sample=1, x=3.0, delta=1.0, product=3.0, coefficient=1.0, share=0.75, slots=1)
    """

    sample: int
    x: float | None
    delta: float | None
    product: float
    coefficient: float
    share: float | None
    slots: int

    @property
    def term(self) -> float:
        """What it adds to `.grad`: coefficient · product."""
        return self.coefficient * self.product


class Slot(NamedTuple):
    """One of the products whose sum is a sample's; x and delta are None where only the product is known."""

    x: float | None
    delta: float | None
    product: float


class _Slots(NamedTuple):
    """The slots of all samples, sorted by sample: arrays of one length."""

    owner: Any
    x: Any
    delta: Any
    product: Any
    known: Any  # whether x and delta are


class _Line(NamedTuple):
    cells: list[str]
    term: float = 0.0
    summed: bool = False  # then the label stands across all columns but the last two


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """The gradient of one weight, laid open: what each sample adds to it, largest first, and the total.

    Printed, it is a table, and so it is at the end of a notebook's cell. What its lines show adds up to the last.

    Attributes:
        index: the place of the weight in its parameter.
        rows: a `Row` for each sample, sorted by the size of what it adds.
        total: `.grad[index]`.
        shared: what of the total is beside the samples, a penalty's gradient for example; 0.0 if nothing is.
        name: the parameter's; empty if it is not known.

    >>> import tinygrad_edu as tg
    >>> layer = tg.nn.Linear(2, 1)
    >>> layer(tg.tensor([[1.0, 2.0], [0.0, 4.0], [3.0, -1.0]])).squeeze(1).backward(per_sample=True)
    >>> layer.sample_grads()["weight"].explain((0, 1))
    weight.grad[0, 1] is a sum over 3 samples
    <BLANKLINE>
    sample       x      δ     x·δ    share
    --------------------------------------
    1        4.000  1.000   4.000   80.00%
    0        2.000  1.000   2.000   40.00%
    2       -1.000  1.000  -1.000  -20.00%
    --------------------------------------
    total                   5.000   100.0%
    """

    index: tuple[int, ...]
    rows: list[Row]
    total: float
    shared: float
    name: str
    _slots: _Slots

    def slots(self, sample: int) -> list[Slot]:
        """The products whose sum is one sample's: one for each time step, position, look-up or other use of the weight.

        Args:
            sample: its number.

        Raises:
            IndexError: if there is no such sample.

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(1, requires_grad=True)
        >>> steps = tg.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])  # two samples of two time steps
        >>> (steps @ w).sum(1).backward(per_sample=True)
        >>> w.sample_grads.explain(0).slots(1)
        [Slot(x=3.0, delta=1.0, product=3.0), Slot(x=4.0, delta=1.0, product=4.0)]
        """
        count, m = len(self.rows), operator.index(sample)
        if not -count <= m < count:
            raise IndexError(f"slots(): there is no sample {m} among {_counted(count, 'sample')}")
        start, stop = np.searchsorted(self._slots.owner, [m % count, m % count + 1])
        return [
            Slot(float(x) if known else None, float(delta) if known else None, float(product))
            for _, x, delta, product, known in zip(*[array[start:stop] for array in self._slots], strict=True)
        ]

    def table(self, limit: int | None = SHOWN) -> str:
        """The table as text.

        Args:
            limit: how many rows it has at most, the others being added up in one line; None for all.

        Raises:
            ValueError: if `limit` is negative.

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(1, requires_grad=True)
        >>> (tg.tensor([[1.0], [3.0], [4.0]]) @ w).backward(per_sample=True)
        >>> print(w.sample_grads.explain(0).table(limit=1))
        .grad[0] is a sum over 3 samples
        <BLANKLINE>
        sample            x      δ    x·δ   share
        -----------------------------------------
        2             4.000  1.000  4.000  50.00%
        … 2 more samples, together  4.000  50.00%
        -----------------------------------------
        total                       8.000  100.0%
        """
        head, body, foot = self._lines(limit)
        lines, n = [head, *body, *foot], len(head.cells)
        widths = [max([len(line.cells[i]) for line in lines if i or not line.summed]) for i in range(n)]
        widths[0] += max(0, max([len(line.cells[0]) for line in lines]) - sum(widths[:-2]) - 2 * (n - 3))

        def aligned(line: _Line) -> str:
            numbers = [cell.rjust(width) for cell, width in zip(line.cells[1:], widths[1:], strict=True)]
            return line.cells[0] + "  ".join([" " * widths[0], *numbers])[len(line.cells[0]) :].rstrip()

        rule = "-" * (sum(widths) + 2 * n - 2)
        return "\n".join([*self._title(), "", aligned(head), rule, *map(aligned, body), rule, *map(aligned, foot)])

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        """The table for a notebook, with a bar for the size and the sign of what each sample adds."""
        head, body, foot = self._lines(SHOWN)
        longest = max([abs(line.term) for line in body if math.isfinite(line.term)], default=0.0)
        rows = "\n".join([_html_row(line, _bar(line.term, longest)) for line in body])
        return (
            f"<style>{_CSS}</style>\n"
            f'<table class="tinygrad-edu-sum">\n<caption>{"<br>".join(map(_escaped, self._title()))}</caption>\n'
            f"<thead>{_html_row(head)}</thead>\n<tbody>\n{rows}\n</tbody>\n"
            f"<tfoot>{''.join([_html_row(line) for line in foot])}</tfoot>\n</table>"
        )

    def _title(self) -> list[str]:
        place = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        lines = [f"{self.name}.grad{place} is a sum over {_counted(len(self.rows), 'sample')}"]
        if any(row.slots > 1 for row in self.rows):
            lines.append("x·δ of a sample with several slots (time steps, positions) is a sum too: see slots(sample)")
        return lines

    def _lines(self, limit: int | None) -> tuple[_Line, list[_Line], list[_Line]]:
        """The headings, the lines below them, and those below the rule."""
        if limit is not None and limit < 0:
            raise ValueError(f"table(): limit={limit}, it must be 0 or more, or None for all rows")
        columns = self._columns()
        shown = self.rows
        if limit is not None and len(shown) > limit + 1:  # a single one takes no more room than its line
            shown = [row for row in shown[:limit] if row.term] or shown[:limit]
        hidden = self.rows[len(shown) :]
        body = [_Line([str(row.sample), *[cell(row) for _, cell in columns]], row.term) for row in shown]

        def summed(label: str, value: float) -> _Line:
            return _Line(
                [label, *[""] * (len(columns) - 2), _number(value), _percent(_share(value, self.total))], 0.0, True
            )

        if hidden:
            label = f"… {_counted(len(hidden), 'more sample' if shown else 'sample')}, together"
            body.append(summed(label, sum([row.term for row in hidden])))
        foot = [summed("beside the samples", self.shared)] if self.shared else []
        return _Line(["sample", *[name for name, _ in columns]]), body, [*foot, summed("total", self.total)]

    def _columns(self) -> list[tuple[str, Callable[[Row], str]]]:
        """The headings, and what stands below them for a row; the last two are what adds up, and its share."""
        known = any(row.x is not None for row in self.rows)
        several = any(row.slots > 1 for row in self.rows)
        columns: list[tuple[str, Callable[[Row], str]]] = [("slots", lambda row: str(row.slots))] if several else []
        if known:
            columns += [("x", lambda row: _number(row.x)), ("δ", lambda row: _number(row.delta))]
        name = "x·δ" if known or several or not self.rows else "product"
        columns.append((name, lambda row: _number(row.product)))
        if any(row.coefficient != 1 for row in self.rows):
            columns.append(("coefficient", lambda row: _number(row.coefficient)))
            columns.append(("in .grad", lambda row: _number(row.term)))
        return [*columns, ("share", lambda row: _percent(row.share))]


def explain(grads: Kept, index: Any) -> Explanation:
    """What `SampleGrads.explain` documents.

    >>> import tinygrad_edu as tg
    >>> w = tg.zeros(2, requires_grad=True)
    >>> (tg.tensor([[1.0, 0.0], [1.0, 4.0]]) @ w).backward(per_sample=True)
    >>> [row.product for row in tg.samples.explanation.explain(w.sample_grads, -1).rows]
    [4.0, 0.0]
    """
    whole = grads.open_sum("sample_grads.explain()")
    at = _one_number(index, grads.shape)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        slots = _together([_slots(factor, whole, at, grads.written_out) for factor in whole.factors])
        products = np.bincount(slots.owner, weights=slots.product, minlength=whole.count)
        terms = products * (coefficients := grads.coefficients)
        total, shared = _total(grads, at, terms, len(slots.owner))
    counts = np.bincount(slots.owner, minlength=whole.count)
    first = np.searchsorted(slots.owner, np.arange(whole.count))
    looked_up = bool(whole.factors) and all(isinstance(factor, Rows) for factor in whole.factors)
    rows = []
    for m in np.argsort(-np.where(np.isnan(terms), np.inf, np.abs(terms)), kind="stable").tolist():
        x, delta = 0.0 if looked_up and not counts[m] else None, None
        if counts[m] == 1 and slots.known[first[m]]:
            x, delta = float(slots.x[first[m]]), float(slots.delta[first[m]])
        share = _share(float(terms[m]), total)
        rows.append(Row(m, x, delta, float(products[m]), float(coefficients[m]), share, int(counts[m])))
    return Explanation(at, rows, total, shared, grads.name, slots)


def _one_number(index: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The place that `index` selects, one number for each axis."""
    index = tuple([array_of(part) for part in index]) if isinstance(index, tuple) else array_of(index)
    chosen = []
    try:  # from the numbers along each axis, stretched to `shape`: views, however large the parameter is
        chosen = [np.broadcast_to(n, shape)[index] for n in (*np.ix_(*map(np.arange, shape)), np.zeros((), np.intp))]
        found = f"selects an array of shape {chosen[-1].shape} from"
    except (IndexError, ValueError) as error:
        found = f"does not fit ({error})"
    if not chosen or chosen[-1].size != 1:
        last = tuple([n - 1 for n in shape])
        example = "which has none" if 0 in shape else f"such as explain({last[0] if len(shape) == 1 else last})"
        raise IndexError(
            f"explain(): index {index!r} {found} the parameter of shape {shape}: select one number, {example}"
        )
    return tuple([int(n.item()) for n in chosen[:-1]])


def _slots(factor: Factor, whole: OpenSum, at: tuple[int, ...], written_out: bool) -> _Slots:
    """What a factor adds to the gradient of one number of the parameter, slot by slot."""
    if not factor.placement.isometric:
        alone = OpenSum([factor], whole.count, whole.shape, whole.dtype)
        found = [array_of(block)[(slice(None), *at)] for block in alone.each_block()]
        product = np.concatenate(found) if found else np.zeros(0)
        return _of(np.arange(whole.count), None, product)
    place = _in_core(factor, at, whole.shape)
    if place is None:
        return _of(np.zeros(0, np.intp), None, np.zeros(0))
    values = [array_of(array) for array in factor.values]
    if isinstance(factor, Outer):
        group, out, into = place
        return _of(factor.owner, values[1][group, :, into], values[0][group, :, out])
    if isinstance(factor, Rows):
        here = values[1] == place[0]
        delta = values[0][here, place[1]]
        return _of(factor.owner[here], np.ones_like(delta), delta)
    delta = values[0][:, place[0]]
    return _of(factor.owner, None if written_out else np.ones_like(delta), delta)


def _of(owner: Any, x: Any, delta: Any) -> _Slots:
    """Slots with these products; where x is None, `delta` is the product, and all that is known."""
    known = np.full(len(owner), x is not None)
    product = (delta if x is None else x * delta).astype(np.float64)
    return _Slots(owner, delta if x is None else x.copy(), delta.copy(), product, known)


def _in_core(factor: Factor, at: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Any, ...] | None:
    """Where a factor's core has the parameter's number at `at`; None if it leaves that number out."""
    marked = np.zeros(shape, np.bool_)
    marked[at] = True
    found = np.flatnonzero(factor.placement.back(marked))
    return np.unravel_index(found[0], factor.core) if found.size else None


def _together(parts: list[_Slots]) -> _Slots:
    """The slots of several factors, sorted by sample."""
    none = _of(np.zeros(0, np.intp), None, np.zeros(0))
    joined = [np.concatenate(arrays) for arrays in zip(none, *parts, strict=True)]
    order = np.argsort(joined[0], kind="stable")
    return _Slots(*[array[order] for array in joined])


def _total(grads: Kept, at: tuple[int, ...], terms: Any, slots: int) -> tuple[float, float]:
    """`.grad[at]`, and what of it is beside the samples."""
    added = float(terms.sum())
    total = added if grads.grad is None else float(grads.grad[at])
    if grads.grad is None or grads.is_grad():
        return total, 0.0
    left = total - added
    # The sum and .grad were added up in different orders: less than this is rounding.
    rounding = float(np.finfo(grads.dtype).eps) * (8 + math.sqrt(slots)) * float(np.abs(terms).sum())
    return total, left if math.isfinite(added) and not abs(left) <= rounding else 0.0


def _share(part: float, total: float) -> float | None:
    return part / total if total and math.isfinite(total) else None


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _number(value: float | None) -> str:
    """A number with four significant digits; nothing for None."""
    return "" if value is None else f"{value:#.4g}".removesuffix(".") if value else "0"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{_number(100 * value)}%"


# The colours are seen on a white page and on a black one; the text has the page's own.
_CSS = """
.tinygrad-edu-sum { border-collapse: collapse; color: inherit; font-variant-numeric: tabular-nums; }
.tinygrad-edu-sum caption { caption-side: top; text-align: left; color: inherit; padding: 0 0 0.6em 0.7em; }
.tinygrad-edu-sum th, .tinygrad-edu-sum td { text-align: right; white-space: nowrap; border: 0; padding: 0.2em 0.7em; }
.tinygrad-edu-sum th:first-child { text-align: left; font-weight: inherit; }
.tinygrad-edu-sum tbody { border: solid rgba(128, 128, 128, 0.6); border-width: 1px 0; }
.tinygrad-edu-sum tfoot tr:last-child > * { font-weight: bold; }
.tinygrad-edu-sum .bar { width: 7em; background: right / 90% 60% no-repeat; }
"""


def _html_row(line: _Line, bar: str = "") -> str:
    label, *numbers = map(_escaped, line.cells)
    across = f' colspan="{len(numbers) - 1}"' if line.summed else ""
    cells = [f"<td>{number}</td>" for number in (numbers[-2:] if line.summed else numbers)]
    return f'<tr><th{across}>{label}</th>{"".join(cells)}<td class="bar"{bar}></td></tr>'


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
