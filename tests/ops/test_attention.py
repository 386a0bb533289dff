"""The op of attention against its composition from plain ops, and what it keeps in memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import normal, rng

import tinygrad_edu as tg
from tinygrad_edu.ops import attention as file
from tinygrad_edu.ops.attention import attention, future


def composed(q: Any, k: Any, v: Any, mask: Any, kept: Any, gain: float, scale: float, causal: bool) -> tuple[Any, Any]:
    """The same by plain ops; rows without any key to see are zeros."""
    scores = (q @ k.mT) * scale
    if mask is not None:
        scores = scores + mask
    if causal:
        scores = scores + future(scores.shape[-2:], np.float64)
    seen = np.isfinite(scores.detach().array).any(-1)
    log = tg.where(seen, tg.logsumexp(tg.where(seen[..., None], scores, 0.0), -1), 0.0)
    weights = (scores - log[..., None]).exp()
    out = (weights if kept is None else weights * (kept * gain)) @ v
    return out, log.expand(out.shape[:-1])


def outcomes(function: Any, arrays: list[Any], rest: tuple[Any, ...], order: int) -> list[Any]:
    """Both results, and gradients up to the second order of a weighted sum of them."""
    leaves = [None if a is None else tg.tensor(a, requires_grad=True) for a in arrays]
    inputs = [x for x in leaves if x is not None]
    out, log = function(*leaves, *rest)
    total = (out * rng(1).normal(size=out.shape)).sum() + (log * rng(2).normal(size=log.shape)).sum()
    found = [out, log]
    if order == 1:
        found += tg.autograd.grad(total, inputs)
        return [t.detach().array for t in found]
    first = tg.autograd.grad(total, inputs, create_graph=True)
    again: Any = 0.0
    for i, g in enumerate(first):
        again = again + (g * rng(3 + i).normal(size=g.shape)).sum()
    found += [*first, *tg.autograd.grad(again, inputs)]
    return [t.detach().array for t in found]


def check(arrays: list[Any], rest: tuple[Any, ...], order: int = 1) -> None:
    mine, plain = outcomes(attention, arrays, rest, order), outcomes(composed, arrays, rest, order)
    for one, other in zip(mine, plain, strict=True):
        size = max(1.0, float(np.abs(other).max(initial=0.0)))
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11 * size)


sizes = st.integers(1, 9)


@settings(max_examples=60)
@given(
    lead=st.lists(st.integers(1, 3), max_size=3),
    broadcast=st.lists(st.booleans(), min_size=3, max_size=3),
    sizes=st.tuples(sizes, sizes, st.integers(1, 4), st.integers(1, 4)),
    mask=st.sampled_from([None, "full", "keys", "rows"]),
    options=st.tuples(st.booleans(), st.booleans()),
    block=st.sampled_from([1, 20, 1 << 17]),
    order=st.sampled_from([1, 1, 2]),
)
def test_it_is_its_composition_in_blocks_of_any_size(
    lead: list[int],
    broadcast: list[bool],
    sizes: tuple[int, int, int, int],
    mask: str | None,
    options: tuple[bool, bool],
    block: int,
    order: int,
) -> None:
    rows, keys, width, out = sizes
    causal, drops = options
    fronts = [[1 if one else n for n in lead] for one in broadcast]
    shapes = [(*fronts[0], rows, width), (*fronts[1], keys, width), (*fronts[2][:1], *lead[1:], keys, out)]
    masks: dict[Any, Any] = {None: None, "full": (*lead, rows, keys), "keys": (1, keys), "rows": (*lead, rows, 1)}
    arrays: list[Any] = [normal(*shape, seed=i) for i, shape in enumerate(shapes)]
    arrays.append(None if mask is None else normal(*masks[mask], seed=5))
    front = np.broadcast_shapes(*[shape[:-2] for shape in shapes], () if mask is None else masks[mask][:-2])
    kept = rng(4).random((*front, rows, keys)) < 0.7 if drops else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file, "_SCORES", block)
        patch.setattr(file, "_PACKED", block)
        check(arrays, (kept, 1.4, 0.6, causal), order)


@pytest.mark.parametrize("level", [9.0, 40.0, 2000.0])
def test_scores_of_any_size(level: float) -> None:
    check([normal(2, 4, 3), normal(2, 5, 3, seed=1), normal(2, 5, 2, seed=2), None], (None, 1.0, level, False))


@pytest.mark.parametrize("level", [-2000.0, 2000.0])
def test_rows_that_are_shifted(level: float) -> None:
    mask = level * np.arange(4)[:, None] + np.zeros(5)
    check([normal(4, 3), normal(5, 3, seed=1), normal(5, 2, seed=2), mask], (None, 1.0, 0.5, False))


@pytest.mark.parametrize("order", [1, 2])
def test_keys_that_are_masked_and_rows_that_are_masked_throughout(order: int) -> None:
    mask = np.where(rng(3).random((4, 5)) < 0.5, -np.inf, 0.0)
    mask[1], mask[2, :3] = -np.inf, 0
    arrays = [normal(2, 4, 3), normal(2, 5, 3, seed=1), normal(2, 5, 2, seed=2)]

    def bound(function: Any) -> Any:
        return lambda q, k, v: function(q, k, v, mask, None, 1.0, 0.5, False)

    mine, plain = (outcomes(bound(f), arrays, (), order) for f in (attention, composed))
    assert not mine[0][:, 1].any()
    for one, other in zip(mine, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-11)


def test_no_warning_where_a_block_is_masked_throughout() -> None:
    mask = np.full((40, 40), -np.inf)
    q = tg.tensor(normal(2, 40, 17), requires_grad=True)
    out, _ = attention(q, q, q, mask, None, 1.0, 0.5, False)
    out.sum().backward()
    assert not out.detach().array.any()
    assert not q.grad.array.any()  # type: ignore[union-attr]


@pytest.mark.parametrize(("rows", "keys"), [(3, 0), (0, 3), (0, 0)])
def test_no_queries_or_no_keys(rows: int, keys: int) -> None:
    q, k, v = (tg.tensor(normal(2, n, 4), requires_grad=True) for n in (rows, keys, keys))
    for causal in (False, True):
        out, log = attention(q, k, v, None, None, 1.0, 0.5, causal)
        assert out.shape == (2, rows, 4)
        (out.sum() + log.sum()).backward()
        for x in (out, q.grad, k.grad, v.grad):
            assert x is not None
            assert not x.detach().array.any()


@pytest.mark.parametrize(("rows", "keys"), [(5, 3), (3, 5), (5, 5), (1, 4), (4, 1)])
def test_a_query_sees_no_later_key(rows: int, keys: int) -> None:
    q, k, v = (tg.tensor(normal(n, 2, seed=n), requires_grad=True) for n in (rows, keys, keys))
    out, _ = attention(q, k, v, None, None, 1.0, 1.0, True)
    np.testing.assert_allclose(out.detach().array[0], v.detach().array[0], rtol=1e-14)
    out[min(1, rows - 1)].sum().backward()
    assert not v.grad.array[2:].any()  # type: ignore[union-attr]


def test_results_have_the_layout_of_the_queries() -> None:
    x = np.ascontiguousarray(normal(2, 5, 3, 4)).transpose(0, 2, 1, 3)
    out, _ = attention(x, x, x, None, None, 1.0, 0.5, False)
    assert out.transpose(0, 2, 1, 3).flags.c_contiguous


def traced(function: Any) -> tuple[Any, int, int]:
    """What a call returns, how much memory stays with it, and how much was in use at the most."""
    tracemalloc.start()
    result = function()
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return result, held, peak


@pytest.mark.parametrize("causal", [False, True])
def test_the_weights_are_never_there_all_at_once(causal: bool) -> None:
    count, rows, width = 16, 256, 8
    weights = count * rows * rows * 8
    x = tg.tensor(normal(count, rows, width), requires_grad=True)
    attention(x, x, x, None, None, 1.0, 0.3, causal)  # what is made once, such as small masks
    (out, log), held, peak = traced(lambda: attention(x, x, x, None, None, 1.0, 0.3, causal))
    assert held < 1.1 * (out.array.nbytes + log.array.nbytes) + 20_000
    assert peak < 0.4 * weights
    total = out.sum()
    _, _, peak = traced(total.backward)
    assert peak < 0.6 * weights


def test_only_the_gradients_that_are_wanted() -> None:
    arrays = [normal(4, 3), normal(5, 3, seed=1), normal(5, 2, seed=2), normal(4, 5, seed=3)]
    rest = (None, 1.0, 0.5, False)
    every = outcomes(attention, arrays, rest, 1)[2:]
    for wanted in range(4):
        leaves = [tg.tensor(a, requires_grad=i == wanted) for i, a in enumerate(arrays)]
        out, log = attention(*leaves, *rest)
        total = (out * rng(1).normal(size=out.shape)).sum() + (log * rng(2).normal(size=log.shape)).sum()
        (g,) = tg.autograd.grad(total, [leaves[wanted]])
        np.testing.assert_allclose(g.array, every[wanted], rtol=1e-12, atol=1e-13)
