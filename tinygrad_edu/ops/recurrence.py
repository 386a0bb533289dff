"""Recurrent layers over a whole sequence: each op is one node of the graph, however many steps there are.

What the inputs give to the gates comes in ready-made, for all steps at once. A step is then one small product, of the
state before it with the recurrent weight, and the gates. Backwards, what is not a chain is done for all steps at once
as well: the slopes of the gates before the loop, the gradient of the weight, one product over all steps, after it.
Where a pass is recorded, the same lines run on Tensors, and the steps are put together instead of written in place.

Arrays are (B, T, features): the samples come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from ..engine.primitives import Operand, primitive
from ..sample_rules.contributions import Contribution, Products, Through
from ..sample_rules.ids import Use, collapse, merge
from ..sample_rules.rule import Found, SampleRule, value_of
from .arguments import rows_of
from .products import product

__all__: list[str] = []  # they are what nn.RNN, nn.LSTM and nn.GRU are made of


def _order(x: Any, reverse: bool) -> range:
    """The steps in the order in which they are taken."""
    return range(x.shape[1] - 1, -1, -1) if reverse else range(x.shape[1])


def _before(states: Any, start: Any, reverse: bool) -> Any:
    """The state before each step."""
    start = start[:, None]
    parts = [states[:, 1:], start] if reverse else [start, states[:, :-1]]
    return np.concatenate(parts, 1)


def _by_gate(x: Any, count: int) -> Any:
    """(B, T, count * H) as (B, T, count, H)."""
    return x.reshape((*x.shape[:2], count, x.shape[2] // count))


def _gates_of(x: Any, count: int) -> list[Any]:
    """Each gate of (B, T, count * H)."""
    parts = _by_gate(x, count)
    return [parts[:, :, k] for k in range(count)]


def _and(one: Any, other: Any) -> Any:
    """The sum of two gradients, either of which may be missing."""
    return other if one is None else one if other is None else one + other


class _Recurrent(SampleRule):
    """A sample's steps are its own: the first axis of inputs, states and results is that of the samples."""

    through = True
    instead = (
        "A step depends on those before it, so a sample is a whole sequence: add up its losses, and set "
        "batch_first=True in the layer if samples are along axis 0"
    )

    def ids_of(self, node: Any, ids: Any) -> Sequence[Found]:
        own = self._owners(ids)
        found: list[Found] = []
        for name, link in zip(node.op.parameters, node.inputs, strict=True):
            if link is None:
                found.append(None)
            elif name in _SHARED:
                one = own is not None and own.size == 1
                found.append(own.reshape((1,) * len(link.shape)) if one else Use.SHARED)
            else:
                found.append(Use.MIXED if own is None else own if name == "x" else own[:, 0])
        return found

    def contribution(self, node: Any, argument: int, ids: Any, g: Any, args: Sequence[Any]) -> Contribution | None:
        own, name = self._owners(ids), node.op.parameters[argument]
        if own is None or name not in _SHARED:
            return None
        if name == "bias":
            return Through(_BIAS, own, lambda part, out, args: Products("g", ("btg", part), ()))
        reverse = value_of(node, "reverse")

        def products(part: Any, out: Any, args: Sequence[Any]) -> Products:
            states = out[0] if isinstance(out, tuple) else out
            return Products("gh", ("btg", part), (("bth", _before(states, args[_STATE], reverse)),))

        return Through(_BIAS, own, products)

    def _owners(self, ids: Any) -> Any:
        """The sample of each sequence, (B, 1, 1); None if one has several."""
        parts = [part for part in (ids if isinstance(ids, tuple) else (ids,)) if part is not None]
        single = [collapse(part, (1, 2)) for part in parts]
        return None if any(part is None for part in single) else reduce(_merged, single)


def _merged(one: Any, other: Any) -> Any:
    return None if one is None else merge(one, other)


_SHARED = ("weight", "bias")
_BIAS, _STATE = 2, 3  # the places of these arguments, in every op here


class _Steps:
    """The gradients that the gates' inputs get step by step, (B, T, gates, H), made of the slopes that belong to them.

    They are written over the slopes; where the pass is recorded, they are put together at the end.
    """

    def __init__(self, slopes: Any, direct: Any, weight: Any, states: Any) -> None:
        self.slopes = slopes
        self.direct = direct  # what the gates get from elsewhere, or None
        self.weight = weight
        self.made: list[Any] = [None] * slopes.shape[1]
        self.recorded: bool = type(states) is not np.ndarray

    def add(self, t: int, state: Any, cell: Any = None) -> Any:
        """Those of step `t`, by the gradient of its state, and of its cell, which all gates but the last one lead to.

        Returns:
            What the state before gets by the gates.
        """
        own = self.slopes[:, t]
        if self.recorded:
            own = own * (state[:, None] if cell is None else np.stack([cell] * (own.shape[1] - 1) + [state], 1))
            self.made[t] = own = own if self.direct is None else own + self.direct[:, t]
        else:
            own[:, -1] *= state
            own[:, :-1] *= (state if cell is None else cell)[:, None]
            if self.direct is not None:
                own += self.direct[:, t]
        return product(own.reshape((own.shape[0], own.shape[1] * own.shape[2])), self.weight)

    def all(self) -> Any:
        """(B, T, gates * H)."""
        found = np.stack(self.made, 1) if self.recorded else self.slopes
        return found.reshape((*found.shape[:2], found.shape[2] * found.shape[3]))


def _by_weight(steps: Any, states: Any, start: Any, reverse: bool) -> Any:
    """The gradient of the recurrent weight, a single product over all samples and steps."""
    return product(rows_of(steps).T, rows_of(_before(states, start, reverse)))


def _draw_cases(gates: int, states: int) -> Any:
    def cases(draw: Any) -> list[tuple[Any, ...]]:
        def case(batch: int, steps: int, size: int, bias: bool, reverse: bool) -> tuple[Any, ...]:
            start = [draw(batch, size) for _ in range(states)]
            wide = gates * size
            return draw(batch, steps, wide), draw(wide, size), draw(wide) if bias else None, *start, reverse

        sizes = [(2, 3, 2, True, False), (2, 2, 1, False, True), (1, 2, 2, True, True), (0, 2, 1, True, False)]
        return [case(*size) for size in sizes]

    return cases


def _rnn_cases(draw: Any) -> list[tuple[Any, ...]]:
    """Those with relu have positive numbers: a unit that is off tells nothing."""
    alive = partial(draw, low=0.1, high=2.0)
    steps = [(*case, False) for case in _draw_cases(1, 1)(draw)]
    return [*steps, *[(*case, True) for case in _draw_cases(1, 1)(alive)[:2]]]


def _rnn_rule(
    g: Any, out: Any, x: Any, weight: Any, bias: Any, h: Any, reverse: bool, relu: bool, *, needs: Any
) -> Any:
    slopes = (out > 0).astype(out.dtype) if relu else 1 - out * out
    steps = _Steps(slopes[:, :, None], None, weight, out)
    carried: Any = None
    for t in reversed(_order(out, reverse)):
        carried = steps.add(t, _and(carried, g[:, t]))
    own = steps.all()
    return own, None if needs[1] is None else _by_weight(own, out, h, reverse), own, carried, None, None


@primitive(
    joint=_rnn_rule,
    saves=("weight out", "weight h out", "weight out", "weight out"),
    single=True,
    cases=_rnn_cases,
    samples=_Recurrent(),
)
def _rnn(x: Operand, weight: Operand, bias: Operand, h: Operand, reverse: bool, relu: bool) -> Any:
    """The states h' = tanh(x + weight @ h + bias), or relu of that: (B, T, H) of x (B, T, H) and h (B, H)."""
    out, across = np.empty(x.shape, x.dtype), np.ascontiguousarray(weight.T)
    for t in _order(x, reverse):
        own = product(h, across)
        own += x[:, t]
        if bias is not None:
            own += bias
        h = out[:, t]
        np.maximum(own, 0, out=h) if relu else np.tanh(own, out=h)
    return out


def _gru_slopes(gates: Any, before: Any) -> tuple[Any, Any]:
    """By the state that a step ends in, the slopes of what r, z and n get of the state before, and n of the input."""
    r, z, n, into = _gates_of(gates, 4)
    by_new = (1 - z) * (1 - n * n)
    return np.stack([by_new * into * r * (1 - r), (before - n) * z * (1 - z), by_new * r], 2), by_new


def _gru_rule(g: Any, out: Any, x: Any, weight: Any, bias: Any, h: Any, reverse: bool, *, needs: Any) -> Any:
    """All gates of a step are linear in the gradient of its state, and that of the state before gets a part by z."""
    states, gates = out
    by_state, by_gates = g.parts
    slopes, by_new = _gru_slopes(gates, _before(states, h, reverse))
    r, z, n, into = _gates_of(gates, 4)
    direct = new = None
    if by_gates is not None:
        to_r, to_z, to_n, to_into = _gates_of(by_gates, 4)
        new = to_n * (1 - n * n)
        direct = np.stack([(to_r + new * into) * r * (1 - r), to_z * z * (1 - z), new * r + to_into], 2)
    steps = _Steps(slopes, direct, weight, states)
    whole: list[Any] = [None] * states.shape[1]
    carried = np.zeros(h.shape, gates.dtype)
    for t in reversed(_order(states, reverse)):
        whole[t] = carried if by_state is None else carried + by_state[:, t]
        carried = steps.add(t, whole[t]) + whole[t] * z[:, t]
    own = steps.all()
    new = _and(new, np.stack(whole, 1) * by_new)
    by_x = np.concatenate([own[:, :, : 2 * h.shape[1]], new], 2)
    return by_x, None if needs[1] is None else _by_weight(own, states, h, reverse), own, carried, None


@primitive(
    joint=_gru_rule,
    saves=("weight h out", "weight h out", "weight h out", "weight h out"),
    single=True,
    cases=_draw_cases(3, 1),
    samples=_Recurrent(),
)
def _gru(x: Operand, weight: Operand, bias: Operand, h: Operand, reverse: bool) -> Any:
    """The states (B, T, H), and of each step r, z, n and what r lets into n, (B, T, 4 * H); see `nn.GRU`."""
    size = h.shape[1]
    states = np.empty((*x.shape[:2], size), x.dtype)
    gates = np.empty((*x.shape[:2], 4 * size), x.dtype)
    across = np.ascontiguousarray(weight.T)
    for t in _order(x, reverse):
        given, kept = x[:, t], gates[:, t]
        own = product(h, across)
        if bias is not None:
            own += bias
        both, into = own[:, : 2 * size], own[:, 2 * size :]
        kept[:, 3 * size :] = into
        both += given[:, : 2 * size]
        _sigmoid_(both)
        kept[:, : 2 * size] = both
        into *= both[:, :size]
        into += given[:, 2 * size :]
        n = np.tanh(into, out=into)
        kept[:, 2 * size : 3 * size] = n
        own = h - n  # h' = (1 - z) n + z h
        own *= both[:, size:]
        h = np.add(own, n, out=states[:, t])
    return states, gates


def _sigmoid_(x: Any) -> None:
    """The sigmoid, in place: by tanh, which is faster than exp, and as precise beside numbers of the size of 1."""
    x *= 0.5
    np.tanh(x, out=x)
    x *= 0.5
    x += 0.5


def _lstm_slopes(gates: Any, cells: Any, before: Any) -> tuple[Any, Any]:
    """The slopes of what the gates get: i, f and n by the cell, o by the state; and that of the cell by the state."""
    i, f, n, o = _gates_of(gates, 4)
    bent = np.tanh(cells)
    slopes = np.stack([n * i * (1 - i), before * f * (1 - f), i * (1 - n * n), bent * o * (1 - o)], 2)
    return slopes, o * (1 - bent * bent)


def _lstm_rule(g: Any, out: Any, x: Any, weight: Any, bias: Any, h: Any, c: Any, reverse: bool, *, needs: Any) -> Any:
    """The gates i, f and n get their gradients by the cell, o by the state; both lead to the step before."""
    states, cells, gates = out
    by_state, by_cell, by_gates = g.parts
    slopes, into_cell = _lstm_slopes(gates, cells, _before(cells, c, reverse))
    i, f, n, o = _gates_of(gates, 4)
    direct = None
    if by_gates is not None:
        direct = _by_gate(by_gates, 4) * np.stack([i * (1 - i), f * (1 - f), 1 - n * n, o * (1 - o)], 2)
    steps = _Steps(slopes, direct, weight, states)
    carried, cell = np.zeros(h.shape, gates.dtype), np.zeros(c.shape, gates.dtype)
    for t in reversed(_order(states, reverse)):
        whole = carried if by_state is None else carried + by_state[:, t]
        cell = cell + whole * into_cell[:, t]
        if by_cell is not None:
            cell = cell + by_cell[:, t]
        carried = steps.add(t, whole, cell)
        cell = cell * f[:, t]
    own = steps.all()
    return own, None if needs[1] is None else _by_weight(own, states, h, reverse), own, carried, cell, None


@primitive(
    joint=_lstm_rule,
    saves=("weight c out", "weight h c out", "weight c out", "weight c out", "weight c out"),
    single=True,
    cases=_draw_cases(4, 2),
    samples=_Recurrent(),
)
def _lstm(x: Operand, weight: Operand, bias: Operand, h: Operand, c: Operand, reverse: bool) -> Any:
    """The states and the cells (B, T, H), and of each step the gates i, f, n and o, (B, T, 4 * H); see `nn.LSTM`."""
    size = h.shape[1]
    states = np.empty((*x.shape[:2], size), x.dtype)
    cells = np.empty_like(states)
    # A sigmoid is a tanh of half the size, raised: so all gates of a step are made by one call.
    factor = np.repeat(np.array([0.5, 0.5, 1, 0.5], x.dtype), size)
    raised = 1 - factor
    across = np.ascontiguousarray(weight.T * factor)
    gates = np.array(x, order="C") if bias is None else np.add(x, bias, order="C")
    gates *= factor
    own = np.empty((x.shape[0], 4 * size), x.dtype)
    i, f, n, o = [own[:, k * size : (k + 1) * size] for k in range(4)]
    for t in _order(x, reverse):
        product(h, across, own)
        own += gates[:, t]
        np.tanh(own, out=own)
        own *= factor
        own += raised
        gates[:, t] = own
        c = np.multiply(f, c, out=cells[:, t])
        n *= i
        c += n
        h = np.tanh(c, out=states[:, t])
        h *= o
    return states, cells, gates
