"""Laws about arguments: their memory layout, and arguments that are unused, used twice, or broadcast."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...dtypes import Array
from ...engine.broadcasting import sum_to_shape
from ...engine.graph import Leaf, array_of
from ...engine.recording import make_tensor
from ..differences.rounding import rounding_of
from ..dtype_drift import gradient_drift
from ..recorded import same_values
from ..subject import Foreign, Subject, broadcasts_to, gradients_of, is_array, is_floating, or_zeros
from .example import GENEROUS, Example, NotApplicable, law, when

_MOST = 8  # inputs, or pairs of them, to try one by one


@law
def broadcast_is_expand(example: Example) -> Iterator[str | None]:
    """The gradient of a broadcast input is that of the expanded input, summed over the broadcast axes."""
    elsewhere, found = example.another_point(), False
    for place, shape in _expansions(example):

        def expanded(arrays: list[Any], place: int = place, shape: tuple[int, ...] = shape) -> list[Any]:
            return [np.broadcast_to(a, shape).copy() if i == place else a for i, a in enumerate(arrays)]

        try:
            here = example.subject.values(expanded(example.arrays))
            there = example.subject.values(expanded(elsewhere))
        except Exception:  # it does not take this shape
            continue
        if not (same_values(here, example.values) and same_values(there, example.subject.values(elsewhere))):
            continue

        def summed(
            arrays: list[Any], seeds: Sequence[Array], size: Any = np.asarray, wide: Any = expanded
        ) -> list[Array]:
            shapes = [example.arrays[i].shape for i in example.checked]
            return [sum_to_shape(size(g), s) for g, s in zip(example.pull(wide(arrays), seeds), shapes, strict=True)]

        try:
            expected, sizes = (summed(example.arrays, example.cotangents, size) for size in (np.asarray, np.abs))
        except Exception:  # a rule written for one shape proves nothing for others
            continue
        found = True
        rounding = functools.partial(example.rounding_with, summed)
        text = example.unlike(example.gradients, expected, sizes, rounding=rounding)
        name, own = example.subject.inputs[place].name, example.arrays[place].shape
        yield when(f"with {name!r} of shape {own} broadcast to {shape},", text)
    if not found:
        raise NotApplicable("no input is broadcast")


def _expansions(example: Example) -> Iterator[tuple[int, tuple[int, ...]]]:
    """The inputs, and the shapes to which they may be broadcast."""
    shapes = dict.fromkeys([*[np.shape(a) for a in example.arrays if is_array(a)], *[v.shape for v in example.values]])
    for place in example.checked:
        own = example.arrays[place].shape
        for shape in shapes:
            if own != shape and broadcasts_to(own, shape):
                yield place, shape


@law
def layouts_agree(example: Example) -> Iterator[str | None]:
    """The memory layout of inputs and cotangents does not matter: C or Fortran order, with gaps, reversed, read-only,
    or broadcast views.
    """
    for name, layout in _LAYOUTS.items():
        yield when(f"for {name} arrays", _with_layout(example, layout, example.arrays, example.gradients))
    # One number in memory may stand for many elements, as in the cotangent of a sum.
    for view in (_one_number, _repeated):

        def with_views(arrays: Sequence[Any], seeds: Sequence[Array], view: Any = view) -> list[Array]:
            return example.pull(arrays, [view(c) for c in seeds])

        expected = example.pull(example.arrays, [np.array(view(c)) for c in example.cotangents])
        found, rounding = (
            with_views(example.arrays, example.cotangents),
            functools.partial(example.rounding_with, with_views),
        )
        yield when("for a cotangent that is a broadcast view", example.unlike(found, expected, rounding=rounding))
    repeated = [_repeated(a) if is_floating(a) else a for a in example.arrays]
    plain = [np.array(a) if is_floating(a) else a for a in repeated]
    nudged = [np.asarray(a * (1 + 1e-12)) if is_floating(a) else a for a in plain]
    try:
        expected, beside = example.pull(plain, example.cotangents), example.pull(nudged, example.cotangents)
    except Exception:  # it may not take equal rows: a matrix to be inverted, for example
        return
    if same_values(expected, beside):
        yield when("for broadcast views", _with_layout(example, lambda a: a, repeated, expected))


def _with_layout(
    example: Example, layout: Callable[[Array], Array], arrays: list[Any], expected: list[Array]
) -> str | None:
    def laid_out(numbers: Sequence[Any], cotangents: Sequence[Array]) -> tuple[list[Any], list[Array], list[Array]]:
        given, seeds = [layout(a) if is_array(a) else a for a in numbers], [layout(c) for c in cotangents]
        results, leaves = example.record(given)
        with example.subject.resumed():
            found = gradients_of(results, [leaves[i] for i in example.checked], seeds)
        return given, seeds, or_zeros([array_of(g) for g in found], example.gradients)

    def rounding() -> list[float]:
        here = example.rounding if arrays is example.arrays else example.rounding_by(example.pull, arrays)
        there = example.rounding_by(lambda *moved: laid_out(*moved)[2], arrays)
        return [a + b for a, b in zip(here, there, strict=True)]

    try:
        given, seeds, found = laid_out(arrays, example.cotangents)
    except Exception as error:
        return f"it raised {type(error).__name__}: {error}"
    for one, now, before in zip(example.subject.inputs, given, arrays, strict=True):
        if is_floating(now) and not np.array_equal(now, before, equal_nan=True):
            return f"input {one.name!r} was changed"
    if not all(np.array_equal(now, before) for now, before in zip(seeds, example.cotangents, strict=True)):
        return "a cotangent was changed"
    return example.unlike(found, expected, rounding=rounding)


def _with_gaps(a: Array) -> Array:
    return _strided(np.full(tuple(2 * n for n in a.shape), np.nan if a.dtype.kind == "f" else 0, a.dtype), a, 2)


def _backwards(a: Array) -> Array:
    return _strided(np.empty_like(a), a, -1)


def _strided(block: Array, a: Array, step: int) -> Array:
    """The numbers of `a` in a block of memory, in steps along all axes."""
    steps: Any = (..., *(slice(None, None, step) for _ in a.shape))
    view: Array = block[steps]
    view[...] = a
    return view


def _read_only(a: Array) -> Array:
    copy = a.copy()
    copy.flags.writeable = False
    return copy


def _one_number(a: Array) -> Array:
    """A view that has the first number for all numbers."""
    return np.broadcast_to(a.reshape(-1)[:1].sum(), a.shape)


def _repeated(a: Array) -> Array:
    """A view that has the first row for all rows."""
    return np.broadcast_to(a[:1], a.shape) if a.ndim and a.shape[0] else a


_LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C-contiguous": lambda a: np.array(a, order="C"),
    "Fortran-contiguous": lambda a: np.array(a, order="F"),
    "non-contiguous": _with_gaps,
    "backward-running": _backwards,
    "read-only": _read_only,
}


@law
def fused_is_composed(example: Example) -> str | None:
    """A function has the same values and gradients as another implementation of it, given as `composed`."""
    if example.composed is None:
        raise NotApplicable("there is no other function (see composed=)")
    other, shared = example.composed
    arrays = example.arrays[shared:]
    values = other.values(arrays)
    if not same_values(example.values, values) and not _within_rounding(example, other, arrays, values):
        return "its values are not those of the composed function"
    found = dict(zip(other.checked, other.full_gradients(arrays, example.cotangents), strict=True))
    expected = []
    for place, ours in zip(example.checked, example.gradients, strict=True):
        expected.append(ours if place < shared else found.get(place - shared, np.zeros(ours.shape)))

    def rounding() -> list[float]:
        theirs = rounding_of(other.full_gradients, arrays, example.cotangents)
        spread = dict(zip(other.checked, theirs, strict=False))
        return [own + spread.get(i - shared, 0.0) for i, own in zip(example.checked, example.rounding, strict=True)]

    return example.unlike(example.gradients, expected, rounding=rounding)


def _within_rounding(example: Example, other: Subject, arrays: list[Any], values: list[Array]) -> bool:
    """Whether the values of the other function are the same but for rounding, or for what `rtol` allows."""
    if [v.shape for v in values] != [v.shape for v in example.values]:
        return False
    noise = [_of_values(example.subject, example.arrays), _of_values(other, arrays)]
    for ours, theirs, *both in zip(example.values, values, *noise, strict=True):
        allowed = example.rtol * np.abs(ours).max(initial=0.0) + GENEROUS * sum(both)
        if not (np.abs(ours - theirs) <= allowed).all():
            return False
    return True


def _of_values(subject: Subject, arrays: list[Any]) -> list[float]:
    """The rounding of what a function returns."""
    return rounding_of(lambda moved, _: subject.values(moved), arrays, []) or [0.0] * len(subject.values(arrays))


@law
def unaliased_and_unmutated(example: Example) -> str | None:
    """A backward pass changes no input, output or cotangent, and the gradients have their own memory, which later
    passes do not change.
    """
    if isinstance(example.subject, Foreign):
        name = example.subject.overwritten(example.arrays, example.cotangents)
        if name:
            return f"the gradient of {name!r} was changed by the next call of the backward: is it kept in a buffer?"
    arrays = [np.array(a) if is_array(a) else a for a in example.arrays]
    results, leaves = example.record(arrays)
    seeds = [np.array(c) for c in example.cotangents]
    kept = [np.array(out.array) for out in results]
    example.run(results, seeds)
    places = [i for i in range(len(arrays)) if is_array(arrays[i])]
    inputs = [(f"input {example.subject.inputs[i].name!r}", arrays[i], example.arrays[i]) for i in places]
    outs = [(f"output {k}", out.array, before) for k, (out, before) in enumerate(zip(results, kept, strict=True))]
    entering = [(f"cotangent {k}", a, b) for k, (a, b) in enumerate(zip(seeds, example.cotangents, strict=True))]
    for name, now, before in [*inputs, *outs, *entering]:
        example.compared += now.size
        if not np.array_equal(now, before, equal_nan=now.dtype.kind == "f"):
            return f"{name} was changed"
    held = [(f"the gradient of {example.subject.inputs[i].name!r}", leaves[i].grad) for i in example.checked]
    gradients = [(name, g.array, g.array) for name, g in held if g is not None]
    for k, (name, a, _) in enumerate(gradients):
        for other, b, _ in [*inputs, *outs, *entering, *gradients[:k]]:
            if a.size and np.shares_memory(a, b):
                return f"{name} shares memory with {other}"
    return None


@law
def right_shape_and_dtype(example: Example) -> str | None:
    """A gradient has the shape and dtype of its input, float64 or float32, even before it is cast to that dtype."""
    for dtype in (np.float64, np.float32):
        arrays = [a.astype(dtype) if is_floating(a) else a for a in example.arrays]
        seeds = [c.astype(dtype) for c in example.cotangents]
        try:
            results, leaves = example.subject.outputs(arrays)
        except Exception as error:
            raise NotApplicable(f"it cannot be computed in {np.dtype(dtype)}: {error}") from error
        held = [leaves[i] for i in example.checked]
        with example.subject.resumed():
            found, drifted = gradient_drift(results, held, seeds)
        for name, g, leaf in zip(example.names(), found, held, strict=True):
            example.compared += 1
            if g is not None and (g.shape, g.dtype) != (leaf.shape, leaf.dtype):
                return f"the gradient of {name!r} is {g.dtype} {g.shape} where {leaf.dtype} {leaf.shape} is right"
        for i, text in drifted.items():
            return f"the gradient of {example.names()[i]!r} {text}"
    return None


@law
def constant_input(example: Example) -> Iterator[str | None]:
    """If an input is a constant, which requires no gradient, the gradients of the others are the same."""
    if len(example.checked) < 2:
        raise NotApplicable("there is only one input")
    for k, place in list(enumerate(example.checked))[:_MOST]:
        results, leaves = example.record(example.arrays, constant=place)
        example.run(results, example.cotangents)
        found = example.kept(leaves)
        found[k] = example.gradients[k]
        text = example.unlike(found, example.gradients)
        yield when(f"with {example.subject.inputs[place].name!r} held constant,", text)


@law
def same_tensor_twice(example: Example) -> Iterator[str | None]:
    """If one tensor is passed for two inputs, its gradient is the sum of their gradients."""
    pairs = itertools.combinations(example.checked, 2)
    alike = [(i, j) for i, j in pairs if example.arrays[i].shape == example.arrays[j].shape]
    usable = False
    for i, j in alike[:_MOST]:
        arrays = list(example.arrays)
        arrays[j] = arrays[i]
        try:
            values = example.subject.values(arrays)
        except Exception:  # this input may not take such a number: a variance is not negative
            continue
        shapes = [v.shape for v in values]
        if shapes != [c.shape for c in example.cotangents] or not all(np.isfinite(v).all() for v in values):
            continue
        apart = dict(zip(example.checked, example.pull(arrays, example.cotangents), strict=True))
        a, b = apart[i], apart[j]
        if not (np.isfinite(a).all() and np.isfinite(b).all()):  # a distance of 0, whose root has no derivative
            continue
        usable = True
        leaf: Any = make_tensor(arrays[i].copy(), Leaf(arrays[i].shape, arrays[i].dtype))
        results = example.rerun([leaf if k in (i, j) else x for k, x in enumerate(arrays)])
        example.run(results, example.cotangents)
        (once,) = or_zeros([array_of(leaf.grad)], [a])
        added, rounding = float(np.max(np.abs(a) + np.abs(b), initial=0.0)), functools.partial(_of_two, example, arrays)
        text = example.differ(example.checked.index(i), once, np.asarray(a + b), added, rounding=rounding)
        first, second = (example.subject.inputs[place].name for place in (i, j))
        yield text and f"the gradient of one tensor as {first!r} and {second!r}{text}"
    if not usable:
        raise NotApplicable("there are no two inputs of one shape that could be the same")


def _of_two(example: Example, arrays: list[Any]) -> list[float]:
    """The rounding of the sum of two gradients, whichever they are."""
    return [2 * max(example.rounding_by(example.pull, arrays))] * len(example.checked)
