"""Laws about backward passes: what enters them, how often they run, and what they add up to."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...dtypes import Array
from ...engine.recording import array_of
from ...tensors.creation import tensor
from ..differences.numeric import scale_of
from ..differences.point import Change, Point, judge
from ..subject import gradients_of, or_zeros, tracked
from .example import Example, NotApplicable, law, same_values

__all__ = [
    "accumulate_twice_is_double",
    "adjoint_identity",
    "deterministic",
    "linear_in_cotangent",
    "sum_of_losses_is_two_backwards",
    "unused_input",
]


@law
def linear_in_cotangent(example: Example) -> str | None:
    """The gradients depend linearly on what enters the backward pass: those of 2u - 3v are 2 times those of u
    less 3 times those of v, those of 0 are 0, and those of the parts of u are the parts of those of u.
    """
    u, v = example.cotangents, example.other_cotangents()
    pull = Point.of(example.subject, example.arrays, example.values, u).pull
    by_u, by_v = pull(u), pull(v)
    together = pull([np.asarray(2 * a - 3 * b) for a, b in zip(u, v, strict=True)])
    expected = [np.asarray(2 * a - 3 * b) for a, b in zip(by_u, by_v, strict=True)]
    scales = [2 * np.abs(a) + 3 * np.abs(b) for a, b in zip(by_u, by_v, strict=True)]
    text = example.unlike(together, expected, scales)
    if text:
        return f"{text}, for 2u - 3v"
    text = example.unlike(pull([np.zeros(a.shape) for a in u]), [np.zeros(a.shape) for a in by_u])
    if text:
        return f"{text}, for a cotangent of zeros"
    masks = [example.rng.random(a.shape) < 0.5 for a in u]
    some, others = (
        pull([a * m for a, m in zip(u, masks, strict=True)]),
        pull([a * ~m for a, m in zip(u, masks, strict=True)]),
    )
    scales = [np.abs(a) + np.abs(b) for a, b in zip(some, others, strict=True)]
    text = example.unlike([np.asarray(a + b) for a, b in zip(some, others, strict=True)], by_u, scales)
    return f"{text}, for a cotangent in two parts, each of them 0 in places" if text else None


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
        wrong, exact = judge(ours, slope, tolerance=1e-9 * size, noise=noise, precision=precision)
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
def accumulate_twice_is_double(example: Example) -> str | None:
    """A second backward pass through the same graph adds the same gradients once more to `.grad`."""
    results, leaves = example.record([np.array(a) if isinstance(a, np.ndarray) else a for a in example.arrays])
    example.run(results, example.cotangents, retain_graph=True)
    once = [g.copy() for g in example.kept(leaves)]
    example.run(results, example.cotangents, retain_graph=True)
    text = example.unlike(once, example.gradients)
    if text:
        return f"{text}, after one pass"
    text = example.unlike(example.kept(leaves), [np.asarray(2 * g) for g in example.gradients])
    return f"{text}, after two passes" if text else None


@law
def sum_of_losses_is_two_backwards(example: Example) -> str | None:
    """One backward pass of the sum of two losses leaves the same `.grad` as a pass of each; a loss may be of one result
    alone.
    """
    u, v = example.cotangents, example.other_cotangents()

    def loss(results: list[Any], seeds: list[Array]) -> Any:
        return sum([(out * tensor(c)).sum() for out, c in zip(results, seeds, strict=True)])

    results, leaves = example.record(example.arrays)
    example.run([loss(results, u) + loss(results, v)], [None])
    together = example.kept(leaves)
    results, leaves = example.record(example.arrays)
    example.run([loss(results, u)], [None], retain_graph=True)
    first = [g.copy() for g in example.kept(leaves)]
    example.run([loss(results, v)], [None])
    both = example.kept(leaves)
    scales = [np.abs(a) + np.abs(b - a) for a, b in zip(first, both, strict=True)]
    text = example.unlike(together, both, scales)
    if text or len(u) == 1:
        return text
    results, leaves = example.record(example.arrays)
    sizes, before = [np.zeros(g.shape) for g in first], [np.zeros(g.shape) for g in first]
    for k in range(len(u)):
        example.run([loss(results[k : k + 1], u[k : k + 1])], [None], retain_graph=True)
        after = [g.copy() for g in example.kept(leaves)]
        sizes = [s + np.abs(a - b) for s, a, b in zip(sizes, after, before, strict=True)]
        before = after
    text = example.unlike(before, example.gradients, sizes)
    return f"{text}, for a pass of each result alone" if text else None


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
    return example.unlike(example.pull(example.arrays, example.cotangents), example.gradients)


@law
def unused_input(example: Example) -> str | None:
    """A tensor that the function does not read has the gradient None, and the other gradients are as without it."""
    results, leaves = example.subject.outputs(example.arrays)
    if not any(map(tracked, results)):
        raise NotApplicable("no output depends on any input")
    held = [*[leaves[i] for i in example.checked], tensor(np.ones(3), requires_grad=True)]
    *found, none = gradients_of(results, held, example.cotangents)
    example.compared += 1
    if none is not None:
        return f"a tensor that is not used has the gradient {none.tolist()}"
    gradients = or_zeros([array_of(g) for g in found], [leaf.array for leaf in held[:-1]])
    return example.unlike(gradients, example.gradients)
