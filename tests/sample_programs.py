"""Random small models, for tests of per-sample gradients: a hypothesis strategy.

A program carries a state of shape (B, T, D) from step to step, and ends in one loss a sample. Whatever belongs to a
sample is an input with B as its first axis, so that the same program runs on one sample alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import tinygrad_edu as tg
import tinygrad_edu.nn.functional as F

Batch = dict[int, np.ndarray]
Step = Callable[[Batch, Any], Any]


class Program:
    """A model with its inputs.

    Attributes:
        count: how many samples it has.
        leaves: its parameters, float64.
        couples: whether samples may meet in it.
    """

    def __init__(self, draw: Any, may_couple: bool) -> None:
        self.draw = draw
        self.count = draw(st.integers(0, 4))
        self.time = draw(st.integers(1, 3))
        self.rng = np.random.default_rng(draw(st.integers(0, 2**16)))
        self.leaves: list[Any] = []
        self.may_couple = may_couple
        self.couples = False
        self._inputs: Batch = {}
        self._steps: list[Step] = []
        self._names: list[str] = []

    def __repr__(self) -> str:
        return f"Program(B={self.count}, T={self.time}: {' '.join(self._names)})"

    def normal(self, *shape: int) -> Any:
        return self.rng.normal(size=shape) * 0.7

    def parameter(self, *shape: int) -> Any:
        """A new parameter, or one of this shape that is there already: a weight with two uses."""
        same = [leaf for leaf in self.leaves if leaf.shape == shape]
        if same and self.draw(st.booleans()):
            return self.draw(st.sampled_from(same))
        self.leaves.append(tg.tensor(self.normal(*shape), requires_grad=True))
        return self.leaves[-1]

    def given(self, array: Any) -> int:
        """An input with one row a sample; steps find it in the batch under the number returned."""
        self._inputs[len(self._inputs)] = np.asarray(array)
        return len(self._inputs) - 1

    def add(self, name: str, step: Step) -> None:
        self._names.append(name)
        self._steps.append(step)

    def run(self, batch: Batch) -> Any:
        state: Any = None
        for step in self._steps:
            state = step(batch, state)
        return state

    def losses(self) -> Any:
        return self.run(self._inputs)

    def alone(self, m: int) -> Any:
        """The loss of sample `m`, computed without the others: the same, unless samples meet."""
        return self.run({key: array[m : m + 1] for key, array in self._inputs.items()})


# Steps: each takes the program and the width D of its state, and returns what it does and the width after it.


def matmul(p: Program, d: int) -> tuple[Step, int]:
    k = p.draw(st.integers(1, 3))
    w = p.parameter(d, k)
    return lambda batch, h: h @ w, k


def linear(p: Program, d: int) -> tuple[Step, int]:
    k = p.draw(st.integers(1, 3))
    w, b = p.parameter(k, d), p.parameter(k)
    return lambda batch, h: F.linear(h, w, b), k


def transposed(p: Program, d: int) -> tuple[Step, int]:
    w = p.parameter(2, d)
    return (lambda batch, h: h @ w.T), 2


def sliced(p: Program, d: int) -> tuple[Step, int]:
    w = p.parameter(d + 1, 3)
    k = p.draw(st.integers(1, 3))
    return p.draw(st.sampled_from([lambda batch, h: h @ w[:d, :k], lambda batch, h: h @ w[1:, ::-1][:, :k]])), k


def product(p: Program, d: int) -> tuple[Step, int]:
    one, two = p.parameter(d, 2), p.parameter(2, d)
    return lambda batch, h: h @ (one @ two), d


def weight_norm(p: Program, d: int) -> tuple[Step, int]:
    v, g = p.parameter(2, d), p.parameter(2, 1)
    return lambda batch, h: F.linear(h, g * v / (v.norm(dim=1, keepdim=True) + 0.1)), 2


def inverse(p: Program, d: int) -> tuple[Step, int]:
    w = p.parameter(d, d)
    return lambda batch, h: h @ tg.linalg.inv(w @ w.T + 2 * np.eye(d)), d


def normalised(p: Program, d: int) -> tuple[Step, int]:
    g, b = p.parameter(d), p.parameter(d)
    if p.draw(st.booleans()):
        return lambda batch, h: F.layer_norm(h, (d,), g, b, eps=0.1), d  # so that nearly equal numbers stay small
    return lambda batch, h: F.rms_norm(h, (d,), g, eps=0.1) + b, d


def broadcast(p: Program, d: int) -> tuple[Step, int]:
    shape = p.draw(st.sampled_from([(), (1,), (d,), (p.time, 1), (p.time, d), (1, 1, 1), (1, p.time, 1)]))
    a, b = p.parameter(*shape), p.parameter(*shape)
    return lambda batch, h: h * a + b, d


def curved(p: Program, d: int) -> tuple[Step, int]:
    f = p.draw(st.sampled_from([tg.tanh, tg.sin, tg.sigmoid, F.gelu, lambda h: (h * h + 1).sqrt(), lambda h: h.exp()]))
    return lambda batch, h: f(h.tanh()), d


def contracted(p: Program, d: int) -> tuple[Step, int]:
    spec, shape = p.draw(
        st.sampled_from(
            [
                ("btd,dk->btk", (d, 2)),
                ("btd,kd->btk", (2, d)),
                ("btd,tdk->btk", (p.time, d, 2)),
                ("btd,dk,btd->btk", (d, 2)),
                ("btd,td->btd", (p.time, d)),
                ("btd,td->btd", (p.time, d)),
                ("btd,st->bsd", (p.time, p.time)),
            ]
        )
    )
    w = p.parameter(*shape)
    width = 2 if spec.endswith("k") else d
    return lambda batch, h: tg.einsum(spec, *([h, w, h] if spec.count(",") == 2 else [h, w])), width


def attention(p: Program, d: int) -> tuple[Step, int]:
    q, k, v = p.parameter(d, 2), p.parameter(d, 2), p.parameter(d, d)
    return lambda batch, h: tg.softmax((h @ q) @ (h @ k).mT, -1) @ (h @ v), d


def recurrent(p: Program, d: int) -> tuple[Step, int]:
    w, u, b = p.parameter(d, 2), p.parameter(2, 2), p.parameter(2)

    def step(batch: Batch, h: Any) -> Any:
        state: Any = np.zeros((h.shape[0], 2))
        states = []
        for t in range(p.time):
            state = tg.tanh(h[:, t] @ w + state @ u + b)
            states.append(state)
        return tg.stack(states, 1)

    return step, 2


def twice(p: Program, d: int) -> tuple[Step, int]:
    w, b = p.parameter(d, d), p.parameter(d)
    return lambda batch, h: F.linear(F.linear(h, w, b).tanh(), w, b), d


def flat(p: Program, d: int) -> tuple[Step, int]:
    w, b = p.parameter(d, 2), p.parameter(2)
    return lambda batch, h: (h.reshape(h.shape[0] * p.time, d) @ w + b).tanh().reshape(h.shape[0], p.time, 2), 2


def embedded(p: Program, d: int) -> tuple[Step, int]:
    table = p.parameter(4, d)
    ids = p.given(p.rng.integers(0, 4, (p.count, p.time)))
    if p.draw(st.booleans()):  # the table is the output layer, too
        return lambda batch, h: (h + F.embedding(batch[ids], table)).tanh() @ table.T, 4
    return lambda batch, h: h + F.embedding(batch[ids], table), d


def ragged(p: Program, d: int) -> tuple[Step, int]:
    """The rows that a sample has, of all samples one after another; their sums are put back where they belong."""
    w = p.parameter(d, d)
    here = p.given(p.rng.random((p.count, p.time)) < 0.6)

    def step(batch: Batch, h: Any) -> Any:
        mask = batch[here]
        rows = (h[mask] @ w).tanh()
        owner = np.nonzero(mask)[0]
        sums = tg.zeros(h.shape[0], d, dtype=tg.float64)
        sums = sums.scatter_add(0, np.broadcast_to(owner[:, None], rows.shape), rows)
        return h + sums[:, None]

    return step, d


def masked(p: Program, d: int) -> tuple[Step, int]:
    """A parameter that only some samples use."""
    a = p.parameter(d)
    flag = p.given(p.rng.random((p.count, 1, 1)) < 0.5)
    return lambda batch, h: tg.where(batch[flag], h * a, h), d


def picked(p: Program, d: int) -> tuple[Step, int]:
    """A row of a parameter for each sample."""
    rows = p.parameter(3, d)
    group = p.given(p.rng.integers(0, 3, p.count))
    return lambda batch, h: h * rows[batch[group]][:, None], d


def joined(p: Program, d: int) -> tuple[Step, int]:
    a = p.parameter(1, 1, 2)
    return lambda batch, h: tg.cat([h, a.expand(h.shape[0], p.time, 2)], -1), d + 2


def parted(p: Program, d: int) -> tuple[Step, int]:
    a = p.parameter(d)
    return lambda batch, h: tg.stack([part * a[i] for i, part in enumerate(h.unbind(-1))], -1), d


def over_time(p: Program, d: int) -> tuple[Step, int]:
    f = p.draw(st.sampled_from([tg.cumsum, tg.softmax, tg.flip]))
    return lambda batch, h: f(h, (1,) if f is tg.flip else 1), d


def swapped(p: Program, d: int) -> tuple[Step, int]:
    """The same layer with the samples along another axis."""
    w = p.parameter(d, 2)
    return lambda batch, h: (h.permute(1, 2, 0).permute(0, 2, 1) @ w).permute(1, 0, 2), 2


def written(p: Program, d: int) -> tuple[Step, int]:
    """Changes in place."""
    a = p.parameter(d)

    def step(batch: Batch, h: Any) -> Any:
        h = h * 1.0
        h[:, 0] = h[:, -1] * a
        h += a
        h[..., :1].mul_(0.5)
        return h

    return step, d


def ordered(p: Program, d: int) -> tuple[Step, int]:
    a = p.parameter(p.time, d)
    ways: list[Step] = [
        lambda batch, h: (h * a).sort(1).values,
        lambda batch, h: (h + a).max(1, keepdim=True).values - h.roll(1, 1),
        lambda batch, h: F.pad(h + a, (0, 0, 1, 0))[:, :-1],
    ]
    return p.draw(st.sampled_from(ways)), d


class Square(tg.Function):
    """An op of the user, of which no sample rule is known."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * 2 * ctx.saved_tensors[0]


def unruled(p: Program, d: int) -> tuple[Step, int]:
    return lambda batch, h: Square.apply(h.tanh()), d


def coupled(p: Program, d: int) -> tuple[Step, int]:
    p.couples = True
    order = p.rng.permutation(p.count)
    ways: list[Step] = [
        lambda batch, h: h - 0.3 * h.sum(0),
        lambda batch, h: tg.softmax(h, 0),
        lambda batch, h: h * h[order],
        lambda batch, h: h.cumsum(0),
        lambda batch, h: h + (h.transpose(0, 1) @ h.permute(1, 2, 0)).sum(-1).T[..., None].tanh(),
    ]
    return p.draw(st.sampled_from(ways)), d


STEPS = [
    matmul, linear, transposed, sliced, product, weight_norm, inverse, normalised, broadcast, curved, contracted,
    attention, recurrent, twice, flat, embedded, ragged, masked, picked, joined, parted, over_time, swapped, written,
    ordered,
]  # fmt: skip


@st.composite
def programs(draw: Any, may_couple: bool = False) -> Program:
    """A program of one to four steps, some of them with a way around.

    Args:
        may_couple: let there be steps in which samples meet, ops without a sample rule, and losses of which
            several belong to one row of the batch.
    """
    p = Program(draw, may_couple)
    d = draw(st.integers(1, 3))
    x = p.given(p.normal(p.count, p.time, d))
    p.add("", lambda batch, h: tg.tensor(batch[x]))
    for make in draw(
        st.lists(st.sampled_from(STEPS + [coupled, coupled, coupled, unruled] * may_couple), min_size=1, max_size=4)
    ):
        step, width = make(p, d)
        if width == d and draw(st.booleans()):
            p.add(make.__name__ + "+", lambda batch, h, step=step: h + step(batch, h))
        else:
            p.add(make.__name__, step)
        d = width
    _end(p, draw, d)
    return p


def _end(p: Program, draw: Any, d: int) -> None:
    """To one loss a sample: by a mean over time, labels or targets; perhaps weighted, perhaps with a penalty."""
    targets, labels = p.given(p.normal(p.count, p.time, d)), p.given(p.rng.integers(0, d, p.count))
    scale = p.given(p.normal(p.count))
    ways: list[tuple[str, Step]] = [
        ("squares", lambda batch, h: ((h - batch[targets]) ** 2).sum((1, 2))),
        ("cross_entropy", lambda batch, h: F.cross_entropy(h.mean(1), batch[labels], reduction="none")),
        ("logsumexp", lambda batch, h: h.tanh().logsumexp((1, 2)) * batch[scale]),
        ("last", lambda batch, h: h[:, -1, 0].sin()),
    ]
    each: list[tuple[str, Step]] = [
        ("each time", lambda batch, h: h.tanh().sum(2).reshape(-1)),
        ("each number", lambda batch, h: h.tanh().sum(1).reshape(-1)),
    ]
    name, step = draw(st.sampled_from(ways + each * p.may_couple))
    p.couples |= name.startswith("each")
    p.add(name, step)
    if p.leaves and draw(st.booleans()):
        w = draw(st.sampled_from(p.leaves))
        p.add("penalty", lambda batch, losses: losses + 0.1 * (w**2).sum())
