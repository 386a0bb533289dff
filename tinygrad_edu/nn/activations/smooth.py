"""Sigmoid, tanh, softmax and other smooth activations."""

from __future__ import annotations

from typing import Final

from ...engine.primitives import Operand
from ...errors import ShapeError
from ...ops import activations as ops
from ...ops.arguments import one_axis
from ...ops.indexing import getitem
from ...ops.softmax import log_softmax, softmax, softmin
from ...ops.transcendental import tanh
from ...tensors.tensor import Tensor
from ..op_module import OpModule, function_of, module_of

__all__ = [
    "GELU", "GLU", "LogSigmoid", "LogSoftmax", "Mish", "SiLU", "Sigmoid", "Softmax", "Softmax2d", "Softmin", "Softplus",
    "Softsign", "Tanh", "Tanhshrink",
]  # fmt: skip


@module_of(ops.silu)
class SiLU(OpModule):
    """x sigmoid(x), also called swish.

    Shape: any; integers become the default dtype.

    Source: Elfwing et al., "Sigmoid-Weighted Linear Units for Neural Network Function Approximation" (2017).

    >>> import tinygrad_edu as tg
    >>> tg.nn.SiLU()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.2689,  1.7616])
    """

    inplace: bool = False


silu: Final = function_of(SiLU)


@module_of(ops.mish)
class Mish(OpModule):
    """x tanh(softplus(x)).

    Shape: any; integers become the default dtype.

    Source: Misra, "Mish: A Self Regularized Non-Monotonic Activation Function" (2019).

    >>> import tinygrad_edu as tg
    >>> tg.nn.Mish()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.3034,  1.944 ])
    """

    inplace: bool = False


mish: Final = function_of(Mish)


@module_of(ops.gelu)
class GELU(OpModule):
    """x times the probability that a standard normal variable is below x; `approximate` is "none" or "tanh".

    Shape: any; integers become the default dtype.

    Raises:
        ValueError: when called, if `approximate` is neither.

    Source: Hendrycks and Gimpel, "Gaussian Error Linear Units" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.nn.GELU()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.1587,  1.9545])
    """

    approximate: str = "none"


@module_of(ops.sigmoid)
class Sigmoid(OpModule):
    """1 / (1 + exp(-x)).

    Shape: any; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Sigmoid()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([0.2689, 0.8808])
    """


@module_of(ops.logsigmoid)
class LogSigmoid(OpModule):
    """log(sigmoid(x)).

    Shape: any; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.LogSigmoid()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-1.3133, -0.1269])
    """


@module_of(tanh)
class Tanh(OpModule):
    """The hyperbolic tangent.

    Shape: any; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Tanh()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.7616,  0.964 ])
    """


@module_of(ops.softplus)
class Softplus(OpModule):
    """log(1 + exp(beta x)) / beta; x itself where beta x is above `threshold`.

    Shape: any; integers become the default dtype.

    Source: Dugas et al., "Incorporating Second-Order Functional Knowledge for Better Option Pricing" (2001).

    >>> import tinygrad_edu as tg
    >>> tg.nn.Softplus()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([0.3133, 2.1269])
    """

    beta: float = 1.0
    threshold: float = 20.0


@module_of(ops.softsign)
class Softsign(OpModule):
    """x / (1 + |x|).

    Shape: any; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Softsign()(tg.tensor([-1.0, 3.0]))
    tensor([-0.5 ,  0.75])
    """


@module_of(ops.tanhshrink)
class Tanhshrink(OpModule):
    """x - tanh(x).

    Shape: any; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Tanhshrink()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.2384,  1.036 ])
    """


@module_of(softmax)
class Softmax(OpModule):
    """exp(x) divided by its sum along the axis `dim`.

    Shape: any; integers become the default dtype.

    Raises:
        ShapeError: when called with an input that has no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Softmax(dim=0)(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([0.0474, 0.9526])
    """

    dim: int | None = None


def _over_channels(x: Operand) -> Tensor:
    if len(x.shape) not in (3, 4):
        raise ShapeError(f"Softmax2d expects (N, C, H, W) or (C, H, W), got {tuple(x.shape)}: use nn.Softmax(dim=…)")
    return softmax(x, -3)


@module_of(_over_channels)
class Softmax2d(OpModule):
    """Softmax over the channels, for each pixel.

    Shape: (N, C, H, W) or (C, H, W), unchanged.

    Raises:
        ShapeError: when called with an input that has a different number of axes.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Softmax2d()(tg.zeros(2, 1, 1)).reshape(2)
    tensor([0.5, 0.5])
    """


@module_of(log_softmax)
class LogSoftmax(OpModule):
    """The logarithm of softmax along the axis `dim`.

    Shape: any; integers become the default dtype.

    Raises:
        ShapeError: when called with an input that has no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.LogSoftmax(dim=0)(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-3.0486, -0.0486])
    """

    dim: int | None = None


@module_of(softmin)
class Softmin(OpModule):
    """softmax of -x along the axis `dim`.

    Shape: any; integers become the default dtype.

    Raises:
        ShapeError: when called with an input that has no such axis.

    >>> import tinygrad_edu as tg
    >>> tg.nn.Softmin(dim=0)(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([0.9526, 0.0474])
    """

    dim: int | None = None


def glu(input: Operand, dim: int = -1, *, axis: int | None = None) -> Tensor:
    """The first half of an axis times the sigmoid of the second half.

    Raises:
        ShapeError: if the size of the axis is odd.

    Args:
        input: floating tensor with an axis of even size.
        dim: the axis to split.
        axis: the same as `dim`.

    Returns:
        Tensor of the same shape, but half as long along the axis.

    Source: Dauphin et al., "Language Modeling with Gated Convolutional Networks" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.glu(tg.tensor([3.0, 0.0]))
    tensor([1.5])
    """
    dim = dim if axis is None else axis
    place = one_axis("glu", input, dim)
    assert place is not None
    size = input.shape[place]
    if size % 2:
        raise ShapeError(f"glu: axis {dim} of shape {input.shape} is {size}, which is not even")
    before = (slice(None),) * place
    first = getitem(input, (*before, slice(None, size // 2)))
    second = getitem(input, (*before, slice(size // 2, None)))
    return first * ops.sigmoid(second)


@module_of(glu)
class GLU(OpModule):
    """The first half of the axis `dim` times the sigmoid of the second half.

    Shape: any; the axis `dim` becomes half as long.

    Raises:
        ShapeError: when called with an input in which that size is odd.

    Source: Dauphin et al., "Language Modeling with Gated Convolutional Networks" (2016).

    >>> import tinygrad_edu as tg
    >>> tg.nn.GLU()(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.8808])
    """

    dim: int = -1
