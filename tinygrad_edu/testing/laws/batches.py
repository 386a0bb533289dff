"""Laws about batches: a gradient is the sum over the samples, in whatever order they come."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...dtypes import Array
from ...errors import SampleCouplingError
from ...tensors.creation import tensor
from ..recorded import same_values
from ..subject import is_floating
from .example import Example, NotApplicable, law

_COUPLED = "the outputs of a batch are neither those of its samples nor their sum: samples are coupled, or averaged"
_OTHERS = "the outputs are not those of the samples in another order"
_FEW_DIGITS = 1e-12  # relative to a number, a change of which about three digits are visible
_DENSE = 10**6  # the most numbers to write out of per-sample gradients


@law
def batch_is_sum_of_samples(example: Example) -> Iterator[str | None]:
    """The gradient of a shared input is the sum of the gradients of the samples computed one by one; a sample's own
    gradient is the same alone and in the batch; and `losses.backward(per_sample=True)` finds each of them.
    """
    count = _count(example)
    groups = [np.array([m]) for m in range(count)]
    rows = _kinds(example, groups)

    def alone(arrays: Sequence[Any], seeds: Sequence[Array]) -> list[list[Array]]:
        return [example.pull(_taken(example, g, arrays), _seeds(rows, g, seeds)) for g in groups]

    parts = alone(example.arrays, example.cotangents)
    rounding = functools.cache(lambda: example.rounding_with(lambda *at: _together(example, groups, alone(*at))))
    sizes = [np.sum(np.abs(p), axis=0) for p in zip(*parts, strict=True)]
    scales = [0.0 if i in example.batched else size for i, size in zip(example.checked, sizes, strict=True)]
    # The batch is at fault, so its value comes first.
    yield example.unlike(example.gradients, _together(example, groups, parts), scales, rounding=rounding)
    if not all(rows):
        return
    stacks = _per_sample(example, example.arrays, example.cotangents)
    each = functools.cache(
        lambda: np.add(rounding(), example.rounding_with(lambda *at: _per_sample(example, *at))).tolist()
    )
    for k, stack in enumerate(stacks):
        for m in range(len(stack)):
            text = example.differ(k, stack[m], parts[m][k], float(np.abs(stack).max(initial=0.0)), rounding=each)
            yield text and f"the gradient of {example.names()[k]!r} for sample {m}, by per_sample=True,{text}"


def _per_sample(example: Example, arrays: Sequence[Any], cotangents: Sequence[Array]) -> list[Array]:
    """For each checked input that all samples share the gradient of each sample; no rows where there are none."""
    none = [np.zeros((0, *example.arrays[i].shape)) for i in example.checked]
    results, leaves = example.record(arrays)
    count = _count(example)
    terms = [(out * tensor(c)).reshape(count, -1).sum(1) for out, c in zip(results, cotangents, strict=True)]
    losses = sum(terms[1:], terms[0])
    if losses.source is None:
        return none
    try:
        with example.subject.resumed():
            losses.backward(per_sample=True)
    except SampleCouplingError:  # it follows the graph, which may be more coupled than the numbers are
        return none
    for k, place in enumerate(example.checked):
        leaf = leaves[place]
        if place not in example.batched and leaf.grad is not None and count * leaf.array.size <= _DENSE:
            with example.subject.resumed():
                none[k] = np.asarray(leaf.sample_grads.materialize())
    return none


def _together(example: Example, groups: Sequence[Array], parts: Sequence[list[Array]]) -> list[Array]:
    """The gradients of parts of the batch, put together or added up."""
    whole = []
    for place, pieces in zip(example.checked, zip(*parts, strict=True), strict=True):
        if place in example.batched:
            whole.append(np.zeros(example.arrays[place].shape))
            whole[-1][np.concatenate(groups)] = np.concatenate(pieces)
        else:
            whole.append(np.sum(pieces, axis=0))
    return whole


@law
def partition_additivity(example: Example) -> str | None:
    """Backward passes of the parts of a batch, one after another, leave the same `.grad` as one of the whole batch."""
    count = _count(example)
    order = example.rng.permutation(count)
    cuts = sorted(example.rng.choice(np.arange(1, count), min(2, count - 1), replace=False))
    groups = np.split(order, cuts)
    rows = _kinds(example, groups)

    def one_by_one(arrays: Sequence[Any], seeds: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        return _one_by_one(example, arrays, [(g, _seeds(rows, g, seeds)) for g in groups])

    rounding = lambda: example.rounding_with(lambda *at: one_by_one(*at)[0])
    found, sizes = one_by_one(example.arrays, example.cotangents)
    return example.unlike(found, example.gradients, sizes, rounding=rounding)


def _one_by_one(
    example: Example, arrays: Sequence[Any], groups: Sequence[tuple[Array, list[Array]]]
) -> tuple[list[Array], list[Array]]:
    """The gradients after a backward pass of each part of the batch, and the size of what was added up for them."""
    leaves = example.record(arrays)[1]
    own = [np.zeros(example.arrays[i].shape) for i in example.checked]
    sizes = [np.zeros(g.shape) for g in own]
    for group, seeds in groups:
        before = [g.copy() for g in example.kept(leaves)]
        taken = _taken(example, group, arrays)
        parts = list(leaves)
        for place in example.batched:
            if isinstance(taken[place], np.ndarray):
                parts[place] = tensor(taken[place], requires_grad=example.subject.inputs[place].checked)
        example.run(example.rerun(parts), seeds)
        for k, place in enumerate(example.checked):
            if place in example.batched:
                own[k][group] = 0.0 if parts[place].grad is None else parts[place].grad.array
        sizes = [s + np.abs(a - b) for s, a, b in zip(sizes, example.kept(leaves), before, strict=True)]
    kept = example.kept(leaves)
    return [own[k] if place in example.batched else kept[k] for k, place in enumerate(example.checked)], sizes


@law
def permutation_equivariance(example: Example) -> Iterator[str | None]:
    """If the samples are reordered, their gradients are reordered too, and those of shared inputs stay the same."""
    count = _count(example)
    cycle = example.rng.permutation(count)
    swapped, moved = np.arange(count), np.empty(count, np.intp)
    swapped[cycle[:2]] = cycle[1::-1]
    moved[cycle] = np.roll(cycle, 1)
    for order in (moved, swapped):  # moving all of them may be hidden by a function that moves samples itself
        text = _in_order(example, order)
        if text and not _in_order_elsewhere(example, order):
            raise NotApplicable("numbers are tied: which of them has the gradient is a convention")
        yield text


def _in_order(example: Example, order: Array) -> str | None:
    """What is wrong with the gradients if the samples come in another order."""
    if all(np.array_equal(example.arrays[i], example.arrays[i][order]) for i in example.batched):
        raise NotApplicable("the samples are alike: in another order they are the same batch")
    rows: list[bool] = []
    wholes, reorderings = [], []
    for arrays in example.points():
        whole, moved = example.subject.values(arrays), _values(example, _taken(example, order, arrays))
        rows = [y.ndim > 0 and y.shape[0] == len(order) and same_values([z], [y[order]]) for y, z in zip(whole, moved)]
        if not all(row or same_values([z], [y]) for row, y, z in zip(rows, whole, moved, strict=True)):
            raise NotApplicable(_OTHERS)
        wholes.append([y[order] if row else y for row, y in zip(rows, whole, strict=True)])
        reorderings.append(moved)
    if not _move_alike(wholes, reorderings):
        raise NotApplicable(_OTHERS)

    return _reordered(example, order, rows, example.arrays, example.gradients)


def _in_order_elsewhere(example: Example, order: Array) -> str | None:
    """The same a little elsewhere, where no numbers are equal."""
    arrays = example.another_point()
    whole = example.subject.values(arrays)
    moved = _values(example, _taken(example, order, arrays))
    rows = [y.ndim > 0 and y.shape[0] == len(order) and same_values([z], [y[order]]) for y, z in zip(whole, moved)]
    return _reordered(example, order, rows, arrays, example.pull(arrays, example.cotangents))


def _reordered(
    example: Example, order: Array, rows: Sequence[bool], arrays: Sequence[Any], gradients: Sequence[Array]
) -> str | None:
    """What is wrong with the gradients at some arguments if the samples come in another order."""

    def compute(arrays: Sequence[Any], seeds: Sequence[Array]) -> list[Array]:
        return example.pull(_taken(example, order, arrays), _seeds(rows, order, seeds))

    expected = [g[order] if i in example.batched else g for i, g in zip(example.checked, gradients, strict=True)]
    found = compute(arrays, example.cotangents)
    return example.unlike(found, expected, rounding=lambda: example.rounding_with(compute))


def _count(example: Example) -> int:
    """How many samples there are."""
    if not example.batched:
        raise NotApplicable("no input is declared to have samples along axis 0 (see batched=)")
    shapes = [np.shape(example.arrays[i]) for i in example.batched]
    if any(not shape for shape in shapes) or len({shape[0] for shape in shapes}) > 1 or shapes[0][0] < 2:
        raise NotApplicable(f"batched inputs of shapes {shapes} do not share an axis 0 of two samples or more")
    if any(_uneven(example.arrays[i]) for i in example.batched):
        raise NotApplicable("samples are of very different sizes: beside the largest the others cannot be seen")
    return int(shapes[0][0])


def _uneven(array: Any) -> bool:
    """Whether the samples along axis 0 are of sizes so different that numbers of one vanish beside those of another."""
    if not is_floating(array) or not array.size:
        return False
    sizes = np.abs(array.reshape(len(array), -1)).max(axis=1)
    return bool(sizes.max() > 1e6 * max(1.0, float(sizes.min())))


def _taken(example: Example, samples: Array, arrays: Sequence[Any]) -> list[Any]:
    """The arguments with some of the samples only, or all in another order."""
    taken = list(arrays)
    for place in example.batched:
        taken[place] = taken[place][samples]
    return taken


def _values(example: Example, arrays: Sequence[Any]) -> list[Array]:
    try:
        return example.subject.values(arrays)
    except Exception as error:
        raise NotApplicable(f"it cannot be called with other samples: {error}") from error


def _kinds(example: Example, groups: Sequence[Array]) -> list[bool]:
    """For each output whether it has a row for each sample; otherwise it is a sum over the samples.

    Raises:
        NotApplicable: if some output is neither: then the samples are coupled, or averaged.
    """
    if _coupled_elsewhere(example, groups):
        raise NotApplicable(_COUPLED)
    kinds: list[bool] = []
    wholes, joined = [], []
    for arrays in example.points():
        whole = example.subject.values(arrays)
        parts = [_values(example, _taken(example, g, arrays)) for g in groups]
        kinds, together = [], []
        for k, out in enumerate(whole):
            pieces = [p[k] for p in parts if len(p) == len(whole)]
            kinds.append(_is_rows(out, pieces, groups))
            if not kinds[-1] and not _is_sum(out, pieces, groups):
                raise NotApplicable(_COUPLED)
            together.append(np.concatenate(pieces) if kinds[-1] else np.sum(pieces, axis=0))
        order = np.concatenate(groups)
        wholes.append([out[order] if row else out for out, row in zip(whole, kinds, strict=True)])
        joined.append(together)
    if not _move_alike(wholes, joined):
        raise NotApplicable(_COUPLED)
    return kinds


def _coupled_elsewhere(example: Example, groups: Sequence[Array]) -> bool:
    """Whether samples are coupled where all of them are of size 1: beside a large one that may not be seen, as in
    max(a, 0) = a + 0.
    """
    arrays = list(example.arrays)
    for i in example.batched:
        if is_floating(arrays[i]):
            arrays[i] = example.rng.uniform(0.25, 1.25, arrays[i].shape)
    try:
        whole = example.subject.values(arrays)
        parts = [example.subject.values(_taken(example, g, arrays)) for g in groups]
    except Exception:  # it need not take such numbers
        return False
    if not all(np.isfinite(out).all() for out in [*whole, *[out for part in parts for out in part]]):
        return False
    pieces = list(zip(*parts, strict=False))
    if len(pieces) != len(whole):
        return True
    return not all(_is_rows(w, p, groups) or _is_sum(w, p, groups) for w, p in zip(whole, pieces, strict=True))


def _move_alike(one: Sequence[list[Array]], other: Sequence[list[Array]]) -> bool:
    """Whether outputs at the first two points differ from each other as those that were found in another way do.

    Numbers may be alike because they are large, and what depends on other samples is small beside them.

    Raises:
        NotApplicable: if they do not differ enough to say so.
    """
    moves, others = ([b - a for a, b in zip(*pair[:2], strict=True)] for pair in (one, other))
    sizes = [float(np.abs(m).max(initial=0.0)) for m in moves]
    seen = [size > _FEW_DIGITS * np.abs(out).max(initial=0.0) for size, out in zip(sizes, one[0], strict=True)]
    if not any(seen):
        raise NotApplicable("the outputs hardly change nearby: what they depend on cannot be seen")
    pairs = [(m, n, size) for m, n, size, clear in zip(moves, others, sizes, seen, strict=True) if clear]
    return all((np.abs(m - n) <= 1e-3 * size).all() for m, n, size in pairs)


def _is_rows(whole: Array, pieces: Sequence[Array], groups: Sequence[Array]) -> bool:
    shapes = [(len(g), *whole.shape[1:]) for g in groups]
    if whole.ndim == 0 or whole.shape[0] != sum([len(g) for g in groups]) or [p.shape for p in pieces] != shapes:
        return False
    return same_values(pieces, [whole[g] for g in groups])


def _is_sum(whole: Array, pieces: Sequence[Array], groups: Sequence[Array]) -> bool:
    if [p.shape for p in pieces] != [whole.shape] * len(groups):
        return False
    size = np.sum([np.abs(p) for p in pieces], axis=0)
    return bool((np.abs(np.sum(pieces, axis=0) - whole) <= 1e-9 * np.max(size, initial=0.0)).all())


def _seeds(rows: Sequence[bool], samples: Array, cotangents: Sequence[Array]) -> list[Array]:
    """The cotangents that belong to some samples."""
    return [c[samples] if row else c for c, row in zip(cotangents, rows, strict=True)]
