"""Strategies for arguments that belong together: operands, arguments of a convolution, batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from hypothesis import strategies as st

from ...dtypes import Array
from ...tensors.tensor import Tensor
from .sizes import Shape, parts_of, shapes, sides
from .values import Domain, Layout, Numbers, draw_array, like, sized, tensors


def tensor_groups(
    n: int,
    max_dims: int = 3,
    min_side: int = 1,
    max_side: int = 3,
    dtype: Any = np.float64,
    domain: Domain | Sequence[Domain] = "wide",
    layout: Layout = "C",
    requires_grad: bool = True,
) -> st.SearchStrategy[tuple[Tensor, ...]]:
    """Several tensors that broadcast together. Their shapes shrink to equal ones.

    Args:
        n: how many.
        max_dims: the largest number of axes of the shape that they broadcast to.
        min_side: the smallest size of an axis; see `shapes`.
        max_side: the largest size of an axis.
        dtype: as for `tensors`.
        domain: as for `tensors`; or one for each of them. All "wide" ones have numbers of the same size.
        layout: as for `tensors`.
        requires_grad: as for `tensors`.

    Raises:
        ValueError: if there are not as many domains as tensors; else as `tensors`.

    >>> from tinygrad_edu.testing.strategies import simplest, tensor_groups
    >>> simplest(tensor_groups(2, domain=["smooth", "positive"]))
    (tensor(0., dtype=float64, requires_grad=True), tensor(1., dtype=float64, requires_grad=True))
    """
    domains: list[Any] = [domain] * n if isinstance(domain, str) else list(domain)
    if len(domains) != n:
        raise ValueError(f"tensor_groups: {len(domains)} domains for {n} tensors: one for each")
    for one in domains:
        tensors((), dtype, one, layout, requires_grad)  # raises errors at once
    made = lambda shape, numbers: like(shape, np.dtype(dtype), numbers, layout, requires_grad)
    return _groups(shapes(0, max_dims, min_side, max_side), domains, sized(dtype), made)


@st.composite
def _groups(
    draw: st.DrawFn,
    common: st.SearchStrategy[Shape],
    domains: Sequence[Domain],
    sizes: st.SearchStrategy[Numbers],
    made: Callable[[Shape, Numbers], st.SearchStrategy[Tensor]],
) -> tuple[Tensor, ...]:
    wide = draw(sizes) if "wide" in domains else "smooth"
    shape = draw(common)
    members = [draw(parts_of(shape)) for _ in domains]
    numbers = [wide if domain == "wide" else domain for domain in domains]
    return tuple([draw(made(*pair)) for pair in zip(members, numbers, strict=True)])


def matmul_pairs(
    min_side: int = 1,
    max_side: int = 3,
    dtype: Any = np.float64,
    domain: Domain = "wide",
    layout: Layout = "C",
    requires_grad: bool = True,
) -> st.SearchStrategy[tuple[Tensor, Tensor]]:
    """Pairs of operands of `@`: vectors, matrices, and stacks of matrices that broadcast. They shrink to two vectors.

    Args:
        min_side: the smallest size of an axis; see `shapes`.
        max_side: the largest size of an axis.
        dtype: as for `tensors`.
        domain: as for `tensors`.
        layout: as for `tensors`.
        requires_grad: as for `tensors`.

    >>> from tinygrad_edu.testing.strategies import matmul_pairs, simplest
    >>> a, b = simplest(matmul_pairs(), lambda pair: pair[0].ndim == 2)
    >>> a.shape, b.shape
    ((1, 1), (1,))
    """
    tensors((), dtype, domain, layout, requires_grad)  # raises errors at once
    made = lambda shape, numbers: like(shape, np.dtype(dtype), numbers, layout, requires_grad)
    return _pairs(sides(min_side, max_side), sized(dtype) if domain == "wide" else st.just(domain), made)


@st.composite
def _pairs(
    draw: st.DrawFn,
    side: st.SearchStrategy[int],
    numbers: st.SearchStrategy[Numbers],
    made: Callable[[Shape, Numbers], st.SearchStrategy[Tensor]],
) -> tuple[Tensor, Tensor]:
    inner, rows, columns = draw(side), draw(st.none() | side), draw(st.none() | side)
    stack = draw(shapes(max_dims=2, max_side=2))
    first = (inner,) if rows is None else (*draw(parts_of(stack)), rows, inner)
    second = (inner,) if columns is None else (*draw(parts_of(stack)), inner, columns)
    common = draw(numbers)
    return draw(made(first, common)), draw(made(second, common))


class ConvArgs(NamedTuple):
    """The arguments of a convolution, in PyTorch's terms.

    Attributes:
        input: (N, C, *size).
        weight: (O, C / groups, *kernel).
        bias: (O,), or None.
        stride, dilation: one number for all axes.
        padding: a number, "same" or "valid".
        groups: the number of groups of channels.

    >>> from tinygrad_edu.testing.strategies import conv_args, simplest
    >>> simplest(conv_args(1)).weight.shape
    (1, 1, 2)
    """

    input: Array
    weight: Array
    bias: Array | None
    stride: int
    padding: int | Literal["same", "valid"]
    dilation: int
    groups: int


def conv_args(dims: int = 2, dtype: Any = np.float64) -> st.SearchStrategy[ConvArgs]:
    """Arguments of a convolution that fit each other, as arrays and numbers.

    0 to 4 samples; 1, 3, 12 or 32 channels in 1 to 12 groups; kernels of 2 or 3 a side; stride and dilation 1 or 2;
    padding 0, 1, 2, "valid" and, with stride 1, "same".

    Args:
        dims: how many axes the kernel has.
        dtype: that of the arrays.

    >>> from tinygrad_edu.testing.strategies import conv_args, simplest
    >>> call = simplest(conv_args(), lambda call: call.groups > 1)
    >>> call.input.shape, call.weight.shape, call.bias, call.stride, call.padding, call.dilation, call.groups
    ((1, 3, 1, 1), (3, 1, 2, 2), None, 1, 1, 1, 3)
    """
    return _conv(dims, dtype)


@st.composite
def _conv(draw: st.DrawFn, dims: int, dtype: Any) -> ConvArgs:
    samples, channels = draw(sides(0, 4)), draw(st.sampled_from([1, 3, 12, 32]))
    groups = draw(st.sampled_from([k for k in range(1, 13) if channels % k == 0]))
    out = groups * draw(st.integers(1, 2))
    stride, dilation = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    paddings: list[Any] = [0, 1, 2, "valid", *["same"] * (stride == 1)]
    padding = draw(st.sampled_from(paddings))
    kernel = tuple(draw(st.integers(2, 3)) for _ in range(dims))
    added = 2 * padding if isinstance(padding, int) else 0
    size = tuple(max(1, dilation * (k - 1) + 1 - added) + draw(st.integers(0, 2)) for k in kernel)
    array = draw_array(draw, (samples, channels, *size), "smooth", "C", dtype)
    weight = draw_array(draw, (out, channels // groups, *kernel), "weights", "C", dtype)
    bias = draw_array(draw, (out,), "smooth", "C", dtype) if draw(st.booleans()) else None
    return ConvArgs(array, weight, bias, stride, padding, dilation, groups)


class Batch(NamedTuple):
    """Inputs, and a target for each.

    Attributes:
        inputs: (B, *features), floating.
        targets: (B,): class indices, or numbers.

    >>> from tinygrad_edu.testing.strategies import batches, simplest
    >>> simplest(batches(1))[0].targets
    tensor([0])
    """

    inputs: Tensor
    targets: Tensor


def batches(
    *sizes: int,
    features: int | Shape = 2,
    classes: int | None = 3,
    max_batches: int = 3,
    dtype: Any = np.float64,
    requires_grad: bool = False,
) -> st.SearchStrategy[list[Batch]]:
    """Lists of batches of uneven sizes, as at the end of an epoch: some are empty, some have one sample.

    Args:
        *sizes: the sizes that a batch may have; default 0, 1 and 4.
        features: the number of features of a sample, or its shape.
        classes: the number of classes of the targets; None for targets that are real numbers.
        max_batches: the largest number of batches; there is at least one.
        dtype: that of the inputs, and of targets that are numbers.
        requires_grad: whether the inputs require a gradient.

    >>> from tinygrad_edu.testing.strategies import batches, simplest
    >>> simplest(batches(), lambda epoch: len(epoch[0].inputs) == 1)
    [Batch(inputs=tensor([[0., 0.]], dtype=float64), targets=tensor([0]))]
    >>> [len(batch.inputs) for batch in simplest(batches(0, 1, 3), lambda epoch: len(epoch) == 2)]
    [0, 0]
    """
    shape = (features,) if isinstance(features, int) else tuple(features)
    return st.lists(_batch(sizes or (0, 1, 4), shape, classes, dtype, requires_grad), min_size=1, max_size=max_batches)


@st.composite
def _batch(
    draw: st.DrawFn, sizes: Sequence[int], features: Shape, classes: int | None, dtype: Any, wanted: bool
) -> Batch:
    count = draw(st.sampled_from(list(sizes)))
    inputs = Tensor(draw_array(draw, (count, *features), "smooth", "C", dtype), requires_grad=wanted)
    if classes is None:
        return Batch(inputs, Tensor(draw_array(draw, (count,), "smooth", "C", dtype)))
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=count, max_size=count))
    return Batch(inputs, Tensor(np.array(labels, np.int64)))
