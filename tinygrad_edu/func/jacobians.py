"""Jacobians and Hessians."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.recording import make_tensor
from ..tensors.tensor import Tensor
from .running import Argnums, require_function, start


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the Jacobian of `f`: the derivative of every output with respect to every input.

    Args:
        f: function that returns a tensor, or nested dicts, lists and tuples of tensors.
        argnums: the position of the argument to differentiate with respect to, or several, as for `grad`.

    Returns:
        A function of the arguments of `f`. For an output of shape (…out) and an argument of shape (…in) it
        returns a tensor of shape (…out, …in): in nested structures, the argument's structure inside the
        output's. It makes one backward pass for each element of the output.

    Raises:
        DtypeError: (when called) for an argument of integers.

    >>> import tinygrad_edu as tg
    >>> tg.jacobian(lambda x: x * x)(tg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    require_function("jacobian", f, argnums)
    return _jacobian("jacobian", f, argnums)


def _jacobian(name: str, f: Callable[..., Any], argnums: Argnums) -> Callable[..., Any]:
    def derivative(*args: Any, **kwargs: Any) -> Any:
        run, build = start(name, f, args, kwargs, argnums)
        outputs = run.read(name, run.result)
        blocks = []
        for place, output in enumerate(outputs):
            rows = []
            for index in np.ndindex(*output.shape):
                one = np.zeros_like(output.array)
                one[index] = 1
                seeds = [one if i == place else np.zeros_like(t.array) for i, t in enumerate(outputs)]
                rows.append(run.pull(seeds))
            blocks.append(build([_block(output, t, [row[i] for row in rows]) for i, t in enumerate(run.inputs)]))
        return run.rebuild(blocks)

    return derivative


def _block(output: Tensor, point: Tensor, rows: list[Tensor]) -> Any:
    """The gradients of all elements of `output`, as one tensor of its shape and then that of `point`."""
    shape = output.shape + point.shape
    return np.stack(rows).reshape(shape) if rows else make_tensor(np.zeros(shape, point.dtype), None)


def hessian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the Hessian of `f`: its second derivatives.

    Args:
        f: function that returns a tensor.
        argnums: the position of the argument to differentiate with respect to, or several, as for `grad`.

    Returns:
        A function of the arguments of `f`. For an output of shape (…out) and an argument of shape (…in) it
        returns a tensor of shape (…out, …in, …in); in nested structures, and for several `argnums`,
        the argument's structure inside itself.

    Raises:
        DtypeError: (when called) for an argument of integers.

    >>> import tinygrad_edu as tg
    >>> tg.hessian(lambda x: (x**3).sum())(tg.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    require_function("hessian", f, argnums)
    return _jacobian("hessian", _jacobian("hessian", f, argnums), argnums)
