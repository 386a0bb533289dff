"""Laws about backward passes: what enters them, how often they run, and what they add up to."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...dtypes import Array
from ...engine.graph import array_of
from ...tensors.creation import tensor
from ..differences.numeric import scale_of
from ..differences.point import Bounds, Change, Point, Way, decide, judge
from ..modules import of_module
from ..recorded import same_values
from ..subject import Subject, gradients_of, is_array, or_zeros, tracked
from .example import GENEROUS, Example, NotApplicable, law

_FEWEST = 1e-280
_FACTORS = {"-4u": -4.0, "2**20 u": 2.0**20, "2**-20 u": 2.0**-20}  # powers of 2: rounding scales with them


@law
def linear_in_cotangent(example: Example) -> Iterator[str | None]:
    """The gradients depend linearly on what enters the backward pass: those of 2u - 3v are 2 times those of u minus 3
    times those of v, those of 0 are 0, those of two parts of u add up to those of u, and those of -4u, 2**20 u and
    2**-20 u are that many times those of u.
    """
    u, v = example.cotangents, example.other_cotangents()
    pull = Point.of(example.subject, example.arrays, example.values, u).pull
    by_u, by_v = pull(u), pull(v)

    def mixed(one: list[Array], other: list[Array], minus: float = -3) -> list[Array]:
        return [np.asarray(2 * a + minus * b) for a, b in zip(one, other, strict=True)]

    sizes = mixed([np.abs(g) for g in by_u], [np.abs(g) for g in by_v], 3)
    yield example.unlike(pull(mixed(u, v)), mixed(by_u, by_v), sizes, ", for 2u - 3v")
    nothing = pull([np.zeros(a.shape) for a in u])
    yield example.unlike(nothing, [np.zeros(g.shape) for g in by_u], after=", for a cotangent of zeros")
    masks = [example.rng.random(a.shape) < 0.5 for a in u]
    some, others = (pull([a * m for a, m in zip(u, part, strict=True)]) for part in (masks, [~m for m in masks]))
    total = [np.asarray(a + b) for a, b in zip(some, others, strict=True)]
    sizes = [np.abs(a) + np.abs(b) for a, b in zip(some, others, strict=True)]
    yield example.unlike(total, by_u, sizes, ", for a cotangent in two parts, each of them 0 in places")
    for words, factor in _FACTORS.items():
        scaled = [g / factor for g in pull([factor * c for c in u])]
        tiny = any(((g != 0) & (np.abs(g * factor) < _FEWEST)).any() for g in by_u)  # which has few digits
        if not tiny and all(np.isfinite(g).all() for g in scaled):  # or else something overflows that did not
            yield example.unlike(scaled, by_u, after=f", for {words}, divided by as much")


@law
def adjoint_identity(example: Example) -> str | None:
    """The inner product of u and J·v, a numeric derivative along v, equals that of the gradients for u and v."""
    usable = 0
    for _ in range(3):
        u = example.other_cotangents()
        point = Point.of(example.subject, example.arrays, example.values, u)
        directions = [np.asarray(example.rng.normal(size=x.shape) * scale_of(x)) for x in point.arrays]
        gradients = point.pull(u)
        terms = [g * d for g, d in zip(gradients, directions, strict=True)]
        ours, size = math.fsum([float(t.sum()) for t in terms]), float(sum([np.abs(t).sum() for t in terms]))
        change = Change(point, point.line(directions))
        slope = change.slope(1e-9 * size + 1e-300)
        ways = [float(np.abs(d).sum()) for d in directions]
        inexact = sum(
            [example.rtol * float(np.abs(g).max(initial=0.0)) * w for g, w in zip(gradients, ways, strict=True)]
        )
        precision = 1e-5 * max(size, abs(float(slope.value))) + 1e-9 * change.magnitude()
        bounds = Bounds(max(1e-9 * size, inexact), 1e-14 * change.magnitude(), precision)
        wrong, exact = judge(ours, slope, bounds)
        if wrong and exact and Way(point, point.line(directions)).slope(np.inf, tries=1).kink.any():
            continue  # the kinks of several outputs may cancel, nearly
        if wrong and exact:
            blur = GENEROUS * sum([e * w for e, w in zip(example.rounding, ways, strict=True)])
            slope, (wrong, exact) = decide(change, ours, slope, bounds._replace(noise=bounds.noise + blur))
        if not exact:
            continue
        usable += 1
        example.compared += 1
        if wrong:
            return f"⟨Jv, u⟩ is {slope.value:.10g} ± {slope.error:.1g}, but ⟨v, Jᵀu⟩ is {ours:.10g}"
    if not usable:
        raise NotApplicable("there is no usable numeric derivative here")
    return None


@law
def accumulate_twice_is_double(example: Example) -> Iterator[str | None]:
    """A second backward pass through the same graph adds the same gradients once more to `.grad`."""
    results, leaves = example.record([np.array(a) if isinstance(a, np.ndarray) else a for a in example.arrays])
    for times, words in ((1, ", after one pass"), (2, ", after two passes")):
        example.run(results, example.cotangents, retain_graph=True)
        yield example.unlike(example.kept(leaves), [np.asarray(times * g) for g in example.gradients], after=words)


@law
def sum_of_losses_is_two_backwards(example: Example) -> Iterator[str | None]:
    """One backward pass of the sum of two losses leaves the same `.grad` as a pass of each; a loss may depend on a
    single output.
    """
    u, v = example.cotangents, example.other_cotangents()

    def loss(results: list[Any], seeds: list[Array]) -> Any:
        return sum([(out * tensor(c)).sum() for out, c in zip(results, seeds, strict=True)])

    def one_by_one(losses: Callable[[list[Any]], list[Any]]) -> tuple[list[Array], list[Array]]:
        """The gradients after a pass of each loss of one graph, and the size of what was added up for them."""
        results, leaves = example.record(example.arrays)
        before = [np.zeros(example.arrays[i].shape) for i in example.checked]
        sizes = before
        for one in losses(results):
            example.run([one], [None], retain_graph=True)
            after = [g.copy() for g in example.kept(leaves)]
            sizes = [s + np.abs(a - b) for s, a, b in zip(sizes, after, before, strict=True)]
            before = after
        return before, sizes

    together, _ = one_by_one(lambda results: [loss(results, u) + loss(results, v)])
    yield example.unlike(together, *one_by_one(lambda results: [loss(results, u), loss(results, v)]))
    if len(u) > 1:
        found, sizes = one_by_one(lambda results: [loss([out], [c]) for out, c in zip(results, u, strict=True)])
        yield example.unlike(found, example.gradients, sizes, ", for a pass of each result alone")


@law
def deterministic(example: Example) -> str | None:
    """The same arguments give the same outputs and gradients again, with or without a graph."""
    again = example.subject.values(example.arrays)
    example.compared += sum([out.size for out in again])
    if not same_values(again, example.values):
        return "called twice with the same arguments, it returned something else: does it draw random numbers?"
    recorded = [out.array for out in example.subject.outputs(example.arrays)[0]]
    if not same_values(recorded, example.values):
        return "it returns something else where gradients are recorded"
    for _ in range(2):  # every other time is not often enough
        found = example.pull(example.arrays, example.cotangents)
        after = ", when it is called again: does it draw random numbers?"
        text = example.unlike(found, example.gradients, after=after, rounding=lambda: [0.0] * len(example.checked))
        if text:
            return text
    return None


@law
def forwards_do_not_interfere(example: Example) -> str | None:
    """The gradients of a call are the same if the function is called with other arguments before the backward pass:
    each call keeps what it needs separately.
    """
    subject = example.subject
    rearranged = [example.rng.permutation(a.reshape(-1)).reshape(a.shape) if is_array(a) else a for a in example.arrays]
    elsewhere = [arrays for arrays in (rearranged, example.another_point()) if _runs(subject, arrays)]
    if not elsewhere:
        raise NotApplicable("it cannot be called with other arguments")
    for arrays in elsewhere:
        text = _with_one_between(example, subject, arrays)
        if text and subject.module is not None and _kept_by_module(example, arrays):
            raise NotApplicable(
                "the module itself keeps what its backward pass needs, of its last call only: run the backward pass "
                "before the next call, and do not use it twice in one graph"
            )
        if text:
            return f"with a call at other arguments before the backward pass, {text}"
    return None


def _runs(subject: Subject, arrays: list[Any]) -> bool:
    try:
        subject.values(arrays)
    except Exception:
        return False
    return True


def _with_one_between(example: Example, other: Subject, arrays: list[Any]) -> str | None:
    """What is wrong with the gradients of a call if there is another one before its backward pass."""
    example.subject.values(example.arrays)  # a backward function in plain NumPy has no graph that would call forward
    pull = example.subject.pullback(example.arrays)
    other.values(arrays)
    other.pullback(arrays)
    try:
        with example.subject.resumed():  # which is what the call in between has left
            found = or_zeros(pull(example.cotangents), example.gradients)
    except Exception as error:
        return f"it raised {type(error).__name__}: {error}"
    return example.unlike(found, example.gradients)


def _kept_by_module(example: Example, arrays: list[Any]) -> bool:
    """Whether it is the module that keeps the last call: a copy of it shares what belongs to a class or is global, and
    nothing else.
    """
    subject = example.subject
    subject.values(example.arrays)  # what it keeps has no graph now, and can be copied
    try:
        values = [given.value for given in subject.inputs[subject.own :]]
        twin = of_module(copy.deepcopy(subject.module), subject.arranged(values))
    except Exception:  # it keeps what cannot be copied
        return True
    return _with_one_between(example, twin, arrays) is None


@law
def unused_input(example: Example) -> str | None:
    """A tensor that the function does not use has the gradient None, and the other gradients are unaffected."""
    results, leaves = example.subject.outputs(example.arrays)
    if not any(map(tracked, results)):
        raise NotApplicable("no output depends on any input")
    held = [*[leaves[i] for i in example.checked], tensor(np.ones(3), requires_grad=True)]
    with example.subject.resumed():
        *found, none = gradients_of(results, held, example.cotangents)
    example.compared += 1
    if none is not None:
        return f"a tensor that is not used has the gradient {none.tolist()}"
    gradients = or_zeros([array_of(g) for g in found], [leaf.array for leaf in held[:-1]])
    return example.unlike(gradients, example.gradients)
