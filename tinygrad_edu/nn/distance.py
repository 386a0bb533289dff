"""Dropout, padding, lengths and angles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..engine.primitives import Operand
from ..engine.recording import make_tensor
from ..errors import DtypeError, ShapeError
from ..ops.arithmetic import mul
from ..ops.broadcasting import broadcast_tensors
from ..ops.generator import Generator, source
from ..ops.piecewise import clamp_min, maximum
from ..ops.rearranging import pad as numpy_pad
from ..ops.statistics import norm
from ..tensors.tensor import Tensor
from .checks import probability

__all__ = ["cosine_similarity", "dropout", "normalize", "pad", "pairwise_distance"]


def dropout(
    input: Operand,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Set each number to 0 with probability `p`, and divide the others by 1 - p, so that the mean stays.

    Args:
        input: floating tensor of any shape.
        p: the probability with which a number is dropped.
        training: if False, the result is the input.
        inplace: accepted for PyTorch's sake; the result is always a new tensor.
        generator: where the random numbers come from; default, the default generator.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ValueError: if `p` is not between 0 and 1.
        DtypeError: if `input` is not floating.

    Source: Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (2014).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.dropout(tg.ones(3), p=1.0)
    tensor([0., 0., 0.])
    """
    p = probability("dropout", p)
    if input.dtype.kind != "f":
        raise DtypeError(f"dropout: input has dtype {input.dtype}, it must be floating-point: use .float()")
    if not training or p == 0:
        return input  # type: ignore[no-any-return]
    kept = source(generator).random(input.shape, np.float32) >= p
    scale = np.multiply(kept, 1 / (1 - p) if p < 1 else 0.0, dtype=input.dtype)
    return mul(input, make_tensor(np.asarray(scale), None))


def pad(input: Operand, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """With numbers put around, in PyTorch's call form: pairs from the last axis backwards.

    Args:
        input: tensor of any shape.
        pad: how many before and after: (last axis before, after, axis before that before, after, …).
            Negative numbers crop: after an axis was reflected or replicated, but before it is made circular or
            constants are put around.
        mode: "constant", "reflect", "replicate" or "circular".
        value: the number put there, for "constant"; default 0.

    Returns:
        Tensor, longer along each padded axis.

    Raises:
        ShapeError: if there are more pairs than axes, or not pairs at all.
        ValueError: for an unknown mode, or a value where it is not used.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.pad(tg.tensor([[1.0, 2.0]]), (1, 0, 0, 1))
    tensor([[0., 1., 2.],
            [0., 0., 0.]])
    """
    names = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    if mode not in names:
        raise ValueError(f"pad: unknown mode {mode!r}: use {', '.join(map(repr, names))}")
    if mode != "constant" and value is not None:
        raise ValueError(f"pad: value={value} is for mode='constant', not for {mode!r}")
    depth = len(input.shape)
    if len(pad) % 2 or len(pad) > 2 * depth:
        raise ShapeError(
            f"pad: {tuple(pad)} has {len(pad)} numbers; a tensor of shape {input.shape} takes pairs "
            f"(before, after), at most {depth}, beginning with the last axis"
        )
    pairs = [(pad[i], pad[i + 1]) for i in range(0, len(pad), 2)][::-1]
    widths = [(0, 0)] * (depth - len(pairs)) + pairs
    return numpy_pad(input, widths, names[mode], 0.0 if value is None else value)


def normalize(input: Operand, p: float = 2.0, dim: int = 1, eps: float = 1e-12, *, axis: int | None = None) -> Tensor:
    """Divided by the p-norm along an axis, or by `eps` where the norm is smaller.

    Args:
        input: floating tensor of one axis or more.
        p: which norm.
        dim: the axis along which the vectors lie.
        eps: the least norm that is divided by.
        axis: the same as `dim`.

    Returns:
        Tensor of the shape of `input`.

    Raises:
        ShapeError: if there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.normalize(tg.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6, 0.8],
            [0. , 0. ]])
    """
    dim = dim if axis is None else axis
    return input / clamp_min(norm(input, p, dim, keepdim=True), eps)  # type: ignore[no-any-return]


def cosine_similarity(x1: Operand, x2: Operand, dim: int = 1, eps: float = 1e-8, *, axis: int | None = None) -> Tensor:
    """The cosine of the angle between vectors along an axis; `eps` is the least length that is reckoned with.

    Args:
        x1: floating tensor.
        x2: tensor whose shape broadcasts with that of `x1`.
        dim: the axis along which the vectors lie.
        eps: the least length, which keeps the cosine with the zero vector 0.
        axis: the same as `dim`.

    Returns:
        Tensor of the broadcast shape without that axis.

    Raises:
        ShapeError: if the shapes do not broadcast, or there is no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.cosine_similarity(tg.tensor([[1.0, 0.0]]), tg.tensor([[3.0, 4.0]]))
    tensor([0.6])
    """
    dim = dim if axis is None else axis
    depth = max(len(x1.shape), len(x2.shape))
    from_end = dim - depth if 0 <= dim < depth else dim
    if x1.shape[from_end:][:1] != x2.shape[from_end:][:1] or len(x1.shape) != len(x2.shape):
        x1, x2 = broadcast_tensors(x1, x2)  # what is repeated along the axis counts in the lengths
    first = x1 / maximum(norm(x1, 2, dim, keepdim=True), eps)
    second = x2 / maximum(norm(x2, 2, dim, keepdim=True), eps)
    return (first * second).sum(dim)  # type: ignore[no-any-return]


def pairwise_distance(
    x1: Operand, x2: Operand, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False, *, keepdims: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis.

    Args:
        x1: floating tensor of shape (*, D).
        x2: tensor whose shape broadcasts with that of `x1`.
        p: which norm.
        eps: added to each difference; keeps the derivative finite where they are equal.
        keepdim: keep the last axis, with size 1.
        keepdims: the same as `keepdim`.

    Returns:
        Tensor of the broadcast shape without the last axis, or with it as size 1.

    Raises:
        ShapeError: if the shapes do not broadcast.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.pairwise_distance(tg.tensor([[3.0, 4.0]]), tg.zeros(1, 2), eps=0.0)
    tensor([5.])
    """
    return norm(x1 - x2 + eps, p, -1, keepdim=keepdim or keepdims)
