"""Products with Jacobians and Hessians: a function's derivatives times vectors, from either side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..autograd import running as autograd
from ..autograd.modes import enable_grad
from ..engine.graph import Leaf
from ..engine.recording import make_tensor
from ..tensors.tensor import Tensor
from .gradients import _value_and_grad
from .running import Tree, fitting, in_order, require_function, start


def vjp(f: Callable[..., Any], *primals: Tree) -> tuple[Tree, Callable[[Tree], tuple[Tree, ...]]]:
    """The value of `f`, and the function that pulls gradients of the value back to the arguments.

    Args:
        f: function that returns a tensor, or nested dicts, lists and tuples of tensors.
        *primals: all of its arguments.

    Returns:
        The pair (value, pull). ``pull(gradient)`` takes a gradient like the value in structure and shapes,
        and returns a tuple with the gradient of each argument. It may be called any number of times.

    Raises:
        DtypeError: for an argument of integers.

    >>> import tinygrad_edu as tg
    >>> value, pull = tg.vjp(lambda x, y: x * y, tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
    >>> pull(tg.tensor([1.0, 10.0]))
    (tensor([ 3., 40.]), tensor([ 1., 20.]))
    """
    require_function("vjp", f)
    run, build = start("vjp", f, primals, {}, range(len(primals)))
    outputs = run.read("vjp", run.result)

    def pull(gradient: Tree) -> tuple[Tree, ...]:
        seeds = fitting("vjp", "gradient", gradient, outputs)
        return tuple(build(run.pull(seeds)))

    return run.outside(run.result), pull


def jvp(f: Callable[..., Any], primals: Sequence[Tree], tangents: Sequence[Tree]) -> tuple[Tree, Tree]:
    """The value of `f`, and its directional derivative along `tangents`.

    This is the product of the Jacobian and a vector; a backward pass gives that of a vector and the
    Jacobian. The backward pass is linear in the gradient that enters it, so a second backward pass, through
    the first and by that gradient, transposes it: at about three times the cost of a gradient.

    Args:
        f: function that returns a tensor, or nested dicts, lists and tuples of tensors.
        primals: the arguments of `f`.
        tangents: for each argument the direction, like it in structure and shapes.

    Returns:
        The pair (value, tangent), alike in structure, shapes and dtypes.

    Raises:
        DtypeError: for an argument of integers.
        ShapeError: if a tangent is not like its argument.

    >>> import tinygrad_edu as tg
    >>> tg.jvp(lambda x: x * x, (tg.tensor([1.0, 2.0]),), (tg.tensor([1.0, 0.5]),))
    (tensor([1., 4.]), tensor([2., 2.]))
    """
    require_function("jvp", f)
    primals, tangents = in_order("jvp", "primals", primals), in_order("jvp", "tangents", tangents)
    run, _ = start("jvp", f, primals, {}, range(len(primals)))
    outputs = run.read("jvp", run.result)
    directions = fitting("jvp", "tangents", tangents, run.inputs)
    entering = [make_tensor(np.zeros_like(t.array), Leaf(t.shape, t.dtype)) for t in outputs]
    with enable_grad():
        gradients = run.pull(entering)
    pairs = [(g, t) for g, t in zip(gradients, directions, strict=True) if g.source is not None]
    found: Sequence[Tensor | None] = [None] * len(entering)
    if pairs:
        ends, along = zip(*pairs, strict=True)
        found = autograd.grad(ends, entering, along, create_graph=run.is_recorded(directions), allow_unused=True)
    moved = [t.detach() if g is None else g for g, t in zip(found, entering, strict=True)]
    return run.outside(run.result), run.rebuild(moved)


def hvp(f: Callable[..., Any], primals: Sequence[Tree], vectors: Sequence[Tree]) -> tuple[Tree, tuple[Tree, ...]]:
    """The value of `f`, and the product of its Hessian with a vector, without computing the Hessian.

    Args:
        f: function that returns a tensor; for one that is not a scalar, the sum of its elements is used.
        primals: the arguments of `f`.
        vectors: for each argument a vector, like it in structure and shapes.

    Returns:
        The pair (value, product); the product is a tuple like the primals. Computed as the gradient of
        gradient · vector (Pearlmutter 1994), at about twice the cost of a gradient.

    Raises:
        DtypeError: for an argument of integers.
        ShapeError: if a vector is not like its argument.

    >>> import tinygrad_edu as tg
    >>> tg.hvp(lambda x: x**3, (tg.tensor([1.0, 2.0]),), (tg.tensor([1.0, 10.0]),))
    (tensor([1., 8.]), (tensor([  6., 120.]),))
    """
    require_function("hvp", f)
    primals, vectors = in_order("hvp", "primals", primals), in_order("hvp", "vectors", vectors)
    values = []

    def gradients(*args: Any) -> Any:
        value, gradient = _value_and_grad("hvp", f, range(len(args)), False)(*args)
        values.append(value)
        return gradient

    run, build = start("hvp", gradients, primals, {}, range(len(primals)))
    outputs = run.read("hvp", run.result)
    seeds = fitting("hvp", "vectors", vectors, outputs)
    return run.outside(values[0]), tuple(build(run.pull(seeds)))
