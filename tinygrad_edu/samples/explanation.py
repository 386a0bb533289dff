"""Explanation: the gradient of one weight as a table, with what each sample adds to it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..engine.graph import array_of
from .opening.factors import Rows
from .slots import Slots, one_number, slots_of, together, totals
from .sum_table import Line, SumTable, number, percent

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
        share: its share of the total pull, term / Σ|term|; negative if the term is. Without signs, the shares of all
            samples add up to 1. None if the pull is 0 or not finite.
        slots: how many products it is the sum of, one for each time step or position. x and delta are None
            unless there is just one, and where only the product is known.
        label: the label of the sample that was given to `explain`; None without one.

    >>> import tinygrad_edu as tg
    >>> w = tg.zeros(1, requires_grad=True)
    >>> (tg.tensor([[1.0], [3.0]]) @ w).backward(per_sample=True)
    >>> w.sample_grads.explain(0).rows[0]
    Row(sample=1, x=3.0, delta=1.0, product=3.0, coefficient=1.0, share=0.75, slots=1, label=None)
    """

    sample: int
    x: float | None
    delta: float | None
    product: float
    coefficient: float
    share: float | None
    slots: int
    label: str | None = None

    @property
    def term(self) -> float:
        """What it adds to `.grad`: coefficient · product."""
        return self.coefficient * self.product


class Slot(NamedTuple):
    """One of the products whose sum is a sample's; x and delta are None where only the product is known."""

    x: float | None
    delta: float | None
    product: float


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """The gradient of one weight as a sum: what each sample adds to it, largest first, and the total.

    Printed or shown in a notebook, it is a table whose lines add up to the last. Where samples pull in both
    directions, two lines have the sum of each direction, and the share in the last line says how much of the pull is
    left after these cancel.

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
    sample       x      δ     x·δ  share of pull
    --------------------------------------------
    1        4.000  1.000   4.000         57.14%
    0        2.000  1.000   2.000         28.57%
    2       -1.000  1.000  -1.000        -14.29%
    --------------------------------------------
    pulled up               6.000         85.71%
    pulled down            -1.000        -14.29%
    total                   5.000         71.43%
    """

    index: tuple[int, ...]
    rows: list[Row]
    total: float
    shared: float
    name: str
    _slots: Slots

    @property
    def pull(self) -> float:
        """Σ|term|: how hard the samples pull at the weight, in both directions together.

        >>> import tinygrad_edu as tg
        >>> w = tg.zeros(1, requires_grad=True)
        >>> (tg.tensor([[1.0], [-3.0]]) @ w).backward(per_sample=True)
        >>> explanation = w.sample_grads.explain(0)
        >>> explanation.total, explanation.pull
        (-2.0, 4.0)
        """
        return sum([abs(row.term) for row in self.rows])

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
        sample            x      δ    x·δ  share of pull
        ------------------------------------------------
        2             4.000  1.000  4.000         50.00%
        … 2 more samples, together  4.000         50.00%
        ------------------------------------------------
        total                       8.000        100.00%
        """
        return self._table(limit).as_text()

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        """The table for a notebook, with a bar for the size and the sign of what each sample adds."""
        return self._table(SHOWN).as_html()

    def _title(self) -> list[str]:
        place = f"[{', '.join(map(str, self.index))}]" if self.index else ""
        lines = [f"{self.name}.grad{place} is a sum over {_counted(len(self.rows), 'sample')}"]
        if any(row.slots > 1 for row in self.rows):
            lines.append("x·δ of a sample with several slots (time steps, positions) is a sum too: see slots(sample)")
        return lines

    def _table(self, limit: int | None) -> SumTable:
        if limit is not None and limit < 0:
            raise ValueError(f"table(): limit={limit}, it must be 0 or more, or None for all rows")
        columns = self._columns()
        shown = self.rows
        if limit is not None and len(shown) > limit + 1:  # a single one takes no more room than its line
            shown = [row for row in shown[:limit] if row.term] or shown[:limit]
        hidden = self.rows[len(shown) :]
        body = [Line([str(row.sample), *[cell(row) for _, cell in columns]], row.term) for row in shown]

        def summed(label: str, value: float, share: float | None) -> Line:
            return Line([label, *[""] * (len(columns) - 2), number(value), percent(share)], summed=True)

        if hidden:
            label = f"… {_counted(len(hidden), 'more sample' if shown else 'sample')}, together"
            body.append(summed(label, *_together(hidden)))
        foot = [summed("beside the samples", self.shared, None)] if self.shared else []
        up, down = [row for row in self.rows if row.term > 0], [row for row in self.rows if row.term < 0]
        if up and down:
            foot = [summed("pulled up", *_together(up)), summed("pulled down", *_together(down)), *foot]
        left = _together(self.rows)[1] if not self.shared else None
        foot.append(summed("total", self.total, left))
        labelled = any(row.label is not None for row in self.rows)
        return SumTable(self._title(), Line(["sample", *[name for name, _ in columns]]), body, foot, 1 + labelled)

    def _columns(self) -> list[tuple[str, Callable[[Row], str]]]:
        """The headings, and what stands below them for a row; the last two are what adds up, and its share."""
        known = any(row.x is not None for row in self.rows)
        several = any(row.slots > 1 for row in self.rows)
        columns: list[tuple[str, Callable[[Row], str]]] = []
        if any(row.label is not None for row in self.rows):
            columns.append(("label", lambda row: row.label or ""))
        if several:
            columns.append(("slots", lambda row: str(row.slots)))
        if known:
            columns += [("x", lambda row: number(row.x)), ("δ", lambda row: number(row.delta))]
        name = "x·δ" if known or several or not self.rows else "product"
        columns.append((name, lambda row: number(row.product)))
        if any(row.coefficient != 1 for row in self.rows):
            columns.append(("coefficient", lambda row: number(row.coefficient)))
            columns.append(("in .grad", lambda row: number(row.term)))
        return [*columns, ("share of pull", lambda row: percent(row.share))]


def explain(grads: Kept, index: Any, labels: Any = None) -> Explanation:
    """What `SampleGrads.explain` documents.

    >>> import tinygrad_edu as tg
    >>> w = tg.zeros(2, requires_grad=True)
    >>> (tg.tensor([[1.0, 0.0], [1.0, 4.0]]) @ w).backward(per_sample=True)
    >>> [row.product for row in tg.samples.explanation.explain(w.sample_grads, -1).rows]
    [4.0, 0.0]
    """
    whole = grads.open_sum("sample_grads.explain()")
    at = one_number(index, grads.shape)
    names = [None] * whole.count if labels is None else in_words(labels, whole.count, "explain()")
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        slots = together([slots_of(factor, whole, at, grads.written_out) for factor in whole.factors])
        products = np.bincount(slots.owner, weights=slots.product, minlength=whole.count)
        terms = products * (coefficients := grads.coefficients)
        total, shared = totals(grads, at, terms, len(slots.owner))
        pull = float(np.abs(terms).sum())
    counts = np.bincount(slots.owner, minlength=whole.count)
    first = np.searchsorted(slots.owner, np.arange(whole.count))
    looked_up = bool(whole.factors) and all(isinstance(factor, Rows) for factor in whole.factors)
    rows = []
    for m in np.argsort(-np.where(np.isnan(terms), np.inf, np.abs(terms)), kind="stable").tolist():
        x, delta = 0.0 if looked_up and not counts[m] else None, None
        if counts[m] == 1 and slots.known[first[m]]:
            x, delta = float(slots.x[first[m]]), float(slots.delta[first[m]])
        share = float(terms[m]) / pull if pull and math.isfinite(pull) else None
        rows.append(Row(m, x, delta, float(products[m]), float(coefficients[m]), share, int(counts[m]), names[m]))
    return Explanation(at, rows, total, shared, grads.name, slots)


def in_words(labels: Any, count: int, caller: str) -> list[str]:
    """The labels of `count` samples as text; `caller` is whom an error names.

    >>> in_words(np.array([3, 8]), 2, "explain()")
    ['3', '8']
    """
    try:
        found = array_of(labels).tolist() if hasattr(array_of(labels), "tolist") else list(labels)
    except TypeError:
        found = None
    if not isinstance(found, list) or isinstance(labels, str | bytes | Mapping | Set):
        raise TypeError(f"{caller}: labels must be a sequence with one for each sample, got {labels!r}")
    if len(found) != count:
        raise ValueError(
            f"{caller}: {_counted(len(found), 'label')} for {_counted(count, 'sample')}, there must be one for each"
        )
    return [" ".join(str(label).split()) for label in found]  # on one line, whatever is in it


def _together(rows: Sequence[Row]) -> tuple[float, float | None]:
    """What some samples add, and the part of the pull that this is."""
    shares = [row.share for row in rows if row.share is not None]
    return sum([row.term for row in rows]), sum(shares) if shares else None


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
