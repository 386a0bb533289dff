"""Random programs that read and write rows of a batch, for tests of coupling: a hypothesis strategy.

A program keeps a list of tensors of shape (B, D), at first h alone. Each step makes one more from those that are
there, by reading rows, computing with them, and writing them somewhere. Its losses are those of the rows of the last.
Which sample's loss depends on which row of h is not known beforehand: `reached` finds it by derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg

D = 2
Step = Callable[[list[Any]], Any]


class RowProgram:
    """The steps from h to the losses.

    Attributes:
        count: how many samples there are.
        anchored: whether each sample's loss depends on its own row of h whatever the steps are.
    """

    def __init__(self, draw: Any, anchored: bool, mixing: bool) -> None:
        self.count = draw(st.integers(2, 5))
        self.anchored = anchored
        self.names: list[str] = []
        self.steps: list[Step] = []
        kinds = ROWWISE + (MIXING if mixing else [])
        for number in range(draw(st.integers(1, 5))):
            kind = draw(st.sampled_from(kinds))
            self.names.append(kind.__name__)
            self.steps.append(kind(draw, self.count, number + 1))

    def __repr__(self) -> str:
        return f"RowProgram(B={self.count}: {' '.join(self.names)})"

    def rows(self, h: Any) -> Any:
        made = [h]
        for step in self.steps:
            made.append(step(made))
        return made[-1] + np.sin(h * 0.9) if self.anchored else made[-1]

    def losses(self, h: Any) -> Any:
        out = self.rows(h)
        return (np.sin(out * 1.3) + out).sum(1)


def reached(program: RowProgram, h: Any) -> np.ndarray:
    """For each sample, and each element of h, whether that sample's loss depends on it: (B, *shape of h)."""
    losses = program.losses(h)
    found = [
        tg.autograd.grad(losses, h, seed, retain_graph=True, allow_unused=True)[0] if losses.requires_grad else None
        for seed in np.eye(program.count)
    ]
    return np.array([np.zeros(h.shape, bool) if g is None else np.abs(g.array) > 1e-9 for g in found])


# What is read and written: an index of rows, of those that are there.


def places(draw: Any, count: int) -> Any:
    """An index that reads some rows, each once."""
    some = draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=count, unique=True))
    mask = np.isin(np.arange(count), some)
    first = min(some)
    return draw(
        st.sampled_from([some[0], some[0] - count, slice(first, None), slice(first, first + 1), np.array(some), mask])
    )


def which(draw: Any, number: int) -> int:
    """One of the tensors that are there, the latest more often than others."""
    return draw(st.sampled_from([number - 1, number - 1, draw(st.integers(0, number - 1))]))


def f(z: Any) -> Any:
    return np.sin(z * 1.1) + z


# Steps that leave each row where it is.


def mapped(draw: Any, count: int, number: int) -> Step:
    i = which(draw, number)
    return lambda made: f(made[i])


def added(draw: Any, count: int, number: int) -> Step:
    i, j = which(draw, number), which(draw, number)
    return lambda made: made[i] + made[j] * 0.7


def begun(draw: Any, count: int, number: int) -> Step:
    """Zeros, and some rows."""
    i, at = which(draw, number), places(draw, count)

    def step(made: list[Any]) -> Any:
        y = tg.zeros(count, D, dtype=tg.float64)
        y[at] = made[i][at] * 3
        return y

    return step


def written(draw: Any, count: int, number: int) -> Step:
    """Some rows written over those of a copy."""
    i, j, at = which(draw, number), which(draw, number), places(draw, count)

    def step(made: list[Any]) -> Any:
        y = made[i] * 0.8
        y[at] = f(made[j][at])
        return y

    return step


def written_twice(draw: Any, count: int, number: int) -> Step:
    """Rows that are overwritten: what was read for them is not used."""
    i, j, k = (which(draw, number) for _ in range(3))
    other, at = draw(st.permutations(range(count))), draw(st.integers(0, count - 1))

    def step(made: list[Any]) -> Any:
        y = made[i] * 0.8
        y[at] = made[j][other[0]]
        y[at] = made[k][at] * made[k][at].sum()
        return y

    return step


def forgotten(draw: Any, count: int, number: int) -> Step:
    """Rows in the same memory, of which one is forgotten."""
    i, at = which(draw, number), places(draw, count)

    def step(made: list[Any]) -> Any:
        y = made[i] * 0.8
        y[at] = 0.3
        return y

    return step


def viewed(draw: Any, count: int, number: int) -> Step:
    """Some rows changed through a view of them, and then read through it."""
    i, j, at = which(draw, number), which(draw, number), draw(st.integers(0, count - 1))
    way = draw(st.sampled_from(["row", "rows", "column", "scaled"]))

    def step(made: list[Any]) -> Any:
        y = made[i] * 0.8
        view = y[at:] if way == "rows" else y.T[0] if way == "column" else y[at]
        value = made[j][at:] if way == "rows" else made[j][:, 0] if way == "column" else made[j][at]
        view.mul_(3) if way == "scaled" else view.copy_(f(value))
        y += 0.1
        if way == "row":
            y[at] = view * 2
        return y

    return step


def looped(draw: Any, count: int, number: int) -> Step:
    i = which(draw, number)

    def step(made: list[Any]) -> Any:
        y = tg.zeros(count, D, dtype=tg.float64)
        for m in range(count):
            y[m] = f(made[i][m]) * made[i][m].sum()
        return y

    return step


def stacked(draw: Any, count: int, number: int) -> Step:
    i = which(draw, number)
    return lambda made: tg.stack([f(row) for row in made[i]])


def joined(draw: Any, count: int, number: int) -> Step:
    i, j, cut = which(draw, number), which(draw, number), draw(st.integers(0, count))
    return lambda made: tg.cat([made[i][:cut], f(made[j][cut:])])


def copied(draw: Any, count: int, number: int) -> Step:
    i, j = which(draw, number), which(draw, number)
    rows = np.array(draw(st.lists(st.integers(0, count - 1), min_size=1, unique=True)))
    way = draw(st.sampled_from(["index_copy", "index_add", "scatter", "scatter_add", "put"]))

    def step(made: list[Any]) -> Any:
        y, source = made[i] * 0.8, made[j][rows] * 2
        index = np.broadcast_to(rows[:, None], source.shape)
        if way.startswith("index"):
            return getattr(y, way)(0, rows, source)
        return tg.set_item(y, rows, source) if way == "put" else getattr(y, way)(0, index, source)

    return step


def chosen(draw: Any, count: int, number: int) -> Step:
    """Each row from one of two tensors."""
    i, j = which(draw, number), which(draw, number)
    mask = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))[:, None]
    return lambda made: tg.where(mask, f(made[i]), made[j] * 0.7)


def hidden(draw: Any, count: int, number: int) -> Step:
    i = which(draw, number)
    mask = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))[:, None]
    return lambda made: made[i].masked_fill(mask, 0.2)


# Steps in which rows may come to other samples, if their places are others.


def exchanged(draw: Any, count: int, number: int) -> Step:
    i, j, a, b = which(draw, number), which(draw, number), *(draw(st.integers(0, count - 1)) for _ in range(2))

    def step(made: list[Any]) -> Any:
        y = made[i] * 0.8
        y[a] = f(made[j][b])
        return y

    return step


def everywhere(draw: Any, count: int, number: int) -> Step:
    """One row in many places."""
    i, j, a, at = which(draw, number), which(draw, number), draw(st.integers(0, count - 1)), places(draw, count)

    def step(made: list[Any]) -> Any:
        y = made[i] * 0.8
        y[at] = made[j][a]
        return y

    return step


def averaged(draw: Any, count: int, number: int) -> Step:
    """The mean of some rows in one place."""
    i, j, at = which(draw, number), which(draw, number), places(draw, count)
    a = draw(st.integers(0, count - 1))

    def step(made: list[Any]) -> Any:
        y = made[i] * 0.8
        some = made[j][at]
        y[a] = some.mean(0) if some.ndim == 2 else some
        return y

    return step


def centred(draw: Any, count: int, number: int) -> Step:
    i = which(draw, number)
    return lambda made: made[i] - made[i].mean(0) * 0.9


def permuted(draw: Any, count: int, number: int) -> Step:
    i, order = which(draw, number), np.array(draw(st.permutations(range(count))))
    return lambda made: f(made[i][order])


def looked_up(draw: Any, count: int, number: int) -> Step:
    i = which(draw, number)
    rows = np.array(draw(st.lists(st.integers(0, count - 1), min_size=count, max_size=count)))
    return lambda made: made[i][rows] * 0.8


def chosen_elsewhere(draw: Any, count: int, number: int) -> Step:
    """Each row from its place or from another."""
    i, order = which(draw, number), np.array(draw(st.permutations(range(count))))
    mask = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)))[:, None]
    return lambda made: tg.where(mask, made[i], made[i][order])


ROWWISE: list[Callable[[Any, int, int], Step]] = [
    mapped, added, begun, written, written_twice, forgotten, viewed, looped, stacked, joined, copied, chosen, hidden,
]  # fmt: skip
MIXING: list[Callable[[Any, int, int], Step]] = [
    exchanged, everywhere, averaged, centred, permuted, looked_up, chosen_elsewhere,
]  # fmt: skip


@st.composite
def row_programs(draw: Any, anchored: bool = False, mixing: bool = True) -> RowProgram:
    return RowProgram(draw, anchored, mixing)
