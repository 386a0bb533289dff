"""Laws about batches: a gradient is the sum of those of the samples, in whatever order these come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...dtypes import Array
from ...errors import SampleCouplingError
from ...tensors.creation import tensor
from ..recorded import same_values
from .example import Example, NotApplicable, law

_DENSE = 10**6  # the most numbers to write out of per-sample gradients


@law
def batch_is_sum_of_samples(example: Example) -> Iterator[str | None]:
    """The gradient of a shared input is the sum of those of the samples, each computed alone, and a sample's own
    gradient is the same in the batch; and `losses.backward(per_sample=True)` finds each of them.
    """
    count = _count(example)
    groups = [np.array([m]) for m in range(count)]
    rows = _kinds(example, groups)
    alone = [example.pull(_taken(example, g), _seeds(example, rows, g)) for g in groups]
    yield _sums(example, groups, alone)
    results, leaves = example.record(example.arrays)
    terms = [(out * tensor(c)).reshape(count, -1).sum(1) for out, c in zip(results, example.cotangents) if all(rows)]
    losses = sum(terms[1:], terms[0]) if terms else None
    if losses is None or losses.source is None:
        return
    try:
        with example.subject.resumed():
            losses.backward(per_sample=True)
    except SampleCouplingError:  # it goes by the graph, and the graph may be more coupled than the numbers are
        return
    for k, place in enumerate(example.checked):
        leaf = leaves[place]
        if place in example.batched or leaf.grad is None or count * leaf.array.size > _DENSE:
            continue
        with example.subject.resumed():
            stack = np.asarray(leaf.sample_grads.materialize())
        for m in range(count):
            text = example.differ(stack[m], alone[m][k], float(np.abs(stack).max(initial=0.0)))
            yield text and f"the gradient of {example.names()[k]!r} for sample {m}, by per_sample=True,{text}"


@law
def partition_additivity(example: Example) -> str | None:
    """Backward passes of the parts of a batch, one after another, leave the same `.grad` as one of the whole."""
    count = _count(example)
    order = example.rng.permutation(count)
    cuts = sorted(example.rng.choice(np.arange(1, count), min(2, count - 1), replace=False))
    groups = np.split(order, cuts)
    rows = _kinds(example, groups)
    leaves = example.record(example.arrays)[1]
    own = [np.zeros(example.arrays[i].shape) for i in example.checked]
    sizes = [np.zeros(g.shape) for g in own]
    for group in groups:
        before = [g.copy() for g in example.kept(leaves)]
        arrays = _taken(example, group)
        parts = list(leaves)
        for place in example.batched:
            if isinstance(arrays[place], np.ndarray):
                parts[place] = tensor(arrays[place], requires_grad=example.subject.inputs[place].checked)
        results = example.rerun(parts)
        example.run(results, _seeds(example, rows, group))
        for k, place in enumerate(example.checked):
            if place in example.batched:
                own[k][group] = 0.0 if parts[place].grad is None else parts[place].grad.array
        sizes = [s + np.abs(a - b) for s, a, b in zip(sizes, example.kept(leaves), before, strict=True)]
    kept = example.kept(leaves)
    found = [own[k] if place in example.batched else kept[k] for k, place in enumerate(example.checked)]
    return example.unlike(found, example.gradients, sizes)


@law
def permutation_equivariance(example: Example) -> str | None:
    """If the samples come in another order, their gradients do, too, and those of shared inputs stay."""
    count = _count(example)
    order = np.roll(example.rng.permutation(count), 1) if count > 2 else np.array([1, 0])
    if all(np.array_equal(example.arrays[i], example.arrays[i][order]) for i in example.batched):
        raise NotApplicable("the samples are alike: in another order they are the same batch")
    rows: list[bool] = []
    for arrays in (example.arrays, example.another_point()):
        whole, moved = example.subject.values(arrays), _values(example, _taken(example, order, arrays))
        rows = [y.ndim > 0 and y.shape[0] == count and same_values([z], [y[order]]) for y, z in zip(whole, moved)]
        if not all(row or same_values([z], [y]) for row, y, z in zip(rows, whole, moved, strict=True)):
            raise NotApplicable("the outputs are not those of the samples in another order")
    found = example.pull(_taken(example, order), _seeds(example, rows, order))
    expected = [
        g[order] if i in example.batched else g for i, g in zip(example.checked, example.gradients, strict=True)
    ]
    return example.unlike(found, expected)


def _count(example: Example) -> int:
    """How many samples there are."""
    if not example.batched:
        raise NotApplicable("no input is said to have samples along axis 0 (see batched=)")
    shapes = [np.shape(example.arrays[i]) for i in example.batched]
    if any(not shape for shape in shapes) or len({shape[0] for shape in shapes}) > 1 or shapes[0][0] < 2:
        raise NotApplicable(f"batched inputs of shapes {shapes} do not have one axis 0 of two samples or more")
    return int(shapes[0][0])


def _taken(example: Example, samples: Array, arrays: Sequence[Any] | None = None) -> list[Any]:
    """The arguments with some of the samples only, or all in another order."""
    taken = list(example.arrays if arrays is None else arrays)
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
    kinds: list[bool] = []
    for arrays in (example.arrays, example.another_point()):
        whole = example.subject.values(arrays)
        parts = [_values(example, _taken(example, g, arrays)) for g in groups]
        kinds = []
        for k, out in enumerate(whole):
            pieces = [p[k] for p in parts if len(p) == len(whole)]
            kinds.append(_is_rows(out, pieces, groups))
            if not kinds[-1] and not _is_sum(out, pieces, groups):
                raise NotApplicable(
                    "the outputs of a batch are neither those of its samples nor their sum: samples are coupled, "
                    "or averaged"
                )
    return kinds


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


def _seeds(example: Example, rows: Sequence[bool], samples: Array) -> list[Array]:
    """The cotangents that belong to some samples."""
    return [c[samples] if row else c for c, row in zip(example.cotangents, rows, strict=True)]


def _sums(example: Example, groups: Sequence[Array], alone: Sequence[list[Array]]) -> str | None:
    """Whether the gradients of the batch are those of its parts, put together."""
    found, scales = [], []
    for place, pieces in zip(example.checked, zip(*alone, strict=True), strict=True):
        if place in example.batched:
            whole = np.zeros(example.arrays[place].shape)
            whole[np.concatenate(groups)] = np.concatenate(pieces)
        else:
            whole = np.sum(pieces, axis=0)
        found.append(whole)
        scales.append(np.zeros(()) if place in example.batched else np.sum(np.abs(pieces), axis=0))
    # It is the batch that is accused: what it has stands first.
    return example.unlike(example.gradients, found, scales)
