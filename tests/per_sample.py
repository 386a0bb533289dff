"""Per-sample gradients the long way, for tests: one backward pass a sample, or one batch a sample.

`check_open_sum` compares everything that `SampleGrads` computes with the first of these. `calls` and `variants`
give calls of each op of the registry, and ids for their results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from ops.test_registry import OPS, cases, differentiable_arguments, leaves, results, run

import tinygrad_edu as tg
from tinygrad_edu.engine.broadcasting import sum_to_shape
from tinygrad_edu.engine.graph import Cotangents, Node
from tinygrad_edu.engine.primitives import Primitive
from tinygrad_edu.sample_rules.ids import NOBODY

TOLERANCE = 1e-11


def one_hot_passes(losses: Any, leaves: Sequence[Any]) -> list[np.ndarray]:
    """The gradients of each loss, (B, *shape) for each leaf, by B backward passes seeded with one-hot vectors."""
    count = losses.shape[0]
    found = [np.zeros((count, *leaf.shape), leaf.dtype) for leaf in leaves]
    for m, seed in enumerate(np.eye(count)):
        gradients = tg.autograd.grad(losses, leaves, seed, retain_graph=True, allow_unused=True)
        for stack, g in zip(found, gradients, strict=True):
            stack[m] = 0 if g is None else g.array
    return found


def single_samples(loss_of: Callable[[int], Any], count: int, leaves: Sequence[Any]) -> list[np.ndarray]:
    """The same by computing each sample alone: `loss_of(m)` is a tensor of one element."""
    found = [np.zeros((count, *leaf.shape), leaf.dtype) for leaf in leaves]
    for m in range(count):
        loss = loss_of(m)
        if not loss.requires_grad:
            continue
        for stack, g in zip(found, tg.autograd.grad(loss, leaves, allow_unused=True), strict=True):
            stack[m] = 0 if g is None else g.array
    return found


def assert_close(actual: Any, expected: Any, what: str, tolerance: float = TOLERANCE, scale: float = 0.0) -> None:
    """Equality within `tolerance` of the largest expected number, or of `scale` if that is larger.

    Numbers far below 1 may be what rounding leaves where numbers around 1 cancel: they count as no less than 0.1.
    """
    actual = np.asarray(getattr(actual, "array", actual))
    expected = np.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    scale = max(scale, float(np.abs(expected).max(initial=0.0)), 0.1)
    worst = float(np.abs(actual - expected).max(initial=0.0))
    assert worst <= tolerance * scale, f"{what}: off by {worst:.3g}, at a size of {scale:.3g}\n{actual}\n{expected}"


class Centred(tg.Function):
    """Its op has no sample rule, and mixes samples."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x - x.mean(0)

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g - g.mean(0)


def clear(leaves: Sequence[Any]) -> None:
    for leaf in leaves:
        leaf.grad = None


def check_open_sum(
    make_losses: Callable[[], Any],
    leaves: Sequence[Any],
    *,
    coupled: bool = False,
    beside: Callable[[], Any] | None = None,
    alone: Callable[[int], Any] | None = None,
    tolerance: float = TOLERANCE,
) -> None:
    """A per-sample backward pass against one-hot passes: every number that can be asked for.

    Args:
        make_losses: computes the losses, shape (B,), anew at each call.
        leaves: what they are differentiated by.
        coupled: passed on to `backward`.
        beside: computes a scalar that is differentiated by a plain `backward` besides.
        alone: computes the loss of one sample without the others, where that gives the same.
        tolerance: relative to the largest number of each result.
    """
    losses = make_losses()
    count = losses.shape[0]
    expected = one_hot_passes(losses, leaves)
    if alone is not None:
        for one, other in zip(single_samples(alone, count, leaves), expected, strict=True):
            assert_close(one, other, "a sample alone", 1e-10, scale=1.0)
    w = np.random.default_rng(11).normal(size=count)
    clear(leaves)
    losses.backward(w)
    seeded = [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.array.copy() for leaf in leaves]
    clear(leaves)
    make_losses().backward()
    plain = [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.array.copy() for leaf in leaves]
    clear(leaves)
    make_losses().backward(per_sample=True, coupled=coupled)
    rest = [np.zeros(leaf.shape) for leaf in leaves]
    if beside is not None:
        rest = [g.array for g in tg.autograd.grad(beside(), leaves)]
        beside().backward()
    for i, leaf in enumerate(leaves):
        if leaf.source.kept is None:
            assert not expected[i].any(), f"leaf {i}: nothing was kept of it"
            with pytest.raises(tg.GraphError, match="has none: "):
                leaf.sample_grads
            continue
        _check_numbers(leaf.sample_grads, expected[i], f"leaf {i}", tolerance)
        size = float(np.abs(expected[i]).max(initial=0.0)) * max(count, 1)
        assert_close(leaf.sample_grads.weighted_sum(w), seeded[i], f"leaf {i}: weighted_sum", tolerance, size)
        assert_close(leaf.sample_grads.sum(), plain[i], f"leaf {i}: sum", tolerance, size)
        size = max(size, float(np.abs(rest[i]).max(initial=0.0)))
        assert_close(leaf.shared_grad, rest[i], f"leaf {i}: shared_grad", tolerance, size)
        total = leaf.sample_grads.sum() + leaf.shared_grad
        assert_close(leaf.grad, total.array, f"leaf {i}: grad is sum and shared_grad", tolerance, size)
        assert_close(leaf.grad, plain[i] + rest[i], f"leaf {i}: grad", tolerance, size)


def _check_numbers(grads: Any, expected: np.ndarray, name: str, tolerance: float) -> None:
    """What SampleGrads computes, from the stack of all gradients."""
    count, shape = expected.shape[0], expected.shape[1:]
    flat = expected.reshape(count, int(np.prod(shape)))
    norms = np.sqrt((flat**2).sum(1))

    def close(actual: Any, wanted: Any, what: str, scale: float = 0.0) -> None:
        assert_close(actual, wanted, f"{name}: {what}", tolerance, scale)

    assert len(grads) == count
    assert grads.shape == shape
    close(grads.materialize(), expected, "materialize")
    if count:
        close(np.concatenate([b.array for b in grads.materialize(block=2)]), expected, "materialize(block)")
        close(grads[count - 1], expected[-1], "[m]", float(np.abs(expected).max(initial=0.0)))
        close(grads.mean(), expected.mean(0), "mean", float(np.abs(expected).max(initial=0.0)))
    close(grads[::-1], expected[::-1], "[::-1]")
    close(grads.norms(), norms, "norms")
    close(grads.gram(), flat @ flat.T, "gram")
    known = norms > max(1e-5 * norms.max(initial=0.0), 1e-8)
    unit = flat[known] / norms[known, None]
    close(grads.cosine().array[np.ix_(known, known)], unit @ unit.T, "cosine")
    assert not grads.cosine().array[norms == 0].any(), f"{name}: the cosine of a gradient of length 0"
    w, direction = (np.random.default_rng(5).normal(size=n) for n in (count, flat.shape[1]))
    size = float(np.abs(expected).max(initial=0.0))
    close(grads.weighted_sum(w), (w @ flat).reshape(shape), "weighted_sum", size)
    close(grads.sum(), expected.sum(0), "sum", size)
    close(grads.dot(direction.reshape(shape)), flat @ direction, "dot", size)
    for unbiased in (False, True):
        if count > unbiased:
            wanted = expected.var(0, ddof=int(unbiased))
            close(grads.variance(unbiased=unbiased), wanted, f"variance(unbiased={unbiased})", size**2)


def check_second_derivatives(make_losses: Callable[[], Any], leaves: Sequence[Any], **options: Any) -> None:
    """Results of a pass with `create_graph`, differentiated again, against one-hot passes that were recorded.

    Args:
        make_losses: as in `check_open_sum`.
        leaves: what is differentiated by, twice.
        options: passed on to `backward`.
    """
    losses = make_losses()
    count = losses.shape[0]
    rows: list[list[Any]] = [[] for _ in leaves]
    for seed in np.eye(count):
        gradients = tg.autograd.grad(losses, leaves, seed, create_graph=True, allow_unused=True)
        for row, leaf, g in zip(rows, leaves, gradients, strict=True):
            row.append((tg.zeros(leaf.shape, dtype=leaf.dtype) if g is None else g).reshape(-1))
    clear(leaves)
    make_losses().backward(per_sample=True, create_graph=True, **options)
    for i, (leaf, row) in enumerate(zip(leaves, rows, strict=True)):
        if leaf.source.kept and count:
            for name, (actual, expected) in _numbers_to_differentiate(leaf, tg.stack(row), **options).items():
                assert_close(actual, expected.array, f"leaf {i}: {name}", 1e-10, 1.0)
                for one, other in zip(_again(actual, leaves), _again(expected, leaves), strict=True):
                    assert_close(one, other, f"leaf {i}: derivative of {name}", 1e-9, 1.0)
    clear(leaves)


def _numbers_to_differentiate(leaf: Any, flat: Any, keep: str = "factors", **_: Any) -> dict[str, tuple[Any, Any]]:
    """Scalars made from what SampleGrads gives, each with the same made from the stack of all gradients."""
    grads, count, rng = leaf.sample_grads, flat.shape[0], np.random.default_rng(8)
    w, direction, pairs = rng.normal(size=count), rng.normal(size=leaf.shape), rng.normal(size=(count, count))
    found: dict[str, tuple[Any, Any]] = {}
    if ((flat.array**2).sum(1) > 1e-16).all():  # at 0 a length has no derivative
        lengths = (flat * flat).sum(1).sqrt()
        unit = flat / lengths[:, None]
        found["norms"] = (grads.norms() * w).sum(), (lengths * w).sum()
        if keep != "norms":
            found["cosine"] = (grads.cosine() * pairs).sum(), ((unit @ unit.T) * pairs).sum()
    if keep == "norms":
        return found
    along = flat @ direction.reshape(-1)
    found["gram"] = (grads.gram() * pairs).sum(), ((flat @ flat.T) * pairs).sum()
    found["weighted_sum"] = (grads.weighted_sum(w) * direction).sum(), along @ w
    found["dot"] = (grads.dot(direction) ** 2).sum(), (along**2).sum()
    found["materialize"] = (grads.materialize() ** 3).sum(), (flat**3).sum()
    found["[m]"] = (grads[0] ** 3).sum(), (flat[0] ** 3).sum()
    if count > 1:
        found["variance"] = grads.variance().sum(), flat.var(0).sum()
    return found


def _again(total: Any, leaves: Sequence[Any]) -> list[np.ndarray]:
    if not total.requires_grad:
        return [np.zeros(leaf.shape) for leaf in leaves]
    gradients = tg.autograd.grad(total, leaves, retain_graph=True, allow_unused=True)
    return [np.zeros(leaf.shape) if g is None else g.array for leaf, g in zip(leaves, gradients, strict=True)]


# Calls of the ops of the registry

RULED = [pytest.param(op, id=name) for name, op in OPS.items() if op.differentiable]


class Call(NamedTuple):
    """One call of an op: its node, and the arrays of its results."""

    node: Node
    results: tuple[Any, ...]
    several: bool


def calls(op: Primitive) -> Iterator[Call]:
    """The op's cases, each argument that has a gradient a leaf."""
    for case in cases(op):
        wanted = differentiable_arguments(op, case)
        if wanted:
            yield call_of(run(op, *leaves(case, wanted)))


def call_of(out: Any) -> Call:
    node = results(out)[0].source
    several = isinstance(out, tuple)
    return Call(node.inputs[0] if several else node, tuple(r.array for r in results(out)), several)


def variants(shape: tuple[int, ...], all_kinds: bool = True) -> Iterator[np.ndarray]:
    """SampleIds for an array of `shape`: one sample a slot along each axis, and stranger ones."""
    rng = np.random.default_rng(4)
    for axis, n in enumerate(shape):
        along = np.arange(n).reshape([-1 if i == axis else 1 for i in range(len(shape))])
        yield along
        if all_kinds:
            yield along // 2
            yield np.where(along % 3 == 1, NOBODY, along)
    if all_kinds:
        yield np.zeros((1,) * len(shape), int)
        yield rng.integers(NOBODY, 2, shape)
        yield rng.integers(NOBODY, 5, shape)
        yield np.arange(int(np.prod(shape))).reshape(shape)


def owners_for(call: Call, all_kinds: bool = True) -> Iterator[tuple[np.ndarray | None, ...]]:
    """SampleIds for all results of a call; None for a result that is not used."""
    kinds = [list(variants(r.shape, all_kinds)) for r in call.results]
    for i in range(max(map(len, kinds)) if all(kinds) else 0):
        ids = tuple(kind[i % len(kind)] for kind in kinds)
        yield ids
        for unused in range(len(kinds)) if len(kinds) > 1 and all_kinds else ():
            yield tuple(None if k == unused else own for k, own in enumerate(ids))


def ids_of(call: Call, ids: tuple[Any, ...]) -> Any:
    """What the op's rule says of its arguments, given the ids of its results."""
    return call.node.op.samples.ids_of(call.node, ids if call.several else ids[0])


def gradient_of(call: Call, ids: tuple[Any, ...], m: int) -> Any:
    """A gradient for the results in the elements of sample `m`, and 0 in all others."""
    rng = np.random.default_rng(m)
    parts = [None if own is None else rng.normal(size=r.shape) * (own == m) for r, own in zip(call.results, ids)]
    return Cotangents(parts) if call.several else parts[0]


def people(ids: tuple[Any, ...]) -> list[int]:
    """The numbers of all samples among ids."""
    return np.unique(np.concatenate([own[own >= 0] for own in ids if own is not None])).tolist()


def fitted(part: Any, shape: tuple[int, ...]) -> np.ndarray:
    """What an op's own rule gives for an argument, as an array of the argument's shape."""
    return np.zeros(shape) if part is None else sum_to_shape(np.asarray(part), shape)
