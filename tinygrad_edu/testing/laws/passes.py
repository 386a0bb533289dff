"""Laws about backward passes: what enters them, how often they run, and what they add up to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...dtypes import Array
from ...engine.graph import array_of
from ...tensors.creation import tensor
from ..differences.numeric import scale_of
from ..differences.point import Bounds, Change, Point, decide
from ..recorded import same_values
from ..subject import gradients_of, or_zeros, tracked
from .example import Example, NotApplicable, law


@law
def linear_in_cotangent(example: Example) -> Iterator[str | None]:
    """The gradients depend linearly on what enters the backward pass: those of 2u - 3v are 2 times those of u
    less 3 times those of v, those of 0 are 0, and those of the parts of u are the parts of those of u.
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


@law
def adjoint_identity(example: Example) -> str | None:
    """The product of u with J·v, a numeric derivative along v, is that of the gradients for u with v."""
    usable = 0
    for _ in range(3):
        u = example.other_cotangents()
        point = Point.of(example.subject, example.arrays, example.values, u)
        directions = [np.asarray(example.rng.normal(size=x.shape) * scale_of(x)) for x in point.arrays]
        terms = [g * d for g, d in zip(point.pull(u), directions, strict=True)]
        ours, size = math.fsum([float(t.sum()) for t in terms]), float(sum([np.abs(t).sum() for t in terms]))
        change = Change(point, point.line(directions))
        slope = change.slope(1e-9 * size + 1e-300)
        noise = 1e-14 * change.magnitude()
        precision = 1e-5 * max(size, abs(float(slope.value))) + 1e-9 * change.magnitude()
        _, (wrong, exact) = decide(change, ours, slope, Bounds(1e-9 * size, noise, precision))
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
    """One backward pass of the sum of two losses leaves the same `.grad` as a pass of each; a loss may be of one result
    alone.
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
    """The same arguments give the same outputs and gradients again, whether gradients are recorded or not."""
    again = example.subject.values(example.arrays)
    example.compared += sum([out.size for out in again])
    if not same_values(again, example.values):
        return "called twice with the same arguments, it returned something else: does it draw random numbers?"
    recorded = [out.array for out in example.subject.outputs(example.arrays)[0]]
    if not same_values(recorded, example.values):
        return "it returns something else where gradients are recorded"
    again = example.pull(example.arrays, example.cotangents)
    return example.unlike(again, example.gradients, after=", when it is called again: does it draw random numbers?")


@law
def unused_input(example: Example) -> str | None:
    """A tensor that the function does not read has the gradient None, and the other gradients are as without it."""
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
