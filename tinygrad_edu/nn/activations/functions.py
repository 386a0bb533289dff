"""The activations in PyTorch's call forms. The functions are those of `ops`; `inplace` is accepted and ignored."""

from __future__ import annotations

from ...engine.primitives import Operand
from ...errors import ShapeError
from ...ops import activations as a
from ...ops.activations import gelu, hardshrink, logsigmoid, sigmoid, softplus, softshrink, softsign, tanhshrink
from ...ops.arguments import one_axis
from ...ops.indexing import getitem
from ...ops.piecewise import where
from ...ops.softmax import log_softmax, softmax, softmin
from ...ops.transcendental import tanh
from ...tensors.tensor import Tensor

__all__ = [
    "celu", "elu", "gelu", "glu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_softmax",
    "logsigmoid", "mish", "prelu", "relu", "relu6", "selu", "sigmoid", "silu", "softmax", "softmin", "softplus",
    "softshrink", "softsign", "tanh", "tanhshrink", "threshold",
]  # fmt: skip


def relu(input: Operand, inplace: bool = False) -> Tensor:
    """max(input, 0); see `tinygrad_edu.relu`. Any shape.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.relu(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return a.relu(input)


def relu6(input: Operand, inplace: bool = False) -> Tensor:
    """min(max(input, 0), 6); see `tinygrad_edu.relu6`. Any shape.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.relu6(tg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return a.relu6(input)


def leaky_relu(input: Operand, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input, or `negative_slope` times input where that is negative; see `tinygrad_edu.leaky_relu`.

    Any shape; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.leaky_relu(tg.tensor([-1.0, 2.0]))
    tensor([-0.01,  2.  ])
    """
    return a.leaky_relu(input, negative_slope)


def elu(input: Operand, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The exponential linear unit; see `tinygrad_edu.elu`. Any shape; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.elu(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.6321,  2.    ])
    """
    return a.elu(input, alpha)


def selu(input: Operand, inplace: bool = False) -> Tensor:
    """The scaled exponential linear unit; see `tinygrad_edu.selu`. Any shape; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.selu(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-1.1113,  2.1014])
    """
    return a.selu(input)


def celu(input: Operand, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """The exponential linear unit with a continuous derivative; see `tinygrad_edu.celu`.

    Any shape; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.celu(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.6321,  2.    ])
    """
    return a.celu(input, alpha)


def silu(input: Operand, inplace: bool = False) -> Tensor:
    """input times sigmoid(input); see `tinygrad_edu.silu`. Any shape; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.silu(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.2689,  1.7616])
    """
    return a.silu(input)


def mish(input: Operand, inplace: bool = False) -> Tensor:
    """input times tanh(softplus(input)); see `tinygrad_edu.mish`. Any shape; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.mish(tg.tensor([-1.0, 2.0])).round(decimals=4)
    tensor([-0.3034,  1.944 ])
    """
    return a.mish(input)


def hardtanh(input: Operand, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """input, held between `min_val` and `max_val`; see `tinygrad_edu.hardtanh`. Any shape.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.hardtanh(tg.tensor([-1.0, 2.0]))
    tensor([-1.,  1.])
    """
    return a.hardtanh(input, min_val, max_val)


def hardsigmoid(input: Operand, inplace: bool = False) -> Tensor:
    """input / 6 + 1/2, held between 0 and 1; see `tinygrad_edu.hardsigmoid`.

    Any shape; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.hardsigmoid(tg.tensor([-1.5, 5.0]))
    tensor([0.25, 1.  ])
    """
    return a.hardsigmoid(input)


def hardswish(input: Operand, inplace: bool = False) -> Tensor:
    """input times hardsigmoid(input); see `tinygrad_edu.hardswish`. Any shape; integers become the default dtype.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.hardswish(tg.tensor([-1.5, 5.0]))
    tensor([-0.375,  5.   ])
    """
    return a.hardswish(input)


def threshold(input: Operand, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where it is above the threshold, else `value`; see `tinygrad_edu.threshold`. Any shape.

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.threshold(tg.tensor([-1.0, 2.0]), 1.5, 0.0)
    tensor([0., 2.])
    """
    return a.threshold(input, threshold, value)


def prelu(input: Operand, weight: Operand) -> Tensor:
    """input where it is positive, else input times a learnt weight.

    Args:
        input: floating tensor of shape (N, C, …), or any shape for a single weight.
        weight: tensor of shape (1,), or (C,) for one weight per channel.

    Raises:
        ShapeError: if there are not as many weights as channels.

    Source: He et al., "Delving Deep into Rectifiers" (2015).

    >>> import tinygrad_edu as tg
    >>> tg.nn.functional.prelu(tg.tensor([-4.0, 4.0]), tg.tensor([0.25]))
    tensor([-1.,  4.])
    """
    shape = input.shape
    if weight.shape != (1,):
        if len(shape) < 2 or weight.shape != shape[1:2]:
            raise ShapeError(
                f"prelu: weight has shape {weight.shape}, input {shape}: it needs one weight, "
                "or one for each channel (axis 1)"
            )
        weight = weight.reshape((-1,) + (1,) * (len(shape) - 2))
    return where(input > 0, input, weight * input)


def glu(input: Operand, dim: int = -1, *, axis: int | None = None) -> Tensor:
    """The first half of an axis times the sigmoid of the second half.

    Raises:
        ShapeError: if the size of the axis is odd.

    Args:
        input: floating tensor with an axis of even size.
        dim: that axis.
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
        raise ShapeError(f"glu: axis {dim} of shape {input.shape} is {size}, which has no two halves")
    before = (slice(None),) * place
    first = getitem(input, (*before, slice(None, size // 2)))
    second = getitem(input, (*before, slice(size // 2, None)))
    return first * sigmoid(second)
