"""Each op against the same steps composed of products, sigmoid and tanh: values, gradients, second derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.engine.primitives import PRIMITIVES
from tinygrad_edu.ops.recurrence import _gru, _lstm, _rnn

Step = Callable[..., tuple[Any, ...]]


def rnn_step(x: Any, pre: Any, h: Any) -> tuple[Any, ...]:
    return (tg.tanh(x + pre),)


def relu_step(x: Any, pre: Any, h: Any) -> tuple[Any, ...]:
    return (tg.relu(x + pre),)


def gru_step(x: Any, pre: Any, h: Any) -> tuple[Any, ...]:
    (xr, xz, xn), (hr, hz, hn) = tg.chunk(x, 3, 1), tg.chunk(pre, 3, 1)
    r, z = tg.sigmoid(xr + hr), tg.sigmoid(xz + hz)
    n = tg.tanh(xn + r * hn)
    return (n + z * (h - n),)


def lstm_step(x: Any, pre: Any, h: Any, c: Any) -> tuple[Any, ...]:
    i, f, n, o = tg.chunk(x + pre, 4, 1)
    c = tg.sigmoid(f) * c + tg.sigmoid(i) * tg.tanh(n)
    return tg.sigmoid(o) * tg.tanh(c), c


def composed(step: Step, reverse: bool, x: Any, weight: Any, bias: Any, *start: Any) -> list[Any]:
    """The states, and the cells, step by step."""
    state, found = start, []
    parts = tg.unbind(x, 1)
    for part in reversed(parts) if reverse else parts:
        pre = state[0] @ weight.mT
        state = step(part, pre if bias is None else pre + bias, *state)
        found.append(state)
    return [tg.stack(each[::-1] if reverse else each, 1) for each in zip(*found, strict=True)]


OPS: dict[str, tuple[Callable[..., list[Any]], Step, int, int]] = {
    "rnn": (lambda *args: [_rnn(*args, False)], rnn_step, 1, 1),
    "rnn with relu": (lambda *args: [_rnn(*args, True)], relu_step, 1, 1),
    "gru": (lambda *args: [_gru(*args)[0]], gru_step, 3, 1),
    "lstm": (lambda *args: list(_lstm(*args)[:2]), lstm_step, 4, 2),
}


def arguments(name: str, batch: int, steps: int, size: int, bias: bool, seed: int = 0) -> list[Any]:
    _, _, gates, states = OPS[name]
    rng = np.random.default_rng(seed)
    shapes = [(batch, steps, gates * size), (gates * size, size), (gates * size,), *[(batch, size)] * states]
    found = [tg.tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]
    return found if bias else [*found[:2], None, *found[3:]]


def weighted(outputs: list[Any], seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return sum([(out * rng.normal(size=out.shape)).sum() for out in outputs])


def assert_alike(ours: Any, theirs: Any) -> None:
    scale = max(1.0, np.abs(theirs.array).max(initial=0.0))
    np.testing.assert_allclose(ours.array, theirs.array, rtol=1e-10, atol=1e-12 * scale)


@pytest.mark.parametrize("name", OPS)
@settings(max_examples=12)
@given(
    sizes=st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 3)),
    bias=st.booleans(),
    reverse=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_the_op_is_its_composition(
    name: str, sizes: tuple[int, int, int], bias: bool, reverse: bool, seed: int
) -> None:
    op, step, _, _ = OPS[name]
    args = arguments(name, *sizes, bias, seed)
    leaves = [x for x in args if x is not None]
    both = op(*args, reverse), composed(step, reverse, *args)
    for mine, other in zip(*both, strict=True):
        assert_alike(mine, other)
    firsts = [tg.autograd.grad(weighted(outputs, seed), leaves, create_graph=True) for outputs in both]
    for mine, other in zip(*firsts, strict=True):
        assert_alike(mine, other)
    seconds = [tg.autograd.grad(weighted(list(g), seed + 1), leaves, allow_unused=True) for g in firsts]
    for mine, other, leaf in zip(*seconds, leaves, strict=True):
        nothing = tg.zeros_like(leaf)  # as of relu with one step
        assert_alike(nothing if mine is None else mine, nothing if other is None else other)


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_one_node_however_many_steps(name: str) -> None:
    args = arguments(name, 2, 2000, 2, True)
    out = OPS[name][0](*args, False)[0]
    node = out.source if name == "rnn" else out.source.inputs[0]
    assert node.op is PRIMITIVES[name]
    assert [link is not None for link in node.inputs] == [x is not None for x in [*args, None, None]][
        : len(node.inputs)
    ]
    out.sum().backward()
    assert all(np.isfinite(x.grad.array).all() for x in args)


@pytest.mark.parametrize("name", OPS)
def test_reversed_it_is_the_op_of_the_reversed_sequence(name: str) -> None:
    x, *rest = arguments(name, 2, 4, 3, True)
    for mine, other in zip(OPS[name][0](x, *rest, True), OPS[name][0](tg.flip(x, 1), *rest, False), strict=True):
        np.testing.assert_array_equal(mine.array, other.array[:, ::-1])


def test_gates_that_are_shut_let_nothing_through() -> None:
    x = np.zeros((1, 3, 4), np.float32)
    x[..., 0], x[..., 1] = -1e4, 1e4  # nothing new, and all of the old
    _, cells, gates = _lstm(
        x, np.zeros((4, 1), np.float32), None, np.zeros((1, 1), np.float32), np.full((1, 1), 7.0), False
    )
    np.testing.assert_array_equal(cells, np.full((1, 3, 1), 7.0))
    np.testing.assert_array_equal(gates[0, 0], [0, 1, 0, 0.5])


@pytest.mark.parametrize("name", OPS)
def test_half_precision_is_computed_in_single(name: str) -> None:
    args = [x.detach().to(tg.float16) for x in arguments(name, 2, 5, 3, True)]
    for mine, other in zip(OPS[name][0](*args, False), OPS[name][0](*[x.float() for x in args], False), strict=True):
        assert mine.dtype == tg.float16
        np.testing.assert_array_equal(mine.array, other.array.astype(np.float16))
